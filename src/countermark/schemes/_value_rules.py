"""The rules of a vendor for one value of a principal."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from countermark.errors import InvalidPrincipal


class ValueRule(NamedTuple):
    """The rules for one value, in addition to those for all texts."""

    kind: str = "text"  #: ``text``, ``integer``, ``boolean``, ``list`` or ``object``.
    charset: str = "any"  #: ``any`` text, or ``ascii`` for ASCII alone.
    lower: bool = False  #: True if it is signed and handed over in lower case.
    refuse_prefixes: tuple[str, ...] = ()  #: The prefixes that it must not have.
    refuse_containing: tuple[str, ...] = ()  #: The texts that it must not contain.
    patterns: tuple[str, ...] = ()  #: Regular expressions; the whole value must match each of them.
    default: Any = None  #: The value for a principal without this attribute; None: missing.
    #: The values that ``refuse_prefixes`` and ``refuse_containing`` distinguish it from. An account
    #: that never signs those needs neither rule.
    apart_from: tuple[str, ...] = ()
    #: The path in an object, such as ``user.key``, that must hold the principal's id.
    id_at: str = ""

    @property
    def refuses(self) -> bool:
        """True if the rule refuses any text."""
        return self != ValueRule(self.kind, default=self.default, id_at=self.id_at)

    def problem(self, text: str) -> str | None:
        """Return why *text* may not be signed, or None. It is already a valid identifier."""
        if self.charset == "ascii" and not text.isascii():
            return "it is not ASCII"
        for prefix in self.refuse_prefixes:
            if text.startswith(prefix):
                return f"it begins with {prefix!r}"
        for part in self.refuse_containing:
            if part in text:
                return f"it holds {part!r}"
        if all(re.fullmatch(pattern, text) for pattern in self.patterns):
            return None
        return "it does not match the pattern"

    def apply(self, text: str, where: str) -> str:
        """Return *text* as it is signed.

        Raises:
            InvalidPrincipal: The text may not be signed; the message begins with *where*.
        """
        if self.lower:
            if not all(map(_has_one_case_pair, text)):
                raise InvalidPrincipal(
                    f"{where} is refused: in lower case it could be another user's",
                    code="principal_pattern",
                )
            text = text.lower()
        if problem := self.problem(text):
            if self.apart_from:
                names = ", ".join(map(repr, self.apart_from))
                problem += f"; if the account never signs that, pass never_signed=[{names}]"
            raise InvalidPrincipal(f"{where} is refused: {problem}", code="principal_pattern")
        return text


def _has_one_case_pair(character: str) -> bool:
    """Return True if all languages, of any version of Unicode, put it into the same lower case."""
    if character.isascii():
        return True
    import unicodedata  # late, as few values have such characters

    # A capital sigma has two small letters, and languages choose by different rules. A character
    # that is not assigned yet may be a capital letter of a later version.
    if character == "\N{GREEK CAPITAL LETTER SIGMA}" or unicodedata.category(character) == "Cn":
        return False
    # The Kelvin sign becomes a plain k, which turns one user's address into another's.
    lower = character.lower()
    return lower == character or lower.upper() == character

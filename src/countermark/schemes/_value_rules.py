"""What a vendor takes for one value of a principal."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from countermark.errors import InvalidPrincipal, InvalidScheme


class ValueRule(NamedTuple):
    """What a vendor takes for one value, beyond what no text may hold.

    Attributes:
        kind: ``text``, ``integer``, ``boolean``, ``list`` or ``object``.
        charset: ``any`` text, or ``ascii`` for its printable characters alone.
        lower: Whether it is signed, and handed over, in lower case.
        refuse_prefixes: What it must not begin with.
        refuse_containing: What must not occur in it.
        patterns: Regular expressions, each of which all of it must match.
        default: What it is where the principal has no such attribute; None: missing.
        apart_from: The values from which ``refuse_prefixes`` and ``refuse_containing``
            keep it apart. Where an account never signs those, it needs neither.
        id_at: The place of a user's id in an object, such as ``user.key``: what is
            there must be the principal's id.
    """

    kind: str = "text"
    charset: str = "any"
    lower: bool = False
    refuse_prefixes: tuple[str, ...] = ()
    refuse_containing: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    default: Any = None
    apart_from: tuple[str, ...] = ()
    id_at: str = ""

    @property
    def refuses(self) -> bool:
        """Whether there is any text that it refuses."""
        return self != ValueRule(
            self.kind, lower=self.lower, default=self.default, id_at=self.id_at
        )

    def problem(self, text: str) -> str | None:
        """Return why *text*, already known to be fit in general, may not be signed."""
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
            InvalidPrincipal: It may not be signed; the message begins with *where*.
        """
        if self.lower:
            if not all(map(_has_one_case_pair, text)):
                raise InvalidPrincipal(
                    f"{where} is refused: in lower case it would be another's",
                    code="principal_pattern",
                )
            text = text.lower()
        if problem := self.problem(text):
            if self.apart_from:
                names = ", ".join(map(repr, self.apart_from))
                problem += f"; if the account never signs that, say never_signed=[{names}]"
            raise InvalidPrincipal(f"{where} is refused: {problem}", code="principal_pattern")
        return text


def checked_pattern(pattern: object, where: str) -> str:
    """Return *pattern* if it is a regular expression.

    Raises:
        InvalidScheme: It is none; the message begins with *where*.
    """
    if not isinstance(pattern, str):
        raise InvalidScheme(f"{where} must be a str, not {type(pattern).__name__}")
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidScheme(f"{where} is no regular expression: {error}") from None
    return pattern


def _has_one_case_pair(character: str) -> bool:
    # The Kelvin sign becomes a plain k, and with it an address somebody else's.
    lower = character.lower()
    return lower == character or lower.upper() == character

"""Checks tokens with a message authentication code: makes them again, and compares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hmac import compare_digest
from typing import Any, Final

from countermark.errors import ConfigurationError
from countermark.keys._keyring import Key
from countermark.principal import Principal, Signable, identifier_text
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import MISSING, Placeholder, Template, templates_in
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._mac import code_pattern, decoded_text, is_canonical
from countermark.tokens._maker import TokenMaker
from countermark.tokens._options import TokenOptions
from countermark.tokens._reader import TokenContents, Unreadable, moment
from countermark.tokens._values import Values

_MOMENT: Final = frozenset({"now", "expires", "lifetime", "uuid"})
_COMPUTED: Final = frozenset({"mac", "payload", "key_prefix"})

# The patterns of the values that can be read from a token.
_OPEN: Final = ".+)"
_SHOWN: Final = {"{id}": ".+", "{now:s}": "[0-9]{1,12}", "{expires:s}": "[0-9]{1,12}"}


class MacReader:
    """Reads the tokens of a scheme with a message authentication code.

    It makes the token again and compares the whole text, so that no second spelling is
    valid.

    Args:
        scheme: The scheme, with the account's constants in its templates.
        rule: The rule for ids.

    Raises:
        ConfigurationError: The tokens do not contain enough to be verified.
    """

    __slots__ = (
        "_encoding",
        "_rule",
        "_scheme",
        "_shape",
        "_shown",
        "_signed",
        "needs_principal",
    )

    #: See ``Reader``.
    needs_principal: bool

    def __init__(self, scheme: Scheme, rule: ValueRule) -> None:
        self._scheme, self._rule = scheme, rule
        assert scheme.mac is not None  # noqa: S101  # or the scheme has another reader
        self._encoding = scheme.mac.encoding
        self._signed = list(_signed(scheme))
        signed = {name for names in self._signed for name in names}
        placeholders = [p for t in templates_in(scheme.token) for p in t.placeholders]
        self._shown = {p.names[0] for p in placeholders if str(p) in _SHOWN}
        token = self._checked(scheme.token, signed)
        used = signed.union(*(_names(p) for p in placeholders)) - _MOMENT - _COMPUTED
        self.needs_principal = "id" not in self._shown or used != {"id"}
        patterns = list(self._patterns(token))
        lengths_unknown = sum(pattern.endswith(_OPEN) for pattern in patterns)
        self._shape: re.Pattern[str] | None = None
        if lengths_unknown < 2:
            self._shape = re.compile("".join(patterns), re.DOTALL)
        elif self._shown - {"id"} or not self.needs_principal:
            # A search for several boundaries takes time that grows with a power of the length.
            raise ConfigurationError(
                f"{scheme.slug}: its tokens cannot be read: more than one part is of any"
                " length; choose another scheme, or sign with this one alone"
            )

    def _checked(self, token: Any, signed: set[str]) -> Template:
        hidden, unsigned = signed & (_MOMENT - self._shown), (self._shown & _MOMENT) - signed
        if hidden or not isinstance(token, Template):
            raise ConfigurationError(
                f"{self._scheme.slug}: its tokens cannot be verified by themselves, as they do not"
                f" show {' and '.join(sorted(hidden)) or 'what is signed'} in a way to read it;"
                " choose another scheme, or sign with this one alone"
            )
        if unsigned:
            raise ConfigurationError(
                f"{self._scheme.slug}: its tokens show {' and '.join(sorted(unsigned))}, which is"
                " not signed, so anyone could change it; sign it too, in the scheme"
            )
        return token

    @property
    def signs_besides(self) -> tuple[str, ...]:
        """See ``Reader``."""
        return tuple(
            " or ".join(names)
            for names in self._signed
            if "id" not in names and set(names) - _MOMENT
        )

    @property
    def dated(self) -> bool:
        """See ``Reader``."""
        return "now" in self._shown

    def prepared(self, key: Key) -> TokenMaker:
        """Return the maker of tokens with *key*."""
        # The clock is not used: the time is in the token.
        return TokenMaker(self._scheme, key, TokenOptions(self._rule, clock=float))

    def read(self, token: str, principal: Signable | None) -> TokenContents:
        """See ``Reader``."""
        shown = self._read_off(token)
        who: Signable = shown["id"] if principal is None else principal
        claimed = who.id if isinstance(who, Principal) else identifier_text(who)
        if claimed != shown.get("id", claimed):
            raise Unreadable("mismatch")
        times = {name: moment(int(shown[name])) for name in ("now", "expires") if name in shown}
        return TokenContents(
            token,
            claimed_id=claimed,
            principal=who,
            issued_at=times.get("now"),
            begins_at=times.get("now"),
            expires_at=times.get("expires"),
        )

    def _read_off(self, token: str) -> dict[str, str]:
        if self._shape is None:
            return {}
        text = decoded_text(token, self._scheme.token_encoding)
        found = None if text is None else self._shape.fullmatch(text)
        if found is None or not is_canonical(found["mac"], self._encoding):
            raise Unreadable("malformed")
        return found.groupdict()

    def made_with(self, maker: TokenMaker, reading: TokenContents) -> bool:
        """See ``Reader``."""
        made = maker.renderer.token(self._values(maker, reading))
        return compare_digest(made.encode(), reading.token.encode(errors="replace"))

    def proved(
        self, maker: TokenMaker, reading: TokenContents
    ) -> tuple[str | None, Mapping[str, Any]]:
        """Return the signed values of the principal that came with the token."""
        values = self._values(maker, reading)
        proved = {}
        for names in self._signed:
            for name in names:
                if name not in _MOMENT and values(name) is not MISSING:
                    proved[name] = values(name)
                    break
        return proved.pop("id", None), proved

    def _values(self, maker: TokenMaker, reading: TokenContents) -> Values:
        assert reading.principal is not None  # noqa: S101  # read() sets it
        values = maker.renderer.values(reading.principal)
        values.put("now", reading.issued_at)
        values.put("expires", reading.expires_at)
        return values

    def _patterns(self, token: Template) -> Iterator[str]:
        assert self._scheme.mac is not None  # noqa: S101
        shown = dict(_SHOWN)
        for part in token.parts:
            if isinstance(part, str):
                yield re.escape(part)
            elif part.names == ("mac",):
                yield f"(?P<mac>{code_pattern(self._scheme.mac)})"
            elif part.names == ("key_prefix",):
                yield f".{{{self._scheme.key_prefix}}}"
            elif str(part) in shown:  # once: a group name is unique
                yield f"(?P<{part.names[0]}>{shown.pop(str(part))})"
            else:
                yield f"({_OPEN}"


def _signed(scheme: Scheme) -> Iterator[tuple[str, ...]]:
    """Yield the names of the signed values; alternatives are one tuple."""
    mac, payload = scheme.mac, scheme.payload
    assert mac is not None  # noqa: S101
    for placeholder in mac.message.placeholders:
        if placeholder.names == ("payload",) and payload is not None:
            for template in templates_in(payload.content):
                yield from map(_names, template.placeholders)
        else:
            yield _names(placeholder)


def _names(placeholder: Placeholder) -> tuple[str, ...]:
    return tuple(name for name in placeholder.names if not name.startswith("settings."))

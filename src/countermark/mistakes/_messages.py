"""The texts that may have been signed: that of the scheme, and those with a mistake in a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from countermark.errors import InvalidPrincipal
from countermark.keys._keyring import Key
from countermark.mistakes._catalogue import Mistake, mistake
from countermark.mistakes._explanation import Mistakes
from countermark.mistakes._search import Message
from countermark.mistakes._spellings import spellings
from countermark.principal import Principal, Signable, identifier_text
from countermark.schemes._parts import PRINCIPAL_TEXTS
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import (
    MISSING,
    MissingValue,
    Template,
    compile_text,
    placeholders_in,
)
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._options import TokenOptions
from countermark.tokens._renderer import Renderer

T = TypeVar("T")

_MOMENT: Final = frozenset({"now", "expires", "lifetime", "uuid"})
_SEPARATORS: Final = ("", ":", ".", "-", "|", ",", "_", " ", "\n")
_CHARSETS: Final = {"latin-1": "Latin-1", "utf-16-le": "UTF-16", "utf-16": "UTF-16 with a mark"}
_AFTER: Final = {"\n": "a newline at its end", "\r\n": "a carriage return and newline at its end"}

#: Values by name, and the mistakes in them.
_Choice = tuple[Mapping[str, Any], Mistakes]


class SignedTexts:
    """Makes the texts that may have been signed under one scheme with a code.

    Args:
        scheme: The scheme, with the account's constants in its templates.
        key: Any key of the scheme; it makes no code here.
    """

    __slots__ = ("_message", "_renderer", "_scheme", "_write")

    def __init__(self, scheme: Scheme, key: Key) -> None:
        assert scheme.mac is not None  # noqa: S101  # or its tokens are JWTs
        self._scheme, self._message = scheme, scheme.mac.message
        # Without rules, as a mistake may break them.
        self._renderer = Renderer(scheme, key, TokenOptions(ValueRule(), clock=float))
        self._write = compile_text(self._message)

    def candidates(self, principal: Signable | None, shown: Mapping[str, str]) -> list[Message]:
        """Return the texts for a principal and the values in its token, the right one first."""
        own = texts_of(principal)
        texts: dict[str, Mistakes] = {}
        for values, steps in self._choices(principal, own, shown):
            text = self._text(principal, {**values, **_moments(shown)})
            if text is not None:
                texts.setdefault(text, steps)
        for text, steps in self._joined(principal, own):
            texts.setdefault(text, steps)
        found: dict[bytes, Message] = {}
        for text, steps in texts.items():
            for data, more in _encoded(text, single=self._message.lone is not None):
                found.setdefault(data, Message(data, (*steps, *more)))
        return [*found.values()]

    def _choices(
        self, principal: Signable | None, own: Mapping[str, str], shown: Mapping[str, str]
    ) -> Iterator[_Choice]:
        values = self._folded_texts(own)
        if "payload" in shown:
            yield from self._of_payload(principal, values, shown["payload"])
            return
        bases: list[_Choice] = [(values, ())]
        in_token = shown.get("id")
        if in_token is not None:
            bases = [({**values, "id": in_token}, ())]
            if values.get("id", in_token) != in_token:
                step = relation(values["id"], in_token, "id")
                bases = [
                    ({**values, "id": in_token}, (step,)),
                    (values, (mistake("value_shown", name="id"),)),
                ]
        for base, steps in bases:
            yield base, steps
            yield from self._respelled(base, own, steps)

    def _of_payload(
        self, principal: Signable | None, values: Mapping[str, str], payload: str
    ) -> Iterator[_Choice]:
        steps: Mistakes = ()
        own = self._renderer_values(principal, values)
        if principal is not None and _or_none(partial(own, "payload")) != payload:
            steps = (mistake("payload_differs"),)
        yield {**values, "payload": payload}, steps
        for spelled, step in spellings(payload, "payload"):
            yield {**values, "payload": spelled}, (*steps, step)

    def _respelled(
        self, base: Mapping[str, Any], own: Mapping[str, str], steps: Mistakes
    ) -> Iterator[_Choice]:
        """Yield *base* with one value in another spelling, or with another value in its place."""
        for names in self._slots():
            name = next((one for one in names if one in base), names[0])
            shown = " or ".join(map(self._shown_name, names))
            text = base.get(name)
            if text is not None:
                if own.get(name, text) != text and own[name].lower() == text:
                    step = mistake("value_case", name=shown, which="its original")
                    yield {**base, name: own[name]}, (*steps, step)
                for spelled, step in spellings(text, self._shown_name(name)):
                    yield {**base, name: spelled}, (*steps, step)
            for other, instead in own.items():
                if other == name or instead == text:
                    continue
                step = mistake("other_value", signed=self._shown_name(other), wanted=shown)
                yield {**base, names[0]: instead}, (*steps, step)
                for spelled, more in spellings(instead, self._shown_name(other)):
                    yield {**base, names[0]: spelled}, (*steps, step, more)

    def _joined(
        self, principal: Signable | None, own: Mapping[str, str]
    ) -> Iterator[tuple[str, Mistakes]]:
        """Yield the texts of several values in another order, or with other separators."""
        places = [*self._message.placeholders]
        if len(places) < 2 or any(place.names == ("payload",) for place in places):
            return
        find = self._renderer_values(principal, self._folded_texts(own))
        parts = [_or_none(partial(compile_text(Template((place,))), find)) for place in places]
        wanted = _or_none(partial(self._write, find))
        if None in parts or wanted is None:
            return
        texts = [str(part) for part in parts]
        for order, steps in ((texts, ()), (texts[::-1], (mistake("value_order"),))):
            for separator in _SEPARATORS:
                which = "with another separator" if separator else "without a separator"
                same = separator.join(texts) == wanted
                more = () if same else (mistake("value_separator", which=which),)
                yield separator.join(order), (*steps, *more)

    def _text(self, principal: Signable | None, values: Mapping[str, Any]) -> str | None:
        return _or_none(partial(self._write, self._renderer_values(principal, values)))

    def _renderer_values(self, principal: Signable | None, values: Mapping[str, Any]) -> Any:
        carrier = principal if isinstance(principal, Principal) else _NOT_READ
        found = self._renderer.values(carrier)
        found.put("id", MISSING)
        for name, value in values.items():
            found.put(name, value)
        return found

    @property
    def names(self) -> set[str]:
        """The names of the values that are signed."""
        return {name for names in self._slots() for name in names}

    def _slots(self) -> Iterator[tuple[str, ...]]:
        """Yield the names of the values that are signed; alternatives are one tuple."""
        payload = [] if self._scheme.payload is None else [self._scheme.payload.content]
        for place in placeholders_in([self._message, *payload]):
            names = tuple(name for name in place.names if not name.startswith("settings."))
            if names and names != ("payload",) and not _MOMENT.intersection(names):
                yield names

    def _folded_texts(self, own: Mapping[str, str]) -> dict[str, str]:
        return {name: folded(self._scheme, name, text) for name, text in own.items()}

    def _shown_name(self, name: str) -> str:
        known = name in PRINCIPAL_TEXTS or name in self._scheme.values
        return name if known else "another attribute"


_NOT_READ: Final = Principal("-")


def folded(scheme: Scheme, name: str, text: str) -> str:
    """Return a value as the scheme signs it, in lower case if it does so."""
    return text.lower() if scheme.rule(name).lower else text


def texts_of(principal: Signable | None) -> dict[str, str]:
    """Return the texts of a principal by name, unchecked."""
    if principal is None:
        return {}
    if not isinstance(principal, Principal):
        return {"id": _raw(principal)}
    own = {name: getattr(principal, name) for name in PRINCIPAL_TEXTS}
    found = {name: value for name, value in own.items() if value is not None}
    for name, value in principal.attributes.items():
        if isinstance(value, str | int) and not isinstance(value, bool):
            found.setdefault(name, _raw(value))
    return found


def _raw(value: object) -> str:
    try:
        return str.__str__(value) if isinstance(value, str) else identifier_text(value)
    except InvalidPrincipal:
        return ""


def relation(wanted: str, shown: str, name: str) -> Mistake:
    """Return the mistake that makes *shown* of *wanted*, the value *name* of a principal."""
    for spelled, step in spellings(wanted, name):
        if spelled == shown and step.code != "value_undefined":
            return step
    return mistake("other_principal")


def _moments(shown: Mapping[str, str]) -> dict[str, float]:
    return {name: float(shown[name]) for name in ("now", "expires") if name in shown}


def _encoded(text: str, *, single: bool) -> Iterator[tuple[bytes, Mistakes]]:
    """Yield the bytes of *text*, and those with a mistake in the whole message."""
    with_ends = {} if single else _AFTER
    for after, which in {"": "", **with_ends}.items():
        data = _or_none((text + after).encode)
        if data is not None:
            yield data, () if not after else (mistake("message_white_space", which=which),)
    for charset, shown in _CHARSETS.items():
        data = _or_none(partial(text.encode, charset))
        if data is not None:
            yield data, (mistake("message_charset", which=shown),)


def _or_none(function: Callable[[], T]) -> T | None:
    """Return the result, or None for values that cannot be written."""
    try:
        return function()
    except (MissingValue, InvalidPrincipal, ValueError, TypeError, OverflowError, RecursionError):
        return None

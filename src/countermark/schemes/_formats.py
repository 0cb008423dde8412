"""The formats of values in placeholders: ``{now:ms}``, ``{context:canonical-json}``.

An encoding that only one vendor uses, and that a template cannot express, is a function here
and an entry of :data:`FORMATS`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from countermark.errors import InvalidPrincipal
from countermark.schemes._numbers import MAX_WHOLE, with_portable_numbers

#: The kinds of values that a principal can have, and their Python types. Two more kinds are
#: computed: ``time``, in seconds since the epoch, and ``duration``, in seconds.
TYPES: Mapping[str, type] = {
    "text": str,
    "integer": int,
    "boolean": bool,
    "list": list,
    "object": dict,
}
VALUE_KINDS = tuple(TYPES)


class Format(NamedTuple):
    """A way to encode a value."""

    apply: Callable[[Any], Any]  #: Encodes a value.
    kinds: tuple[str, ...]  #: The kinds of values that it accepts.
    width: int | None = None  #: The number of characters of its output, if that is always the same.
    #: Returns True for a character that its output cannot hold.
    never: Callable[[str], bool] = lambda character: False


def milliseconds(value: float) -> int:
    """Return whole milliseconds."""
    return int(value * 1000)


def iso_time(value: float) -> str:
    """Return the time in UTC as JavaScript formats it: ``2026-11-22T06:14:47.250Z``."""
    whole, thousandths = divmod(milliseconds(value), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{thousandths:03d}Z"


def compact_json(value: object) -> str:
    """Return JSON without spaces, in ASCII."""
    try:
        return _compact_encoder()(value)
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(error).__name__
    raise InvalidPrincipal(
        f"a value cannot be encoded as JSON ({kind}); use texts, numbers, lists and dicts",
        code="principal_field",
    )


def portable_json(value: object) -> str:
    """Return the JSON that other languages write too: the numbers are those of JavaScript."""
    return with_portable_numbers(compact_json(value))


@cache
def _compact_encoder() -> Callable[[object], str]:
    import json  # late, as it is slow to import

    return json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def percent_encoded(value: str) -> str:
    """Return the text with percent-encoding, for a query."""
    from urllib.parse import quote

    return quote(value, safe="")


def canonical_json(value: object) -> str:
    """Return the canonical JSON of OLPC, for Novu's hash of a context.

    Keys are sorted by UTF-16 code units, as in JavaScript. There are no spaces, only the
    quotation mark and the backslash are escaped, and fractions are not allowed. A float without
    a fraction is a whole number, as JavaScript has no other.

    Source: http://wiki.laptop.org/go/Canonical_JSON and npm @tufjs/canonical-json.
    """
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float) and abs(value) <= MAX_WHOLE and int(value) == value:
        return str(int(value))
    if isinstance(value, list | tuple):
        return f"[{','.join(map(canonical_json, value))}]"
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        pairs = (f"{canonical_json(name)}:{canonical_json(value[name])}" for name in names)
        return f"{{{','.join(pairs)}}}"
    raise InvalidPrincipal(
        f"canonical JSON cannot hold this {type(value).__name__}; convert it to text or a"
        " whole number",
        code="principal_field",
    )


def launchdarkly_key(value: object) -> str:
    """Return the fully qualified key of a LaunchDarkly context, or of a user by id.

    A user is a text, which is the key itself. The key of another context is ``kind:key``
    with ``%`` and ``:`` in the key escaped. The key of a multi-context joins those of its
    parts with colons, sorted by kind. A context of the kind ``user`` alone is refused, as
    its key could be the id of another user.

    Source: launchdarkly-server-sdk, ldclient/context.py.
    """
    if isinstance(value, str):
        return value
    parts = dict(value) if isinstance(value, Mapping) else {}
    kind = parts.pop("kind", None)
    if not isinstance(kind, str):
        raise _invalid_context()
    if kind != "multi":
        parts = {kind: parts}
    if len(parts) == 1 and "user" in parts:
        raise InvalidPrincipal(
            "a context that is a user is signed by the principal's id; leave context out",
            code="principal_field",
        )
    qualified = {name: _qualified(name, part) for name, part in parts.items()}
    if not qualified or "multi" in qualified:
        raise _invalid_context()
    return ":".join(qualified[name] for name in sorted(qualified))


def _qualified(kind: object, context: object) -> str:
    key = context.get("key") if isinstance(context, Mapping) else None
    known = isinstance(kind, str) and re.fullmatch(r"[\w.-]+", kind, re.ASCII) and kind != "kind"
    if not known or not isinstance(key, str) or not key:
        raise _invalid_context()
    return f"{kind}:{key.replace('%', '%25').replace(':', '%3A')}"


def _invalid_context() -> InvalidPrincipal:
    return InvalidPrincipal(
        "a context of LaunchDarkly must be {'kind': …, 'key': …}, or"
        " {'kind': 'multi', kind: {'key': …}, …}",
        code="principal_field",
    )


def _no_digit(character: str) -> bool:
    return not character.isdecimal()


def _no_graphic(character: str) -> bool:
    return not ("!" <= character <= "~" or character == " ")


def _no_unreserved(character: str) -> bool:
    return not (character.isascii() and (character.isalnum() or character in "_.-~%"))


FORMATS: Mapping[str, Format] = {
    "s": Format(int, ("time", "duration"), 10, _no_digit),
    "ms": Format(milliseconds, ("time", "duration"), 13, _no_digit),
    "iso": Format(iso_time, ("time",), width=24, never=lambda c: c not in "0123456789-T:.Z"),
    "json": Format(portable_json, VALUE_KINDS, never=_no_graphic),
    "url": Format(percent_encoded, ("text",), never=_no_unreserved),
    "canonical-json": Format(canonical_json, VALUE_KINDS),
    "launchdarkly-key": Format(launchdarkly_key, ("text", "object")),
}

"""May a response carry a token, and what do its headers become.

Pure functions over a list of header pairs, of ``bytes`` under ASGI and ``str``
under WSGI. A token may ride only on a response that no shared cache may reuse
(RFC 9111, and RFC 9213 for the fields addressed to one cache).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import AnyStr, Final, Generic

from countermark.errors import ConfigurationError

Headers = list[tuple[AnyStr, AnyStr]]

# What a header is to the rules, one bit each, so that what is there can be told of
# a whole list by one number.
_FOREIGN: Final = 0
_CACHE_CONTROL: Final = 1
_VARY: Final = 2
_VALIDATOR: Final = 4
_FRESHNESS: Final = 8
_TARGETED: Final = 16
_OWN: Final = 32

_KINDS = {
    "cache-control": _CACHE_CONTROL,
    "vary": _VARY,
    "etag": _VALIDATOR,
    "last-modified": _VALIDATOR,
    "expires": _FRESHNESS,
    # Fields that tell one cache to store what Cache-Control may forbid to others.
    "surrogate-control": _TARGETED,
    "edge-control": _TARGETED,
    "x-accel-expires": _TARGETED,
}

# Directives that take nothing away from `private`, which will be added to them.
_HARMLESS = frozenset({"no-cache", "must-revalidate", "proxy-revalidate", "no-transform"})

_ELEMENT = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*")+')
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_DIRECTIVE = re.compile(rf'({_TOKEN})(?:=({_TOKEN}|"(?:\\.|[^"\\])*"))?')
_FIELD_NAME = re.compile(_TOKEN)


def _directives(value: str) -> list[tuple[str, str | None]] | None:
    """Return the directives of a ``Cache-Control`` value, names in lower case.

    None where the value is not well-formed, so that caches may differ on it.
    """
    found: list[tuple[str, str | None]] = []
    for element in _ELEMENT.findall(value):
        if not element.strip():
            continue
        match = _DIRECTIVE.fullmatch(element.strip())
        if match is None:
            return None
        found.append((match[1].lower(), match[2]))
    return None if _ELEMENT.sub("", value).strip(",") else found


@lru_cache(maxsize=256)
def _verdict(value: str) -> str:
    """Return what ``Cache-Control``, its lines joined, says of shared caches.

    ``closed``: they may not store the response. ``open``: so far nothing forbids
    it, nor invites it. Anything else is a reason to leave the response alone.
    """
    found = _directives(value)
    if found is None:
        return "malformed_cache_control"
    names = {name for name, _ in found}
    if "public" in names:
        return "public"
    if "s-maxage" in names:
        return "s_maxage"
    # With an argument, `private` forbids to store the named fields alone. A cache that
    # understands `must-understand` may store what `no-store` beside it forbids.
    if ("private", None) in found:
        return "closed"
    if ("no-store", None) in found and "must-understand" not in names:
        return "closed"
    for name, argument in found:
        if name == "immutable" or (name == "max-age" and argument != "0"):
            return "freshness"
        if name not in _HARMLESS and name != "max-age":
            return "unknown_directive"
    return "open"


def _field_names(vary: object) -> list[str]:
    several = isinstance(vary, Iterable) and not isinstance(vary, str)
    names: list[object] = list(vary) if several else [vary]  # type: ignore[call-overload]
    found = [name for name in names if isinstance(name, str) and _FIELD_NAME.fullmatch(name)]
    if found != names:
        raise ConfigurationError("vary= takes names of request headers, such as 'Cookie'")
    return found


class Delivery(Generic[AnyStr]):
    """The rules for one middleware, over headers of one string type.

    Args:
        own: The names of the headers that carry tokens; None: any may.
        vary: What the presence of a token depends on: the name of a request
            header, or several.
        cache_control: The directive merged into a response that says nothing
            against shared caches, ``private`` or ``no-store``.
        encode: Makes the string type from ``str``.
        decode: The reverse.

    Raises:
        ConfigurationError: An option is none of those.
    """

    __slots__ = {
        "foreign": "Names, as they are spelled, that are known to mean nothing to the rules.",
        "varying_lines": "What is added to headers that are all foreign, without a token.",
        "private_lines": "What is added to headers that are all foreign, beside a token.",
        "_cache_control": None,
        "_decode": None,
        "_directive": None,
        "_encode": None,
        "_own": None,
        "_vary": None,
        "_varying": None,
    }

    foreign: set[AnyStr]
    varying_lines: list[tuple[AnyStr, AnyStr]]
    private_lines: list[tuple[AnyStr, AnyStr]]

    def __init__(
        self,
        own: Iterable[AnyStr] | None,
        *,
        vary: str | Iterable[str],
        cache_control: str,
        encode: Callable[[str], AnyStr],
        decode: Callable[[AnyStr], str],
    ) -> None:
        if cache_control not in ("private", "no-store"):
            raise ConfigurationError("cache_control= must be 'private' or 'no-store'")
        self._varying = _field_names(vary)
        self._directive = cache_control
        self._encode: Callable[[str], AnyStr] = encode
        self._decode: Callable[[AnyStr], str] = decode
        self._own = None if own is None else {decode(name).lower() for name in own}
        self._cache_control: AnyStr = encode("cache-control")
        self._vary: AnyStr = encode("vary")
        self.foreign = set()
        self.varying_lines = []
        if self._varying:
            self.varying_lines.append((self._vary, encode(", ".join(self._varying))))
        self.private_lines = self.varying_lines.copy()
        self.private_lines.append((self._cache_control, encode(cache_control)))

    def _kind(self, name: AnyStr) -> int:
        lowered = self._decode(name).lower()
        if self._own is not None and lowered in self._own:
            return _OWN
        if lowered.endswith("-cache-control"):
            return _TARGETED
        kind = _KINDS.get(lowered, _FOREIGN)
        if kind == _FOREIGN and self._own is not None and len(self.foreign) < 1024:
            self.foreign.add(name)
        return kind

    def refusal(self, headers: Sequence[tuple[AnyStr, AnyStr]]) -> str | None:
        """Return why the response is to be left alone, None if it may carry a token."""
        bits = 0
        for name, _ in headers:
            bits |= self._kind(name)
        if bits & _TARGETED:
            return "targeted_field"
        verdict = _verdict(self._joined(headers, _CACHE_CONTROL))
        if verdict == "closed":
            return None
        if verdict != "open":
            return verdict
        if bits & _VALIDATOR:
            return "validator"
        return "freshness" if bits & _FRESHNESS else None

    def rewritten(
        self, headers: Headers[AnyStr], tokens: Headers[AnyStr], *, private: bool
    ) -> Headers[AnyStr]:
        """Return the headers of a response that may carry a token, with *tokens* in them.

        It is closed to shared caches if *private*: if a token is in its headers,
        or may stand in its body. In any case it varies: a cache must not serve
        what nobody in particular got to somebody who is signed in.
        """
        lines = self._merged_lines(headers, private)
        carried = {self._decode(name).lower() for name, _ in tokens}
        new: Headers[AnyStr] = []
        placed: set[int] = set()
        for header in headers:
            kind = self._kind(header[0])
            if kind in lines:
                if kind not in placed:
                    placed.add(kind)
                    new.append((header[0], lines[kind][1]))
            elif not tokens or (kind != _OWN and self._decode(header[0]).lower() not in carried):
                new.append(header)
        new += [line for kind, line in lines.items() if kind not in placed]
        return new + tokens

    def _merged_lines(
        self, headers: Headers[AnyStr], private: bool
    ) -> dict[int, tuple[AnyStr, AnyStr]]:
        """Return the lines to write anew by kind, each in place of all of its kind."""
        lines: dict[int, tuple[AnyStr, AnyStr]] = {}
        vary = self._with_vary(self._joined(headers, _VARY))
        if vary:
            lines[_VARY] = (self._vary, self._encode(vary))
        cache_control = self._joined(headers, _CACHE_CONTROL)
        if private and _verdict(cache_control) == "open":
            value = f"{cache_control}, {self._directive}" if cache_control else self._directive
            lines[_CACHE_CONTROL] = (self._cache_control, self._encode(value))
        return lines

    def _with_vary(self, value: str) -> str:
        names = {name.strip().lower() for name in value.split(",")}
        if "*" in names:
            return value
        missing: list[str] = [name for name in self._varying if name.lower() not in names]
        return ", ".join([value, *missing] if value else missing)

    def _joined(self, headers: Sequence[tuple[AnyStr, AnyStr]], kind: int) -> str:
        values = [self._decode(header[1]) for header in headers if self._kind(header[0]) == kind]
        return ", ".join(value for value in values if value.strip())

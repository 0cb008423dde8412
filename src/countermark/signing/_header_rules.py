"""The rules for response headers: which may come with a token, and how they change.

A token may only be in a response that no cache gives to another user: no shared cache
(RFC 9111, and RFC 9213 for fields addressed to one cache), and no browser, which keeps one
cache for all the people who use it. A browser reuses a stored response without asking the
server while it is fresh, on back and forward navigation even when it is stale, and after a
304 with the stored headers and body. ``Vary`` does not stop it: after a mismatch, Chromium
still sends the stored ETag and reuses the stored response after a 304. So the default next
to a token is ``private, no-store``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import AnyStr, Final, Generic

from countermark.signing._cache_control import parse_cache_control
from countermark.signing._token_headers import Encoding

Headers = list[tuple[AnyStr, AnyStr]]

# The meaning of a header to the rules, one bit each, so that one number describes a list.
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
    # Fields that allow one cache to store what Cache-Control may forbid to others.
    "surrogate-control": _TARGETED,
    "edge-control": _TARGETED,
    "x-accel-expires": _TARGETED,
}

# Some shared caches look for `private` alone (Django's, Fastly's default VCL), so it comes
# with `no-store` too.
NO_STORE: Final = ("private", "no-store")
_PRIVATE: Final = ("private",)


class HeaderRules(Generic[AnyStr]):
    """The rules for the headers of one middleware's responses, over one string type.

    Args:
        vary: The request headers that decide who the user is.
        cache_control: The directive next to a token, ``no-store`` or ``private``.
        own: The names of the headers that carry tokens; None: they depend on the tenant.
        encoding: The string type.
    """

    __slots__ = (
        "_cache_control",
        "_decode",
        "_encode",
        "_own",
        "_vary",
        "_varying",
        "closing",
        "closing_lines",
        "foreign",
        "varying_lines",
    )

    def __init__(
        self,
        vary: Sequence[str],
        cache_control: str,
        own: Iterable[AnyStr] | None,
        encoding: Encoding[AnyStr],
    ) -> None:
        encode_name, _, encode, decode = encoding
        self._encode: Callable[[str], AnyStr] = encode
        self._decode: Callable[[AnyStr], str] = decode
        self._own = None if own is None else {decode(name).lower() for name in own}
        self._cache_control: AnyStr = encode_name("cache-control")
        self._vary: AnyStr = encode_name("vary")
        self._varying = vary
        #: The directives next to a token.
        self.closing = NO_STORE if cache_control == "no-store" else _PRIVATE
        #: Names, as they are spelled, that are known to mean nothing to the rules. If the names
        #: that carry tokens depend on the tenant, they may be among these.
        self.foreign: set[AnyStr] = set()
        #: The lines to add to headers that are all foreign: without a token, and with one.
        self.varying_lines: Headers[AnyStr] = []
        if vary:
            self.varying_lines.append((self._vary, encode(", ".join(vary))))
        closing = (self._cache_control, encode(", ".join(self.closing)))
        self.closing_lines: Headers[AnyStr] = self.varying_lines.copy()
        self.closing_lines.append(closing)

    def obstacle(self, headers: Sequence[tuple[AnyStr, AnyStr]]) -> str | None:
        """Return the reason why a token may not be added to a response, None if it may."""
        bits = 0
        for name, _ in headers:
            bits |= self._kind(name)
        if bits & _TARGETED:
            return "targeted_field"
        found = parse_cache_control(self._joined(headers, _CACHE_CONTROL))
        if found.no_store:
            return None
        if found.obstacle is not None:
            return found.obstacle
        if bits & _VALIDATOR:
            return "validator"
        if bits & _FRESHNESS and not (found.private and found.revalidates):
            return "freshness"
        return None

    def is_closed(self, headers: Headers[AnyStr]) -> bool:
        """Tell whether the application has closed the response to caches as a token would."""
        found = parse_cache_control(self._joined(headers, _CACHE_CONTROL))
        return found.no_store or (found.private and self.closing is _PRIVATE)

    def rewritten(
        self, headers: Headers[AnyStr], tokens: Headers[AnyStr], directives: Sequence[str]
    ) -> Headers[AnyStr]:
        """Return *headers* with *tokens*, ``Vary``, and *directives* in ``Cache-Control``.

        ``Vary`` is merged for anonymous users too: otherwise a cache may serve the
        anonymous response to a user who is signed in.
        """
        lines = self._merged_lines(headers, directives)
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
        self, headers: Headers[AnyStr], directives: Sequence[str]
    ) -> dict[int, tuple[AnyStr, AnyStr]]:
        """Return the new lines by kind. Each replaces all lines of its kind."""
        lines: dict[int, tuple[AnyStr, AnyStr]] = {}
        vary = self._with_vary(self._joined(headers, _VARY))
        if vary:
            lines[_VARY] = (self._vary, self._encode(vary))
        value = self._joined(headers, _CACHE_CONTROL)
        found = parse_cache_control(value)
        present = {"private": found.private, "no-store": found.no_store}
        missing: list[str] = [name for name in directives if not present[name]]
        if missing:
            merged = ", ".join([value, *missing] if value else missing)
            lines[_CACHE_CONTROL] = (self._cache_control, self._encode(merged))
        return lines

    def _with_vary(self, value: str) -> str:
        names = {name.strip(" \t").lower() for name in value.split(",")}
        if "*" in names:
            return value
        missing: list[str] = [name for name in self._varying if name.lower() not in names]
        return ", ".join([value, *missing] if value else missing)

    def _kind(self, name: AnyStr) -> int:
        lowered = self._decode(name).lower()
        if self._own is not None and lowered in self._own:
            return _OWN
        if lowered.endswith("-cache-control"):
            return _TARGETED
        kind = _KINDS.get(lowered, _FOREIGN)
        if kind == _FOREIGN and len(self.foreign) < 1024:
            self.foreign.add(name)
        return kind

    def _joined(self, headers: Sequence[tuple[AnyStr, AnyStr]], kind: int) -> str:
        values = [self._decode(header[1]) for header in headers if self._kind(header[0]) == kind]
        return ", ".join(value for value in values if value.strip(" \t"))

"""Decides whether a response may carry tokens, and rewrites its headers.

Every adapter and every integration calls :meth:`ResponseHeaders.apply`, so the rules
exist once. Headers are a list of pairs, of ``bytes`` under ASGI and ``str`` under WSGI.

A token may ride only on a response that no cache gives to another user: no shared
cache (RFC 9111, and RFC 9213 for fields addressed to one cache), and no browser,
which keeps one cache for all the people who use it. A browser reuses a stored
response without a question while it is fresh, on back and forward navigation even
when it is stale, and after a 304 with the stored headers and body. ``Vary`` does not
stop it: after a mismatch, Chromium still sends the stored ETag and reuses the stored
response after a 304. So the default next to a token is ``private, no-store``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import AnyStr, Final, Generic

from countermark._http import TOKEN
from countermark.errors import ConfigurationError
from countermark.signing._cache_control import parse_cache_control
from countermark.signing._carried import compile_carried
from countermark.signing._config import IdentityPolicy
from countermark.signing._request_identity import RequestIdentity

Headers = list[tuple[AnyStr, AnyStr]]

#: The request headers that decide who the user is, in most applications.
DEFAULT_VARY: Final = ("Cookie", "Authorization")
DEFAULT_CACHE_CONTROL: Final = "no-store"

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
    # Fields that tell one cache to store what Cache-Control may forbid to others.
    "surrogate-control": _TARGETED,
    "edge-control": _TARGETED,
    "x-accel-expires": _TARGETED,
}

# Some shared caches look for `private` alone (Django's, Fastly's default VCL), so it
# stands next to `no-store` too.
_NO_STORE: Final = ("private", "no-store")
_PRIVATE: Final = ("private",)

# Browsers take these for fresh without an explicit lifetime, some of them for ever.
_FRESH_BY_STATUS: Final = frozenset({300, 301, 308, 410})

# The rest of the statuses that carry a token: these need no second look.
_USUAL: Final = frozenset(range(200, 600)) - _FRESH_BY_STATUS - {304}

# A response with one of these obstacles becomes no-store once its body may hold a
# token. With any other one it is meant to be shared, and is left alone.
_CLOSABLE: Final = frozenset({"validator", "freshness", "unknown_directive"})

_FIELD_NAME = re.compile(TOKEN)


class ResponseHeaders(Generic[AnyStr]):
    """The headers of all responses of one middleware, over one string type.

    :func:`text_headers` and :func:`byte_headers` make one.

    Args:
        policy: What the identities of the middleware share.
        vary: The request header that decides who the user is, or several. Merged into
            ``Vary``.
        cache_control: ``no-store`` or ``private``: merged into ``Cache-Control`` next
            to a token. ``no-store`` adds ``private`` as well.
        encode_name: Makes the string type from the name of a header.
        encode: Makes the string type from a ``str``.
        decode: Makes a ``str`` from the string type.

    Raises:
        ConfigurationError: An option has another value.
    """

    __slots__ = (
        "_cache_control",
        "_carried",
        "_closing",
        "_closing_lines",
        "_decode",
        "_encode",
        "_foreign",
        "_own",
        "_silent",
        "_usual",
        "_vary",
        "_varying",
        "_varying_lines",
    )

    def __init__(
        self,
        policy: IdentityPolicy,
        *,
        vary: str | Iterable[str],
        cache_control: str,
        encode_name: Callable[[str], AnyStr],
        encode: Callable[[str], AnyStr],
        decode: Callable[[AnyStr], str],
    ) -> None:
        if cache_control not in ("private", "no-store"):
            raise ConfigurationError("cache_control= must be 'no-store' or 'private'")
        names = policy.header_names(encode_name)
        self._varying = _field_names(vary)
        self._closing = _NO_STORE if cache_control == "no-store" else _PRIVATE
        self._encode: Callable[[str], AnyStr] = encode
        self._decode: Callable[[AnyStr], str] = decode
        self._own = None if names is None else {decode(name).lower() for name in names}
        self._silent = names == []
        self._usual = frozenset() if self._silent else _USUAL
        self._carried: Callable[[RequestIdentity], Headers[AnyStr] | None] = compile_carried(
            policy, encode_name, encode
        )
        self._cache_control: AnyStr = encode_name("cache-control")
        self._vary: AnyStr = encode_name("vary")
        # Names, as they are spelled, that are known to mean nothing to the rules.
        self._foreign: set[AnyStr] = set()
        # The lines to add to headers that are all foreign: without a token, and with one.
        self._varying_lines: Headers[AnyStr] = []
        if self._varying:
            self._varying_lines.append((self._vary, encode(", ".join(self._varying))))
        closing = (self._cache_control, encode(", ".join(self._closing)))
        self._closing_lines: Headers[AnyStr] = self._varying_lines.copy()
        self._closing_lines.append(closing)

    def tokens(self, identity: RequestIdentity) -> Headers[AnyStr] | None:
        """Return the headers that carry the tokens of *identity*, and settle it.

        Empty for an anonymous request, None if the principal could not be found out.
        """
        return self._carried(identity)

    @property
    def silent(self) -> bool:
        """Whether no signer has a header, so that tokens are in the request's state alone."""
        return self._silent

    @property
    def forbids_storing(self) -> bool:
        """Whether responses with a token become ``no-store``, also where nothing asks for it."""
        return self._closing is _NO_STORE

    def apply(
        self, identity: RequestIdentity, status: int, headers: Iterable[tuple[AnyStr, AnyStr]]
    ) -> Iterable[tuple[AnyStr, AnyStr]]:
        """Return the headers of a response, with the tokens of *identity* if they may ride on it.

        Call it once, when the response starts, unless the request's method is OPTIONS.
        A response that is left alone keeps its headers as they are: the return value is
        then *headers* itself, or a list of them if they were an iterator. The identity
        is settled: later reads see the same principal. Nothing is raised: if something
        goes wrong, the headers stay as they are and an event says why.

        Args:
            identity: The identity of the request; with an asynchronous resolver, after
                ``await identity.load()``.
            status: The status code.
            headers: The header pairs. They are not changed.
        """
        try:
            if type(headers) is not list:
                return self._apply_listed(identity, status, headers)
            foreign = self._foreign
            for name, _ in headers:
                if name not in foreign:
                    break
            else:
                # Nothing that matters to caches, as in most responses.
                if status in self._usual:
                    tokens = self._carried(identity)
                    if tokens:
                        return headers + self._closing_lines + tokens
                    if identity._tokens and identity.was_read:  # a token may be in the body
                        return headers + self._closing_lines
                    return headers if tokens is None else headers + self._varying_lines
                if self._silent and identity._tokens is None:
                    identity.left_unread("not_closed")
                    return headers
            changed = self._apply_rules(identity, status, headers)
            return headers if changed is None else changed
        except Exception as error:  # odd arguments are for the server to judge
            identity.delivery_failed(error)
            return headers

    def may_carry(self, status: int, headers: Iterable[tuple[AnyStr, AnyStr]]) -> bool:
        """Tell whether :meth:`apply` will ask for the principal.

        For callers that have to await the principal first.
        """
        try:
            if self._silent or status == 304 or status < 200:
                return False
            return self.obstacle(list(headers)) is None
        except Exception:  # apply() reports it
            return False

    def obstacle(self, headers: Sequence[tuple[AnyStr, AnyStr]]) -> str | None:
        """Return the reason why a token may not be added to a response, None if it may."""
        bits = 0
        for name, _ in headers:
            bits |= self._kind(name)
        if bits & _TARGETED:
            return "targeted_field"
        said = parse_cache_control(self._joined(headers, _CACHE_CONTROL))
        if said.no_store:
            return None
        if said.obstacle is not None:
            return said.obstacle
        if bits & _VALIDATOR:
            return "validator"
        if bits & _FRESHNESS and not (said.private and said.revalidates):
            return "freshness"
        return None

    def _apply_rules(
        self, identity: RequestIdentity, status: int, headers: Headers[AnyStr]
    ) -> Headers[AnyStr] | None:
        """Return the new headers by all the rules, None to leave the response alone."""
        if status == 304 or status < 200:
            identity.left_alone(None)
            return None
        obstacle = self.obstacle(headers)
        if obstacle is not None and not (obstacle in _CLOSABLE and identity.was_read):
            identity.left_alone(obstacle, silent=self._silent)
            return None
        if self._silent and not identity.was_asked:
            identity.left_alone(None if self._is_closed(headers) else "not_closed", silent=True)
            return None
        tokens = self._carried(identity)  # settles the identity, also if no signer has a header
        if tokens is None and not identity.was_read:
            return None
        directives: Sequence[str] = ()
        if identity.was_read:
            fresh = obstacle is not None or status in _FRESH_BY_STATUS
            directives = _NO_STORE if fresh else self._closing
        return self.rewritten(headers, tokens or [], directives)

    def _apply_listed(
        self, identity: RequestIdentity, status: int, headers: Iterable[tuple[AnyStr, AnyStr]]
    ) -> Iterable[tuple[AnyStr, AnyStr]]:
        listed = list(headers)
        changed = self.apply(identity, status, listed)
        return changed if changed is not listed or isinstance(headers, Iterator) else headers

    def _is_closed(self, headers: Headers[AnyStr]) -> bool:
        """Tell whether the application has closed the response as a token would."""
        said = parse_cache_control(self._joined(headers, _CACHE_CONTROL))
        return said.no_store or (said.private and self._closing is _PRIVATE)

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
        said = parse_cache_control(value)
        present = {"private": said.private, "no-store": said.no_store}
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
        if kind == _FOREIGN and self._own is not None and len(self._foreign) < 1024:
            self._foreign.add(name)
        return kind

    def _joined(self, headers: Sequence[tuple[AnyStr, AnyStr]], kind: int) -> str:
        values = [self._decode(header[1]) for header in headers if self._kind(header[0]) == kind]
        return ", ".join(value for value in values if value.strip(" \t"))


def text_headers(
    policy: IdentityPolicy,
    *,
    vary: str | Iterable[str] = DEFAULT_VARY,
    cache_control: str = DEFAULT_CACHE_CONTROL,
) -> ResponseHeaders[str]:
    """Return the rules for headers of ``str``, as under WSGI; see :class:`ResponseHeaders`."""
    return ResponseHeaders(
        policy,
        vary=vary,
        cache_control=cache_control,
        encode_name=str,
        encode=str,
        decode=str,
    )


def byte_headers(
    policy: IdentityPolicy,
    *,
    vary: str | Iterable[str] = DEFAULT_VARY,
    cache_control: str = DEFAULT_CACHE_CONTROL,
) -> ResponseHeaders[bytes]:
    """Return the rules for headers of ``bytes``, as under ASGI; see :class:`ResponseHeaders`."""
    return ResponseHeaders(
        policy,
        vary=vary,
        cache_control=cache_control,
        encode_name=lambda name: name.lower().encode("ascii"),
        encode=lambda text: text.encode("latin-1"),
        decode=lambda value: value.decode("latin-1"),
    )


def _field_names(vary: object) -> list[str]:
    several = isinstance(vary, Iterable) and not isinstance(vary, str)
    names: list[object] = list(vary) if several else [vary]  # type: ignore[call-overload]
    found = [name for name in names if isinstance(name, str) and _FIELD_NAME.fullmatch(name)]
    if found != names:
        raise ConfigurationError("vary= takes names of request headers, such as 'Cookie'")
    return found

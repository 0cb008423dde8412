"""Adds tokens to the headers of a response, if no cache may give it to another user.

Every adapter and every integration calls :meth:`ResponseHeaders.apply`. Headers are a list
of pairs, of ``bytes`` under ASGI and ``str`` under WSGI.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import AnyStr, Final, Generic

from countermark.signing._config import SigningConfig
from countermark.signing._header_rules import NO_STORE, HeaderRules, Headers
from countermark.signing._request_identity import RequestIdentity
from countermark.signing._token_headers import BYTES, TEXT, Encoding, TokenHeaders

# Browsers consider these fresh without an explicit lifetime, some of them indefinitely.
FRESH_BY_STATUS: Final = frozenset({300, 301, 308, 410})

# The other statuses that carry a token, for which the rules are the same.
_USUAL: Final = frozenset(range(200, 600)) - FRESH_BY_STATUS - {304}

# A response with one of these obstacles becomes no-store once its body may hold a
# token. With any other one it is meant to be shared, and is left alone.
_CLOSABLE: Final = frozenset({"validator", "freshness", "unknown_directive"})


class ResponseHeaders(Generic[AnyStr]):
    """Adds tokens to the response headers of one middleware, over one string type.

    :func:`text_headers` and :func:`byte_headers` make one.
    """

    __slots__ = ("_foreign", "_rules", "_token_headers", "_usual", "silent")

    #: Whether no signer has a header, so that tokens are only in the request's state.
    silent: bool

    def __init__(self, config: SigningConfig, encoding: Encoding[AnyStr]) -> None:
        self._token_headers: TokenHeaders[AnyStr] = TokenHeaders(config, encoding)
        names = self._token_headers.names
        self._rules: HeaderRules[AnyStr] = HeaderRules(
            config.vary, config.cache_control, names, encoding
        )
        self._foreign: set[AnyStr] = self._rules.foreign
        self.silent = names == []
        # With a header, and the same one for all tenants: most middlewares.
        self._usual = _USUAL if names else frozenset()

    @property
    def forbids_storing(self) -> bool:
        """True if responses with a token become ``no-store`` even if nothing requires it."""
        return self._rules.closing is NO_STORE

    def tokens(self, identity: RequestIdentity) -> Headers[AnyStr] | None:
        """Return the headers that carry the tokens of *identity*, and settle it.

        Empty if the request is anonymous, None if the principal is unknown.
        """
        return identity.header_tokens(self._token_headers)

    def apply(
        self, identity: RequestIdentity, status: int, headers: Iterable[tuple[AnyStr, AnyStr]]
    ) -> Iterable[tuple[AnyStr, AnyStr]]:
        """Return the headers of a response, with the tokens of *identity* if they are safe there.

        Call it once, when the response starts, unless the request's method is OPTIONS.
        A response that is left alone keeps its headers as they are: the return value is
        then *headers* itself, or a list of them if they were an iterator. The identity
        is settled: later reads get the same principal. Nothing is raised: if something
        goes wrong, the headers stay as they are and an event gives the reason.

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
                    tokens = identity.header_tokens(self._token_headers)
                    if tokens:
                        return headers + self._rules.closing_lines + tokens
                    if identity.issued and identity.was_read:  # the body may hold a token
                        return headers + self._rules.closing_lines
                    return headers if tokens is None else headers + self._rules.varying_lines
                if self.silent and identity.issued is None:
                    identity.left_unread("not_closed")
                    return headers
                if status in _USUAL:
                    return self._apply_to_foreign(identity, headers)
            changed = self._apply_rules(identity, status, headers)
            return headers if changed is None else changed
        except Exception as error:  # invalid arguments are for the server to judge
            identity.delivery_failed(error)
            return headers

    def may_carry(self, status: int, headers: Iterable[tuple[AnyStr, AnyStr]]) -> bool:
        """Tell whether :meth:`apply` will look the principal up.

        For callers that have to await the principal first.
        """
        try:
            if self.silent or status == 304 or status < 200:
                return False
            return self._rules.obstacle(list(headers)) is None
        except Exception:  # apply() reports it
            return False

    def _apply_rules(
        self, identity: RequestIdentity, status: int, headers: Headers[AnyStr]
    ) -> Headers[AnyStr] | None:
        """Return the new headers by all the rules, None to leave the response alone."""
        if status == 304 or status < 200:
            identity.left_unread("")  # such a response never carries a token
            return None
        rules = self._rules
        obstacle = rules.obstacle(headers)
        if obstacle is not None and not (obstacle in _CLOSABLE and identity.was_read):
            identity.left_alone(obstacle, silent=self.silent)
            return None
        if self.silent and not identity.was_asked:
            identity.left_unread("" if rules.is_closed(headers) else "not_closed")
            return None
        tokens = self.tokens(identity)  # settles the identity, even if no signer has a header
        if tokens is None and not identity.was_read:
            return None
        directives: Sequence[str] = ()
        if identity.was_read:
            fresh = obstacle is not None or status in FRESH_BY_STATUS
            directives = NO_STORE if fresh else rules.closing
        return rules.rewritten(headers, tokens or [], directives)

    def _apply_to_foreign(
        self, identity: RequestIdentity, headers: Headers[AnyStr]
    ) -> Headers[AnyStr]:
        """Do the same for headers that mean nothing to caches, but may be named like a token's."""
        rules = self._rules
        tokens = identity.header_tokens(self._token_headers)
        if tokens:
            names = {name.lower() for name, _ in tokens}
            if not names.isdisjoint([name.lower() for name, _ in headers]):
                return rules.rewritten(headers, tokens, rules.closing)
            return headers + rules.closing_lines + tokens
        if identity.issued and identity.was_read:
            return headers + rules.closing_lines
        return headers if tokens is None else headers + rules.varying_lines

    def _apply_listed(
        self, identity: RequestIdentity, status: int, headers: Iterable[tuple[AnyStr, AnyStr]]
    ) -> Iterable[tuple[AnyStr, AnyStr]]:
        listed = list(headers)
        changed = self.apply(identity, status, listed)
        return changed if changed is not listed or isinstance(headers, Iterator) else headers


def text_headers(config: SigningConfig) -> ResponseHeaders[str]:
    """Return the rules for headers of ``str``, as under WSGI; see :class:`ResponseHeaders`."""
    return ResponseHeaders(config, TEXT)


def byte_headers(config: SigningConfig) -> ResponseHeaders[bytes]:
    """Return the rules for headers of ``bytes``, as under ASGI; see :class:`ResponseHeaders`."""
    return ResponseHeaders(config, BYTES)

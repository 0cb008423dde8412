"""Signing under WSGI: the middleware and the current user's endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Unpack

from countermark._redaction import guarded
from countermark.signing._config import Signers, SigningConfig, SigningOptions
from countermark.signing._endpoint import respond
from countermark.signing._principal_lookup import AsyncResolver, Resolver
from countermark.signing._request_identity import RequestIdentity
from countermark.signing._response_headers import text_headers
from countermark.wsgi._sending import send_response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

#: The key of the identity in the environ.
IDENTITY_KEY = "countermark.identity"

HeaderList = list[tuple[str, str]]


class SigningMiddleware:
    """Signs the current user's id for front-end products, once per request.

    ``environ["countermark.identity"]`` is a :class:`RequestIdentity`. Its tokens are added
    to the response headers if no cache may give the response to another user. The
    application's iterable is passed on unchanged.

    If it is applied twice, the outer one serves the request, with its own signers only.

    Args:
        app: The application, or the next middleware.
        signers: One signer or several, or a function from the id of a tenant to them.
        principal: Takes the environ and returns the current user, as a ``Principal`` or an
            id, or None if the request is anonymous. An ``async def`` runs once, through
            asgiref.
        options: As for :class:`countermark.signing.SigningConfig`, which describes *signers*
            and *principal* too.

    Raises:
        ConfigurationError: An option is missing or invalid, or two do not fit together.
    """

    @guarded
    def __init__(
        self,
        app: WSGIApplication,
        *,
        signers: Signers,
        principal: Resolver | AsyncResolver,
        **options: Unpack[SigningOptions],
    ) -> None:
        self.app = app
        self._config = SigningConfig(signers, principal, bridge=True, **options)
        self._headers = text_headers(self._config)
        self._apply = self._headers.apply

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        outer = environ.get(IDENTITY_KEY)
        # An identity that has started, or has no source, belongs to an earlier request with
        # the same environ.
        if (
            outer is not None
            and isinstance(outer, RequestIdentity)
            and outer.source is not None
            and not outer.has_started
        ):
            return self.app(environ, start_response)
        identity = environ[IDENTITY_KEY] = RequestIdentity(self._config, environ)
        apply = self._apply if environ.get("REQUEST_METHOD") != "OPTIONS" else _leave_alone

        def start_signed(
            status: str, headers: HeaderList, exc_info: Any = None
        ) -> Callable[[bytes], object]:
            signed = apply(identity, 200 if status == "200 OK" else _code(status), headers)
            # Break the reference cycle of identity and environ. A principal that is not settled
            # is looked up in a copy of the environ.
            identity.source = None if identity.is_settled() else _without_identity(environ)
            # Some servers take only two arguments.
            if exc_info is None:
                return start_response(status, signed)  # type: ignore[arg-type]
            return start_response(status, signed, exc_info)  # type: ignore[arg-type]

        app = self.app  # called faster from a variable
        try:
            body = app(environ, start_signed)
        except BaseException:
            _abandon(identity)
            raise
        # A generator has not started its response yet, so it may still fail before that.
        return body if identity.source is not environ else _Unstarted(body, identity, environ)


def _leave_alone(
    identity: RequestIdentity, status: int, headers: Iterable[tuple[str, str]]
) -> Iterable[tuple[str, str]]:
    """Leave the response to a preflight request as it is."""
    identity.left_unread("")
    return headers


def _without_identity(environ: WSGIEnvironment) -> WSGIEnvironment:
    copied = environ.copy()  # many times faster than a comprehension
    copied.pop(IDENTITY_KEY, None)
    return copied


def _abandon(identity: RequestIdentity) -> None:
    """Make the identity of a request that failed before its response anonymous.

    An outer middleware's error page could show tokens, and no header of ours would keep
    caches from storing it. An outer layer may also try again with the same environ.
    """
    identity.forget()
    identity.source = None


class _Unstarted:
    """The body of a response that has not started. If it fails before, so does its identity."""

    def __init__(
        self, body: Iterable[bytes], identity: RequestIdentity, environ: WSGIEnvironment
    ) -> None:
        self._body = body
        self._chunks: Iterator[bytes] | None = None
        self._identity = identity
        self._environ = environ

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._chunks is None:
                self._chunks = iter(self._body)
            return next(self._chunks)
        except StopIteration:
            raise
        except BaseException:
            if self._identity.source is self._environ:
                _abandon(self._identity)
            raise

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def _code(status: str) -> int:
    """Return the status code of *status*; 0, which never carries a token, if it has none."""
    return int(status[:3]) if status[:3].isdecimal() else 0


class SignaturesEndpoint:
    """The current user's signatures as JSON: a WSGI application to mount anywhere.

    It responds as :class:`countermark.asgi.SignaturesEndpoint` does.
    """

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = respond(environ["REQUEST_METHOD"], environ.get(IDENTITY_KEY))
        return send_response(response, start_response)

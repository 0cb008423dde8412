"""The WSGI side: the signing middleware and the current user's endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from countermark.delivery import Delivery
from countermark.endpoint import respond
from countermark.events import OnEvent
from countermark.identity import AsyncResolver, IdentityPolicy, RequestIdentity, Resolver
from countermark.signer import Signer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ENVIRON_KEY = "countermark.identity"


class SigningMiddleware:
    """Signs the current user's id for front-end products, once per request.

    A :class:`RequestIdentity` is put into ``environ["countermark.identity"]``.
    Its tokens go into response headers where no shared cache may reuse the
    response. The application's iterable is returned as it is.

    Args:
        app: The application, or the next middleware.
        signers: One signer or several, of different schemes and headers.
        principal: Takes the environ and returns whose request it is, as a
            ``Principal`` or an id, or None for nobody. It is called whenever
            the identity is read and when the response starts, so it should be
            cheap. An ``async def`` is run once instead, through asgiref.
        vary: What the tokens depend on, merged into ``Vary``: the name of a
            request header, or several.
        cache_control: What is merged into ``Cache-Control`` beside a token,
            ``private`` or ``no-store``.
        sign_impersonated: Also sign for a principal who has an actor.
        on_event: Called with every :class:`Event`.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        signers: Signer | Iterable[Signer],
        principal: Resolver | AsyncResolver,
        vary: str | Iterable[str] = "Cookie",
        cache_control: str = "private",
        sign_impersonated: bool = False,
        on_event: OnEvent | None = None,
    ) -> None:
        self.app = app
        self._policy = IdentityPolicy(
            signers, principal, sign_impersonated=sign_impersonated, on_event=on_event
        )
        if self._policy.asynchronous:
            self._policy.bridge()
        self._carriers = self._policy.carriers(str)
        self._delivery: Delivery[str] = Delivery(
            [name for name, _ in self._carriers],
            vary=vary,
            cache_control=cache_control,
            encode=str,
            decode=str,
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Where the middleware is applied twice, the outer one has done it.
        if ENVIRON_KEY in environ:
            return self.app(environ, start_response)
        identity = environ[ENVIRON_KEY] = RequestIdentity(self._policy, environ)
        if not self._carriers or environ.get("REQUEST_METHOD") == "OPTIONS":
            return self.app(environ, start_response)
        rewritten = self._rewritten

        def start_signed(
            status: str, headers: list[tuple[str, str]], *exc_info: Any
        ) -> Callable[[bytes], object]:
            # Passed on only if given: some servers take two arguments alone.
            return start_response(status, rewritten(identity, status, headers), *exc_info)

        return self.app(environ, start_signed)

    def _rewritten(
        self, identity: RequestIdentity, status: str, headers: list[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        """Return what becomes of *headers*; the application's own list is left as it is."""
        try:
            if status.startswith(("304", "1")):
                return headers
            delivery = self._delivery
            foreign = delivery.foreign
            for name, _ in headers:
                if name not in foreign:
                    return self._rewritten_carefully(identity, headers)
            # Nothing that matters to caches, as in most responses.
            tokens = identity.carried(self._carriers, str)
            if tokens is None:
                return headers
            added = [*delivery.private_lines, *tokens] if tokens else delivery.varying_lines
            return [*headers, *added]
        except Exception as error:  # odd arguments are the server's to judge
            identity.delivery_failed(error)
            return headers

    def _rewritten_carefully(
        self, identity: RequestIdentity, headers: list[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        if reason := self._delivery.refusal(headers):
            identity.withheld(reason)
            return headers
        tokens = identity.carried(self._carriers, str)
        return headers if tokens is None else self._delivery.rewritten(headers, tokens)


class SignaturesEndpoint:
    """The current user's signatures as JSON: a WSGI application to mount anywhere.

    It must lie inside a :class:`SigningMiddleware`. It takes no input but the
    request's identity: GET and HEAD answer 200 with ``identity.payload()``, 401
    for nobody, and 503 where the principal could not be told.
    """

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, headers, body = respond(environ["REQUEST_METHOD"], environ.get(ENVIRON_KEY))
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

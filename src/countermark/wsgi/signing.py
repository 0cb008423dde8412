"""Signing under WSGI: the middleware and the current user's endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from countermark.carried import compile_carried
from countermark.delivery import Delivery
from countermark.endpoint import respond
from countermark.events import OnEvent
from countermark.identity import RequestIdentity
from countermark.policy import AsyncResolver, IdentityPolicy, Resolver, Signers
from countermark.showing import guarded

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ENVIRON_KEY = "countermark.identity"

HeaderList = list[tuple[str, str]]
Carried = Callable[[RequestIdentity], HeaderList | None]


class SigningMiddleware:
    """Signs the current user's id for front-end products, once per request.

    A :class:`RequestIdentity` is put into ``environ["countermark.identity"]``.
    Its tokens go into response headers where no shared cache may reuse the
    response. The application's iterable is returned as it is.

    Where it is applied twice, the outer one serves the request, with its own
    signers alone.

    Args:
        app: The application, or the next middleware.
        signers: One signer or several, of different schemes and headers; or a
            function that returns them for the tenant of a ``Principal``, which is
            called again for a tenant after a minute, and kept for the latest 1024.
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

    @guarded
    def __init__(
        self,
        app: WSGIApplication,
        *,
        signers: Signers,
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
        names = self._policy.header_names(str)
        delivery: Delivery[str] = Delivery(
            names,
            vary=vary,
            cache_control=cache_control,
            encode=str,
            decode=str,
        )
        self._carries = names != []
        self._carry = _compile_carry(delivery, compile_carried(self._policy, str, str))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        outer = environ.get(ENVIRON_KEY)
        # Where the middleware is applied twice, the outer one has done it. One that
        # is settled belongs to a request before, whose environ is used again.
        if outer is not None and isinstance(outer, RequestIdentity) and outer.source is not None:
            return self.app(environ, start_response)
        identity = environ[ENVIRON_KEY] = RequestIdentity(self._policy, environ)
        if not self._carries or environ.get("REQUEST_METHOD") == "OPTIONS":
            return self.app(environ, start_response)
        carry = self._carry

        def start_signed(
            status: str, headers: HeaderList, exc_info: Any = None
        ) -> Callable[[bytes], object]:
            headers = carry(identity, status, headers)
            # Some servers take two arguments alone, so the third goes only if it is one.
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        try:
            return self.app(environ, start_signed)
        except BaseException:
            # An error page from outside would show tokens that no header of ours protects.
            identity.forget()
            identity.source = None
            raise


def _compile_carry(
    delivery: Delivery[str], carried: Carried
) -> Callable[[RequestIdentity, str, HeaderList], HeaderList]:
    """Return the function from the headers of a response to what they become.

    Closed over its constants, as this runs on every response.
    """
    foreign = delivery.foreign
    varying, private = delivery.varying_lines, delivery.private_lines

    def carry(identity: RequestIdentity, status: str, headers: HeaderList) -> HeaderList:
        try:
            if status != "200 OK" and status.startswith(("304", "1")):
                return headers
            if type(headers) is not list:
                headers = list(headers)
            for name, _ in headers:
                if name not in foreign:
                    return _carry_carefully(identity, headers, delivery, carried)
            # Nothing that matters to caches, as in most responses.
            tokens = carried(identity)
            identity.source = None  # settled; so no cycle with the environ is left
            if tokens:
                return headers + private + tokens
            if identity.was_read:  # a token may stand in the body
                return headers + private
            return headers if tokens is None else headers + varying
        except Exception as error:  # odd arguments are the server's to judge
            identity.delivery_failed(error)
            return headers

    return carry


def _carry_carefully(
    identity: RequestIdentity, headers: HeaderList, delivery: Delivery[str], carried: Carried
) -> HeaderList:
    if reason := delivery.refusal(headers):
        if not identity.withheld(reason):
            return headers
        return delivery.rewritten(headers, [], private=True)
    tokens = carried(identity)
    identity.source = None
    if tokens is None and not identity.was_read:
        return headers
    return delivery.rewritten(headers, tokens or [], private=identity.was_read)


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

"""Signing under ASGI: the middleware and the current user's endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from functools import partial
from typing import Any, Unpack

from countermark._option_checks import is_async
from countermark._redaction import guarded
from countermark._threads import in_thread
from countermark.asgi._lifespan import run_lifespan
from countermark.asgi._sending import send_response
from countermark.asgi._types import App, Message, Receive, Scope, Send
from countermark.errors import ConfigurationError
from countermark.signing._config import Signers, SigningConfig, SigningOptions
from countermark.signing._endpoint import respond
from countermark.signing._principal_lookup import AsyncResolver, Resolver
from countermark.signing._request_identity import RequestIdentity
from countermark.signing._response_headers import byte_headers

# The messages that start a response, or a websocket.
_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}


class SigningMiddleware:
    """Signs the current user's id for front-end products, once per request.

    ``scope["state"]["countermark"]`` is a :class:`RequestIdentity`, which Starlette shows as
    ``request.state.countermark``. At the end of the request it is removed from that
    dictionary, and stays in ``scope["countermark"]``. Its tokens are added to the response
    headers if no cache may give the response to another user.

    If it is applied twice, the outer one serves the request, with its own signers only.

    Args:
        app: The application, or the next middleware.
        signers: One signer or several, or a function from the id of a tenant to them.
        principal: Takes the scope and returns the current user, as a ``Principal`` or an
            id, or None if the request is anonymous. An ``async def`` is awaited once: when
            the response starts, or by ``await identity.load()``.
        blocking: Whether *principal* is a function that blocks: it then runs in a thread,
            once, as if it were asynchronous.
        websocket_headers: Whether to add tokens to the headers of ``websocket.accept`` too.
        options: As for :class:`countermark.signing.SigningConfig`, which describes *signers*
            and *principal* too.

    Raises:
        ConfigurationError: An option is missing or invalid, or two do not fit together.
    """

    @guarded
    def __init__(
        self,
        app: App,
        *,
        signers: Signers,
        principal: Resolver | AsyncResolver,
        blocking: bool = False,
        websocket_headers: bool = False,
        **options: Unpack[SigningOptions],
    ) -> None:
        flags: tuple[object, ...] = (blocking, websocket_headers)
        if not all(isinstance(flag, bool) for flag in flags):
            raise ConfigurationError("blocking= and websocket_headers= must be True or False")
        self.app = app
        self._config = SigningConfig(
            signers, _in_thread(principal) if blocking else principal, **options
        )
        self._headers = byte_headers(self._config)
        self._apply = self._headers.apply
        self._never_awaits = self._headers.silent or not self._config.asynchronous
        self._websocket_headers = websocket_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in {"http", "websocket"} or ("countermark" in scope and _applied(scope)):
            if kind == "lifespan":
                await run_lifespan(self.app, scope, receive, send)
            else:
                await self.app(scope, receive, send)
            return
        identity = RequestIdentity(self._config, scope)
        scope["countermark"] = identity
        state = scope.get("state")
        if state is None or "countermark" in state:
            # Some test clients give all requests the same state. A copy keeps the identity
            # of one request out of the others.
            state = scope["state"] = dict(state or ())
        state["countermark"] = identity
        if kind == "http" and self._never_awaits and scope.get("method") != "OPTIONS":
            apply = self._apply

            # Not a coroutine function, which would cost a frame for every message.
            def signing(message: Message) -> Awaitable[None]:
                if message["type"] == "http.response.start":
                    headers = message.get("headers", ())
                    signed = apply(identity, message.get("status"), headers)  # type: ignore[arg-type]
                    if signed is not headers:
                        message = {**message}
                        message["headers"] = signed
                return send(message)

            wrapped: Send = signing
        else:
            wrapped = self._signing(scope, identity, send)
        app = self.app  # called faster from a variable
        try:
            await app(scope, receive, wrapped)
        except BaseException:
            # An outer middleware's error page could show tokens, and no header of ours
            # would keep caches from storing it.
            identity.forget()
            raise
        else:
            # Some test clients give all requests the same state.
            state.pop("countermark", None)
        finally:
            identity.source = None

    def _signing(self, scope: Scope, identity: RequestIdentity, send: Send) -> Send:
        """Return the *send* of websockets, preflights and awaited resolvers."""
        if scope.get("method") == "OPTIONS":
            return send

        def signing(message: Message) -> Awaitable[None]:
            if message["type"] in _STARTS:
                return self._send_start(identity, message, send)
            return send(message)

        return signing

    async def _send_start(self, identity: RequestIdentity, message: Message, send: Send) -> None:
        if message["type"] == "websocket.accept":
            if self._websocket_headers:
                await identity.load()
                message = self._accepting(identity, message)
        elif message["type"] == "http.response.start" or identity.was_read:
            message = await self._starting(identity, message)
        else:  # a denial, whose body may hold a token if one is read later
            identity.left_unread("not_closed")
        await send(message)

    async def _starting(self, identity: RequestIdentity, message: Message) -> Message:
        given = headers = message.get("headers", ())
        if isinstance(headers, Iterator):
            headers = list(headers)
        status = message.get("status")
        if self._headers.may_carry(status, headers):  # type: ignore[arg-type]
            await identity.load()
        signed = self._headers.apply(identity, status, headers)  # type: ignore[arg-type]
        return message if signed is given else {**message, "headers": signed}

    def _accepting(self, identity: RequestIdentity, message: Message) -> Message:
        tokens = self._headers.tokens(identity)
        if not tokens:
            return message
        names = {name for name, _ in tokens}
        try:
            headers = [pair for pair in message.get("headers", ()) if pair[0].lower() not in names]
            return {**message, "headers": headers + tokens}
        except Exception as error:  # an invalid message is for the server to judge
            identity.delivery_failed(error)
            return message


class SignaturesEndpoint:
    """The current user's signatures as JSON: an ASGI application to mount anywhere.

    It needs a :class:`SigningMiddleware` around it. Its only input is the request's
    identity. The status of GET and HEAD is 200 with ``identity.payload()``, 401 for an
    anonymous request, and 503 if the principal could not be looked up.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close"})
            return
        identity = scope.get("countermark")
        if identity is not None:
            await identity.load()
        await send_response(respond(scope["method"], identity), send)


def _applied(scope: Scope) -> bool:
    """Tell whether an outer middleware serves this request."""
    outer = scope["countermark"]
    # Otherwise it is not ours, or the scope is of an earlier request.
    return isinstance(outer, RequestIdentity) and outer.source is not None


def _in_thread(principal: Any) -> AsyncResolver:
    if not callable(principal) or is_async(principal):
        raise ConfigurationError("blocking=True is for a principal= that is a function, not async")
    return partial(in_thread, principal)

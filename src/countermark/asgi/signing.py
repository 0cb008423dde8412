"""Signing under ASGI: the middleware and the current user's endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from countermark.asgi.sending import send_response
from countermark.asgi.types import App, Message, Receive, Scope, Send
from countermark.carried import compile_carried
from countermark.delivery import Delivery
from countermark.endpoint import respond
from countermark.errors import ConfigurationError
from countermark.events import OnEvent
from countermark.identity import RequestIdentity
from countermark.policy import AsyncResolver, IdentityPolicy, Resolver, Signers, is_async
from countermark.showing import guarded

Carried = Callable[[RequestIdentity], list[tuple[bytes, bytes]] | None]


class SigningMiddleware:
    """Signs the current user's id for front-end products, once per request.

    A :class:`RequestIdentity` is put into ``scope["state"]["countermark"]``,
    which Starlette shows as ``request.state.countermark``. Its tokens go into
    response headers where no shared cache may reuse the response.

    Where it is applied twice, the outer one serves the request, with its own
    signers alone.

    Args:
        app: The application, or the next middleware.
        signers: One signer or several, of different schemes and headers; or a
            function that returns them for the tenant of a ``Principal``, which is
            called again for a tenant after a minute, and kept for the latest 1024.
        principal: Takes the scope and returns whose request it is, as a
            ``Principal`` or an id, or None for nobody. It is called whenever
            the identity is read and when the response starts, so it should be
            cheap. An ``async def`` is awaited once instead: when the response
            starts, or by ``await identity.load()``.
        blocking: Run *principal* in a thread, once as if it were asynchronous.
            Needs asyncio.
        vary: What the tokens depend on, merged into ``Vary``: the name of a
            request header, or several.
        cache_control: What is merged into ``Cache-Control`` beside a token,
            ``private`` or ``no-store``.
        websocket_headers: Also put tokens into the headers of
            ``websocket.accept``.
        sign_impersonated: Also sign for a principal who has an actor.
        on_event: Called with every :class:`Event`.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    @guarded
    def __init__(
        self,
        app: App,
        *,
        signers: Signers,
        principal: Resolver | AsyncResolver,
        blocking: bool = False,
        vary: str | Iterable[str] = "Cookie",
        cache_control: str = "private",
        websocket_headers: bool = False,
        sign_impersonated: bool = False,
        on_event: OnEvent | None = None,
    ) -> None:
        flags: tuple[object, ...] = (blocking, websocket_headers)
        if not all(isinstance(flag, bool) for flag in flags):
            raise ConfigurationError("blocking= and websocket_headers= must be True or False")
        self.app = app
        self._policy = IdentityPolicy(
            signers,
            _in_thread(principal) if blocking else principal,
            sign_impersonated=sign_impersonated,
            on_event=on_event,
        )
        names = self._policy.header_names(_encode_name)
        self._delivery: Delivery[bytes] = Delivery(
            names,
            vary=vary,
            cache_control=cache_control,
            encode=lambda text: text.encode("latin-1"),
            decode=lambda value: value.decode("latin-1"),
        )
        self._carried = compile_carried(self._policy, _encode_name, str.encode)
        self._carry = _compile_carry(self._delivery, self._carried)
        self._carries = names != []
        self._plain = self._carries and not self._policy.asynchronous
        self._websocket_headers = websocket_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in {"http", "websocket"} or ("countermark" in scope and _applied(scope)):
            await self.app(scope, receive, send)
            return
        identity = RequestIdentity(self._policy, scope)
        scope["countermark"] = identity
        state = scope.get("state")
        if state is None or "countermark" in state:
            # No state, or one that is not the request's own: some test drivers give all
            # requests the same, and one would read the identity of the other.
            state = scope["state"] = dict(state or ())
        state["countermark"] = identity
        if kind == "http" and self._plain and scope.get("method") != "OPTIONS":
            carry = self._carry

            # Not a coroutine function: that would cost a frame for every message.
            def signing(message: Message) -> Awaitable[None]:
                if message["type"] == "http.response.start":
                    message = carry(identity, message)
                return send(message)

            wrapped: Send = signing
        else:
            wrapped = self._signing(scope, identity, send)
        try:
            await self.app(scope, receive, wrapped)
        except BaseException:
            # An error page from outside would show tokens that no header of ours protects.
            identity.forget()
            raise
        finally:
            identity.source = None

    def _signing(self, scope: Scope, identity: RequestIdentity, send: Send) -> Send:
        """Return what the application sends with, where that is not the usual wrapper."""
        if not self._carries or scope.get("method") == "OPTIONS":
            return send
        if scope["type"] == "http":
            return self._signing_loaded(identity, send)
        return self._signing_accept(identity, send) if self._websocket_headers else send

    def _signing_loaded(self, identity: RequestIdentity, send: Send) -> Send:
        async def signing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = _reiterable(message)
                if self._may_carry(message):
                    await identity.load()
                message = self._carry(identity, message)
            await send(message)

        return signing

    def _signing_accept(self, identity: RequestIdentity, send: Send) -> Send:
        async def signing(message: Message) -> None:
            if message["type"] == "websocket.accept":
                await identity.load()
                message = self._accepting(identity, message)
            await send(message)

        return signing

    def _accepting(self, identity: RequestIdentity, message: Message) -> Message:
        tokens = self._carried(identity)
        if not tokens:
            return message
        names = {name for name, _ in tokens}
        try:
            headers = [pair for pair in message.get("headers", ()) if pair[0].lower() not in names]
            return {**message, "headers": headers + tokens}
        except Exception as error:  # an odd message is the server's to judge
            identity.delivery_failed(error)
            return message

    def _may_carry(self, message: Message) -> bool:
        try:
            status, headers = message["status"], message.get("headers", ())
            return status >= 200 and status != 304 and self._delivery.refusal(headers) is None
        except Exception:  # reported when it is tried
            return False


class SignaturesEndpoint:
    """The current user's signatures as JSON: an ASGI application to mount anywhere.

    It must lie inside a :class:`SigningMiddleware`. It takes no input but the
    request's identity: GET and HEAD answer 200 with ``identity.payload()``, 401
    for nobody, and 503 where the principal could not be told.
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


def _encode_name(name: str) -> bytes:
    return name.lower().encode("ascii")


def _compile_carry(
    delivery: Delivery[bytes], carried: Carried
) -> Callable[[RequestIdentity, Message], Message]:
    """Return the function from a start message to what is sent in its place.

    Closed over its constants, as this runs on every response.
    """
    foreign = delivery.foreign
    varying, private = delivery.varying_lines, delivery.private_lines

    def carry(identity: RequestIdentity, message: Message) -> Message:
        try:
            status = message["status"]
            if status == 304 or status < 200:
                return message
            headers = message.get("headers", ())
            if type(headers) is not list:
                message = _reiterable(message)
                headers = list(message.get("headers", ()))
            for name, _ in headers:
                if name not in foreign:
                    return _carry_carefully(identity, message, headers, delivery, carried)
            # Nothing that matters to caches, as in most responses.
            tokens = carried(identity)
            if tokens:
                headers = headers + private + tokens
            elif identity.was_read:  # a token may stand in the body
                headers = headers + private
            elif tokens is None:
                return message
            else:
                headers = headers + varying
            message = {**message}
            message["headers"] = headers
            return message
        except Exception as error:  # an odd message is the server's to judge
            identity.delivery_failed(error)
            return message

    return carry


def _carry_carefully(
    identity: RequestIdentity,
    message: Message,
    headers: list[tuple[bytes, bytes]],
    delivery: Delivery[bytes],
    carried: Carried,
) -> Message:
    if reason := delivery.refusal(headers):
        if not identity.withheld(reason):
            return message
        return {**message, "headers": delivery.rewritten(headers, [], private=True)}
    tokens = carried(identity)
    if tokens is None and not identity.was_read:
        return message
    rewritten = delivery.rewritten(headers, tokens or [], private=identity.was_read)
    return {**message, "headers": rewritten}


def _applied(scope: Scope) -> bool:
    """Tell whether an outer middleware serves this request, and so has done the work."""
    outer = scope["countermark"]
    # Else it is somebody else's, or the scope is used a second time.
    return isinstance(outer, RequestIdentity) and outer.source is not None


def _reiterable(message: Message) -> Message:
    headers = message.get("headers", ())
    if isinstance(headers, Iterator):
        return {**message, "headers": list(headers)}
    return message


def _in_thread(principal: Any) -> AsyncResolver:
    if not callable(principal) or is_async(principal):
        raise ConfigurationError("blocking=True is for a principal= that is a plain function")
    from asgiref.sync import sync_to_async

    # Not thread-sensitive: requests would wait for one another's resolvers.
    return sync_to_async(principal, thread_sensitive=False)

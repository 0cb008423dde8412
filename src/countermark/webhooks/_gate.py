"""What the middleware for webhooks does, whatever the protocol."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from countermark._option_checks import checked_clock, is_async
from countermark._responses import Response, problem
from countermark.errors import BadWebhook, ConfigurationError, StoreUnavailable
from countermark.events import Event, EventName, OnEvent, emit
from countermark.webhooks._deduplication import Deliveries, DeliveriesInMemory, DeliveriesInRedis
from countermark.webhooks._parts import SecretHeader
from countermark.webhooks._paths import WebhookPaths
from countermark.webhooks._request_head import Headers
from countermark.webhooks._results import REFUSALS, VerifiedWebhook
from countermark.webhooks._verifier import WebhookVerifier

if TYPE_CHECKING:
    from countermark.redis import RedisStore

T = TypeVar("T")

#: Under what an application finds its VerifiedWebhook, in the state of a scope.
STATE_KEY: Final = "verified_webhook"
ENVIRON_KEY: Final = "countermark.verified_webhook"

#: What becomes of a delivery that was handled already.
Duplicates: TypeAlias = Literal["answer", "deliver"]
#: What becomes of a delivery while nobody can tell whether it was handled.
WhenUnavailable: TypeAlias = Literal["fail_open", "fail_closed"]

# Not 409: there are senders who never try again after a 4xx.
_RETRY_AFTER: Final = ("Retry-After", "5")


class Handling:
    """One delivery that the application handles. It ends once, well or not."""

    __slots__ = ("_end", "ended")

    def __init__(self, end: Callable[[bool], None]) -> None:
        self._end = end
        self.ended = False

    def end(self, handled: bool) -> None:
        """Say whether the application has answered that all is well."""
        self.ended = True
        self._end(handled)


class Receiving:
    """Lets the vendor's deliveries through, each once. Its options are the middleware's.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    __slots__ = (
        "_deliveries",
        "_on_event",
        "_paths",
        "_scheme",
        "_verifier",
        "_when_unavailable",
        "max_body",
        "waits",
    )

    #: Whether begin() and the end of a handling may wait for the network.
    waits: bool
    max_body: int

    def __init__(
        self,
        verifier: WebhookVerifier,
        *,
        paths: str | Iterable[str] | None,
        prefix: str | None,
        max_body: int,
        duplicates: Duplicates,
        store: RedisStore | None,
        when_unavailable: WhenUnavailable,
        on_event: OnEvent | None,
        clock: Callable[[], float],
    ) -> None:
        if not isinstance(verifier, WebhookVerifier):
            raise ConfigurationError(
                "verifier= must be a WebhookVerifier, such as WebhookVerifier.from_env('stigg')"
            )
        if type(max_body) is not int or max_body < 1:
            raise ConfigurationError("max_body= must be a number of bytes above 0")
        _choose("duplicates", duplicates, "answer", "deliver")
        _choose("when_unavailable", when_unavailable, "fail_open", "fail_closed")
        if store is not None and (duplicates == "deliver" or not hasattr(store, "ask")):
            raise ConfigurationError(
                "store= must be a RedisStore, and is for duplicates='answer' alone; leave it out"
            )
        hook: object = on_event
        if hook is not None and (not callable(hook) or is_async(hook)):
            raise ConfigurationError(
                "on_event= must be callable, and no coroutine function; give a plain one"
            )
        clock = checked_clock(clock)
        self._verifier, self._scheme = verifier, f"webhook:{verifier.scheme.slug}"
        if paths is None and prefix is not None:
            raise ConfigurationError("prefix= belongs to paths=; give paths= as well")
        self._paths = None if paths is None else WebhookPaths(paths, prefix)
        self.max_body = max_body
        self._deliveries: Deliveries | None = None
        if duplicates == "answer":
            self._deliveries = (
                DeliveriesInMemory(clock) if store is None else DeliveriesInRedis(store)
            )
        self.waits = store is not None
        self._when_unavailable = when_unavailable
        self._on_event = on_event

    @property
    def secret_header(self) -> str | None:
        """The header that carries the vendor's secret itself, in lower case; None if none does."""
        signature = self._verifier.scheme.signature
        return signature.header if isinstance(signature, SecretHeader) else None

    def covers(self, readings: Iterable[str]) -> bool:
        """Tell whether to verify a request whose path can be read in these ways."""
        if self._paths is None:
            return True
        return any(map(self._paths.cover, readings))

    def look(
        self, headers: Headers, method: str, path: str | bytes
    ) -> Callable[[bytes], VerifiedWebhook | Response] | Response:
        """Return what takes the body of a delivery, or what that is answered without it.

        The former returns what proves the delivery, or what it is answered.
        """
        rest = self._unless_refused(
            lambda: self._verifier.look(headers=headers, method=method, path=path)
        )
        return rest if isinstance(rest, Response) else lambda body: self._verify(rest, body)

    def _verify(
        self, rest: Callable[[bytes], VerifiedWebhook], body: bytes
    ) -> VerifiedWebhook | Response:
        verified = self._unless_refused(lambda: rest(body))
        if not isinstance(verified, Response):
            self._emit("verified", verified.role)
        return verified

    def _unless_refused(self, step: Callable[[], T]) -> T | Response:
        try:
            return step()
        except BadWebhook as error:
            code = error.code
        return self._refuse(code)

    def _refuse(self, code: str, status: int = 401) -> Response:
        """Return the answer to a delivery that is no good."""
        from uuid import uuid4  # late, as it is slow to import

        correlation = str(uuid4())
        self._emit("refused", code, correlation=correlation)
        challenge = f'Countermark realm="{self._scheme}", error="{code}"'
        headers = [("WWW-Authenticate", challenge)] if status == 401 else []
        detail = f"{REFUSALS[code].capitalize()}."
        members = {"instance": f"urn:uuid:{correlation}"}
        return problem(status, f"webhook_{code}", detail, *headers, members=members)

    def too_large(self) -> Response:
        """Return the answer to a delivery whose body is larger than what is taken."""
        return self._refuse("too_large", 413)

    def begin(self, verified: VerifiedWebhook) -> Handling | Response | None:
        """Claim a delivery for the application.

        Returns:
            The handling, to be ended; None: it has no id, or whether it was handled is
            not asked; or what is answered in the application's place.
        """
        if self._deliveries is None or verified.delivery_id is None:
            return None
        # JSON can have half a surrogate pair.
        name = f"{verified.scheme}\n{verified.delivery_id}".encode("utf-8", "surrogatepass")
        key, claim = sha256(name).hexdigest(), os.urandom(8).hex()
        try:
            state = self._deliveries.begin(key, claim)
        except StoreUnavailable as error:
            self._failed(error)
            if self._when_unavailable == "fail_open":
                # The claim may be there all the same: what was lost can be the answer.
                return Handling(partial(self._end, key, claim, quiet=True))
            return problem(503, "webhook_store_unavailable", "Try again later.", _RETRY_AFTER)
        if state == "new":
            return Handling(partial(self._end, key, claim))
        self._emit("duplicate", state)
        if state == "busy":
            return problem(503, "webhook_busy", "The delivery is being handled.", _RETRY_AFTER)
        # Good news to the sender, who otherwise would go on trying.
        return Response(200, [("Content-Length", "0"), ("Cache-Control", "no-store")], b"")

    def _end(self, key: str, claim: str, handled: bool, *, quiet: bool = False) -> None:
        deliveries = self._deliveries
        assert deliveries is not None  # noqa: S101  # it has begun there
        try:
            if handled:
                deliveries.succeed(key)
            else:
                deliveries.fail(key, claim)
        except StoreUnavailable as error:
            # The claim ends by itself; at worst the delivery is handled again.
            if not quiet:  # else it has been said
                self._failed(error)

    def _failed(self, error: StoreUnavailable) -> None:
        self._emit("failed", "store_unavailable", error=error.kind)

    def _emit(
        self,
        name: EventName,
        reason: str,
        error: str | None = None,
        correlation: str | None = None,
    ) -> None:
        event = Event(name, reason, self._scheme, error=error, correlation=correlation)
        emit(event, self._on_event)


def quoted(path: str, encoding: str = "utf-8") -> str:
    """Return a path that a server has decoded as it probably was sent (RFC 3986, pchar)."""
    from urllib.parse import quote  # late, as it is slow to import

    return quote(path, safe="/!$&'()*+,;=:@", encoding=encoding, errors="replace")


def _choose(name: str, value: object, *choices: str) -> None:
    if value not in choices:
        raise ConfigurationError(f"{name}= must be one of {', '.join(choices)}")

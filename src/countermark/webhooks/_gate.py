"""The base class of the webhook middlewares: their options, and all that no protocol changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeAlias, TypeVar

from countermark._option_checks import check_functions, checked_clock
from countermark._redaction import guarded
from countermark._responses import Response, problem
from countermark.errors import ConfigurationError, StoreUnavailable
from countermark.events import Event, EventName, OnEvent, emit
from countermark.webhooks._challenge import ChallengeAnswer
from countermark.webhooks._deduplication import (
    Claim,
    Deliveries,
    DeliveriesInMemory,
    DeliveriesInRedis,
)
from countermark.webhooks._delivery_body import Body
from countermark.webhooks._parts import SecretHeader
from countermark.webhooks._paths import WebhookPaths
from countermark.webhooks._pending import PendingDelivery
from countermark.webhooks._request_head import Headers
from countermark.webhooks._results import REFUSALS, Refusal, VerifiedWebhook
from countermark.webhooks._verifier import WebhookVerifier

if TYPE_CHECKING:
    from countermark.redis import RedisStore

AppT = TypeVar("AppT")

#: The keys under which an application finds its VerifiedWebhook: in the state of an ASGI scope,
#: and in a WSGI environ.
STATE_KEY: Final = "countermark_verified_webhook"
WEBHOOK_KEY: Final = "countermark.verified_webhook"

Duplicates: TypeAlias = Literal["answer", "deliver"]
WhenUnavailable: TypeAlias = Literal["fail_open", "fail_closed"]

# A 503, not a 409: some vendors do not retry after a 4xx.
_RETRY_AFTER: Final = ("Retry-After", "5")


class WebhookGate(Generic[AppT]):
    """Passes on the vendor's deliveries, each once."""

    @guarded
    def __init__(
        self,
        app: AppT,
        *,
        verifier: WebhookVerifier,
        paths: str | Iterable[str] | None = None,
        prefix: str | None = None,
        max_body: int = 1 << 20,
        duplicates: Duplicates = "answer",
        store: RedisStore | None = None,
        when_unavailable: WhenUnavailable = "fail_open",
        on_event: OnEvent | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Wrap an application.

        Args:
            app: The application, or the next middleware.
            verifier: The scheme and the keys.
            paths: The paths of the webhooks: one or several, each with all paths below
                it. Other paths are passed on unverified. None: all requests to this
                middleware are webhooks, for instance because it is mounted.
            prefix: The prefix that the application drops from paths in addition to
                the one that the server reports, such as Django's ``FORCE_SCRIPT_NAME``;
                empty if there is none. None: any prefix, so ``/hooks/stigg`` covers
                ``/app/hooks/stigg`` and ``/stigg`` too.
            max_body: The size of the largest accepted body, in bytes.
            duplicates: ``answer``: a delivery with an id is passed on until the
                application has answered with 2xx; later attempts get a 200 from the
                middleware. ``deliver``: all attempts are passed on, and the application
                has to find duplicates itself.
            store: The memory of deliveries that workers and hosts share. Without it
                each process remembers its own latest 10 000 deliveries.
            when_unavailable: The treatment of deliveries while the store is
                unreachable. ``fail_open`` passes them on, maybe twice; ``fail_closed``
                answers with 503, and a vendor that stops retrying loses them.
            on_event: Called with every :class:`Event`.
            clock: Returns the time, in seconds since the epoch.

        Raises:
            ConfigurationError: An option is wrong, or two contradict each other.
        """
        if not isinstance(verifier, WebhookVerifier):
            raise ConfigurationError(
                "verifier= must be a WebhookVerifier, such as WebhookVerifier.from_env('stigg')"
            )
        if type(max_body) is not int or max_body < 1:
            raise ConfigurationError("max_body= must be a number of bytes above 0")
        _check_choice("duplicates", duplicates, "answer", "deliver")
        _check_choice("when_unavailable", when_unavailable, "fail_open", "fail_closed")
        if store is not None and (duplicates == "deliver" or not hasattr(store, "run")):
            raise ConfigurationError(
                "store= must be a RedisStore, and only works with duplicates='answer'; leave it out"
            )
        check_functions(on_event=on_event)
        if paths is None and prefix is not None:
            raise ConfigurationError("prefix= belongs to paths=; give paths= as well")
        clock = checked_clock(clock)
        self.app = app
        self._verifier, self._scheme = verifier, f"webhook:{verifier.scheme.slug}"
        self._paths = None if paths is None else WebhookPaths(paths, prefix)
        self._max_body = max_body
        self._deliveries: Deliveries | None = None
        if duplicates == "answer":
            self._deliveries = (
                DeliveriesInMemory(clock) if store is None else DeliveriesInRedis(store)
            )
        self._fail_open = when_unavailable == "fail_open"
        self._on_event = on_event
        signature = verifier.scheme.signature
        #: The header that holds the secret itself, in lower case; None if the vendor sends none.
        self._secret_header = signature.header if isinstance(signature, SecretHeader) else None
        #: Whether the query may hold the verify token.
        self._secret_query = bool(verifier.scheme.token_variable)

    def _covers(self, readings: Iterable[str]) -> bool:
        """Return whether to verify a request whose path can be read in these ways."""
        return self._paths is None or any(map(self._paths.cover, readings))

    def _check_head(
        self, headers: Headers, method: str, path: str | bytes
    ) -> PendingDelivery | Response:
        """Check everything that precedes the body, or answer a verification request."""
        pending = self._verifier.read_head(headers, method, path)
        return pending if isinstance(pending, PendingDelivery) else self._answer(pending)

    def _check_body(self, pending: PendingDelivery, content: bytes) -> VerifiedWebhook | Response:
        """Check the body."""
        body = Body(content)
        verified = pending.finish(body)
        if isinstance(verified, Refusal):
            return self._refuse(verified.code)
        answer = pending.answer(body)
        if answer is not None:
            return self._answer(answer)
        self._emit("verified", verified.role)
        return verified

    def _answer(self, answer: ChallengeAnswer | Refusal) -> Response:
        """Return the answer to a verification request, or the response to a refused one."""
        if isinstance(answer, Refusal):
            return self._refuse(answer.code)
        self._emit("challenged", answer.proof)
        return Response(200, answer.headers, answer.body)

    def _refuse(self, code: str, status: int = 401) -> Response:
        """Return the response to a refused delivery."""
        from uuid import uuid4  # late, as it is slow to import

        correlation = str(uuid4())
        if code == "secret_received":
            self._emit("leaked", "received", correlation=correlation)
        self._emit("refused", code, correlation=correlation)
        challenge = f'Countermark realm="{self._scheme}", error="{code}"'
        headers = [("WWW-Authenticate", challenge)] if status == 401 else []
        detail = f"{REFUSALS[code].capitalize()}."
        members = {"instance": f"urn:uuid:{correlation}"}
        return problem(status, f"webhook_{code}", detail, *headers, members=members)

    def _too_large(self) -> Response:
        return self._refuse("too_large", 413)

    def _exceeds(self, digits: str | bytes) -> bool:
        """Return whether a body of so many bytes is too large."""
        # Converting a number of many digits is slow.
        return len(digits) > 18 or int(digits) > self._max_body

    def _claim(self, verified: VerifiedWebhook) -> Claim | Response | None:
        """Claim a delivery for the application.

        Returns:
            The claim, to be settled; None if duplicates are not looked for or the delivery
            has no id; or the response to a delivery that must not be passed on.
        """
        if self._deliveries is None or verified.delivery_id is None:
            return None
        claim = Claim(self._deliveries, verified, self._report)
        state = claim.begin()
        if state == "new" or (state is None and self._fail_open):
            return claim
        if state is None:
            return problem(503, "webhook_store_unavailable", "Try again later.", _RETRY_AFTER)
        self._emit("duplicate", state)
        if state == "busy":
            return problem(503, "webhook_busy", "The delivery is being handled.", _RETRY_AFTER)
        # A success, as the vendor would go on retrying otherwise.
        return Response(200, [("Content-Length", "0"), ("Cache-Control", "no-store")], b"")

    def _report(self, error: StoreUnavailable) -> None:
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
    """Percent-encode a path that a server has decoded, as clients do (RFC 3986, pchar)."""
    from urllib.parse import quote  # late, as it is slow to import

    return quote(path, safe="/!$&'()*+,;=:@", encoding=encoding, errors="replace")


def _check_choice(name: str, value: object, *choices: str) -> None:
    if value not in choices:
        raise ConfigurationError(f"{name}= must be one of {', '.join(choices)}")

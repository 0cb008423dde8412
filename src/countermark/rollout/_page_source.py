"""The page of a meter, made again at most once in each interval, however many people read it."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, TypedDict

from countermark._locks import ProcessLock
from countermark._option_checks import is_redis_store
from countermark._redaction import guarded
from countermark._responses import Header, Response, problem, without_body
from countermark.errors import ConfigurationError, StoreUnavailable
from countermark.rollout._meter import Meter
from countermark.rollout._page import as_html, policy
from countermark.rollout._readiness import LEAST_VERIFIED
from countermark.rollout._redis_reader import read_snapshot
from countermark.rollout._report import allowance_left_now
from countermark.rollout._snapshot import Snapshot, checked_days

if TYPE_CHECKING:
    from countermark.redis import RedisStore
    from countermark.verifying._allowance import Allowance


class PageOptions(TypedDict, total=False):
    """The options of :class:`countermark.asgi.RolloutPage`, which describes them."""

    days: int
    least: float
    allowance: Allowance | None
    refresh: float


class PageSource:
    """Makes the responses of the page, in any thread.

    Its arguments are those of :class:`countermark.asgi.RolloutPage`.
    """

    __slots__ = ("_body", "_headers", "_lock", "_made_at", "_make", "_refresh")

    @guarded
    def __init__(
        self,
        counts: Meter | RedisStore,
        authorize: object,
        *,
        days: int = 7,
        least: float = LEAST_VERIFIED,
        allowance: Allowance | None = None,
        refresh: float = 10.0,
    ) -> None:
        if not callable(authorize):
            raise ConfigurationError(
                "authorize= must be a function that returns True for a request that may read the"
                " page, and False for others"
            )
        given: object = least
        if not isinstance(given, int | float) or not 0 <= given <= 100:
            raise ConfigurationError("least= must be a percentage, from 0 to 100")
        pause: object = refresh
        if not isinstance(pause, int | float) or not 0 < pause <= 3600:
            raise ConfigurationError("refresh= must be a number of seconds, from above 0 to 3600")
        read = _reader_of(counts, checked_days(days))

        def make() -> bytes:
            snapshot = read()
            left = allowance_left_now(allowance, snapshot.groups)
            page = as_html(snapshot, least=least, allowance_left=left, refresh=refresh)
            return page.encode()

        self._make = make
        self._refresh = refresh
        self._headers = _headers(refresh)
        self._lock = ProcessLock()
        self._body = b""
        self._made_at = -inf

    def refusal(self, answer: object, method: str) -> Response | None:
        """Return the response to a request that may not read the page; None: it may.

        Args:
            answer: The answer of ``authorize=``.
            method: The method of the request.

        Raises:
            TypeError: It is not a bool. A user or an awaitable would count as true.
        """
        if not isinstance(answer, bool):
            raise TypeError(f"authorize= must return True or False, not {type(answer).__name__}")
        if answer:
            return None
        return _for(method, problem(403, "forbidden", "You may not read this page."))

    def respond(self, method: str) -> Response:
        """Return the response to an authorized request; it may wait for the store."""
        if method not in ("GET", "HEAD"):
            return problem(405, "method_not_allowed", "Use GET.", ("Allow", "GET, HEAD"))
        try:
            body = self._current()
        except StoreUnavailable:
            response = problem(503, "store_unavailable", "Redis does not answer.")
        else:
            length = ("Content-Length", str(len(body)))
            response = Response(200, [*self._headers, length], body)
        return _for(method, response)

    def _current(self) -> bytes:
        # One thread makes the page; the others wait for it instead of asking Redis too.
        with self._lock:
            now = time.monotonic()
            if now - self._made_at >= self._refresh:
                self._body = self._make()
                self._made_at = now
            return self._body


def _for(method: str, response: Response) -> Response:
    return without_body(response) if method == "HEAD" else response


def _reader_of(counts: Meter | RedisStore, days: int) -> Callable[[], Snapshot]:
    if isinstance(counts, Meter):
        if counts._store is not None:  # noqa: SLF001  # of the same package
            raise ConfigurationError(
                "this meter has a store, where the counts of all processes are; pass another"
                " RedisStore with the same URL and prefix"
            )
        meter = counts
        return lambda: meter.snapshot(days)
    if not is_redis_store(counts):
        raise ConfigurationError(
            f"the page takes a Meter or a countermark.redis.RedisStore, not {type(counts).__name__}"
        )
    return lambda: read_snapshot(counts, days)


def _headers(refresh: float) -> list[Header]:
    return [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", f"{policy(refresh)}; frame-ancestors 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("X-Robots-Tag", "noindex"),
    ]

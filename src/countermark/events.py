"""What happened to a signature or a request: one logger, one hook, one counter."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from logging import Logger

EventName = Literal[
    "signed",
    "withheld",
    "exposed",
    "impersonated",
    "ambiguous",
    "failed",
    "verified",
    "refused",
    "would_refuse",
    "allowed",
    "duplicate",
]

# The numbers of the module logging, which is imported when there is something to log.
_DEBUG, _INFO, _WARNING = 10, 20, 30
_LEVELS: dict[EventName, int] = {
    "signed": _DEBUG,
    "withheld": _DEBUG,
    "exposed": _WARNING,
    "impersonated": _INFO,
    "ambiguous": _WARNING,
    "failed": _WARNING,
    "verified": _DEBUG,
    "refused": _WARNING,
    "would_refuse": _DEBUG,
    "allowed": _INFO,
    "duplicate": _DEBUG,
}
# For the hook alone: a line per request is no news.
_UNLOGGED = ("signed", "verified")


class Event(NamedTuple):
    """One thing worth knowing, free of ids, tokens and keys.

    ``name`` is one of

    * ``signed``: a token was computed;
    * ``withheld``: a response left without a token because a cache may give it to
      another user, or because the token does not fit into a header;
    * ``exposed``: such a response, but the application has read a token, which may
      be in its body: make the page ``no-store``, or take the token out of it;
    * ``impersonated``: somebody acts as the principal; ``reason`` says whether
      that was ``signed`` or ``suppressed``;
    * ``ambiguous``: a middleware was built with a scheme that can give two
      principals the same signature, since its vendor leaves no choice;
    * ``failed``: something went wrong, so that there is no token, or a request was
      not judged as it was meant to be;
    * ``verified``: a request was verified;
    * ``refused``: a request was refused;
    * ``would_refuse``: the mode is ``monitor``; in ``enforce`` the request would have
      been refused, unless there is an allowance;
    * ``allowed``: an unsigned request was let in all the same;
    * ``duplicate``: a webhook came again, and did not reach the application.

    Attributes:
        reason: A stable code. For ``failed``: ``resolver_raised``,
            ``resolver_not_async_def`` (a plain function gave something to
            await), ``not_loaded`` (read before ``load()``), ``signer_raised``,
            ``unknown_tenant``, ``tenant_raised``, ``delivery_raised``, or the code
            of an ``InvalidPrincipal``; of the receiving side ``resolver_raised`` and
            ``tenant_raised`` too, and ``verifier_raised``, ``mode_raised`` (so it
            is ``enforce``), ``mode_file`` (so the modes stay as they were),
            ``store_unavailable``, ``allowance_raised``, ``meter_raised`` (a verdict
            was not counted) and ``meter_unavailable`` (the meter's store does not
            answer; said once until it does). For
            ``refused`` and ``would_refuse``: a key of ``countermark.errors.REFUSALS``.
            For ``verified``: the role of the key. For ``allowed``: ``allowance`` or
            ``fail_open``. For ``withheld`` and ``exposed``:
            ``public``, ``s_maxage``, ``targeted_field``, ``validator``, ``freshness``,
            ``unknown_directive``, ``malformed_cache_control``,
            ``not_visible_ascii``, ``too_long``, or ``not_closed`` (a signer without a
            header, and a token read after the response had started). For ``signed``: the role of
            the key. For ``ambiguous``: ``recipe``. For ``duplicate``: ``done``, or
            ``busy`` while the first one is handled. Webhooks are ``refused`` with the
            code of a ``BadWebhook``, and their scheme begins with ``webhook:``.
        scheme: The scheme concerned, where it was one and not all.
        principal: A salted hash of the id (see ``SecretKey.pseudonym``); of a request
            that is not verified, of the id that it claims.
        error: The type of the exception behind it; of ``store_unavailable``
            and ``meter_unavailable``, of what Redis raised.
        correlation: What a refusal and its event have in common, a UUID.
    """

    name: EventName
    reason: str
    scheme: str | None = None
    principal: str | None = None
    error: str | None = None
    correlation: str | None = None


OnEvent = Callable[[Event], object]


class LogLimit:
    """Limits how many events of one name, reason and scheme are logged in a minute.

    A client decides how often it sends a bad token, so it must not decide how much is
    logged. The number of events that were left out stands in the next line of that kind.

    Args:
        clock: Returns seconds that never go back.
    """

    __slots__ = ("_clock", "_lock", "_seen")

    #: The lines of one kind that are logged in a window, and its length in seconds.
    MOST = 10
    WINDOW = 60.0
    # The kinds that are remembered. Names, reasons and schemes are few, so it is not reached
    # unless a recipe of one's own makes schemes up.
    _KINDS = 1000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        from threading import Lock  # late, as it is slow to import

        self._clock = clock
        self._lock = Lock()
        # By kind: when its window began, the lines in it, and the events that were left out.
        self._seen: dict[tuple[str, str, str | None], tuple[float, int, int]] = {}

    def left_out(self, event: Event) -> int | None:
        """Return None if *event* is not to be logged, otherwise the number left out before it."""
        kind, now = event[:3], self._clock()
        with self._lock:
            began, lines, left_out = self._seen.get(kind, (now, 0, 0))
            if now - began >= self.WINDOW:
                self._seen[kind] = (now, 1, 0)
                return left_out
            if lines >= self.MOST:
                self._seen[kind] = (began, lines, left_out + 1)
                return None
            if len(self._seen) >= self._KINDS:
                self._seen.clear()
            self._seen[kind] = (began, lines + 1, 0)
            return 0

    def reset(self) -> None:
        """Begin anew, as tests do that look at the log."""
        with self._lock:
            self._seen.clear()


@cache
def log_limit() -> LogLimit:
    """Return the limit of this process."""
    return LogLimit()


def emit(event: Event, on_event: OnEvent | None) -> None:
    """Log *event* and hand it to *on_event*, whose own errors are logged and dropped.

    The hook gets every event. The log gets none of the names ``signed`` and ``verified``,
    and of the others a limited number: see :class:`LogLimit`.
    """
    if event.name not in _UNLOGGED:
        _log(event)
    if on_event is not None:
        try:
            on_event(event)
        except Exception as error:
            if log_limit().left_out(Event("failed", "on_event_raised")) is not None:
                _logger().warning("on_event raised %s", type(error).__name__)


def _log(event: Event) -> None:
    logger, level = _logger(), _LEVELS[event.name]
    if not logger.isEnabledFor(level):
        return
    left_out = log_limit().left_out(event)
    if left_out is not None:
        text = "%s: %s (scheme=%s principal=%s error=%s)"
        values: list[object] = [*event[:5]]
        if event.correlation is not None:
            text += " correlation=%s"
            values.append(event.correlation)
        if left_out:
            text += "; %s more of this kind were not logged"
            values.append(f"{left_out:,}")
        extra = {"countermark": event, "countermark_left_out": left_out}
        logger.log(level, text, *values, extra=extra)


def is_wanted(name: EventName, on_event: OnEvent | None) -> bool:
    """Tell whether anybody would see an event of that name."""
    if on_event is not None:
        return True
    return name not in _UNLOGGED and _logger().isEnabledFor(_LEVELS[name])


def _logger() -> Logger:
    import logging

    return logging.getLogger("countermark")


class EventCounter:
    """Counts events by name, reason and scheme; use it as ``on_event``.

    >>> counter = EventCounter()
    >>> counter(Event("signed", "current", "stigg"))
    >>> counter.total("signed", scheme="stigg")
    1
    """

    __slots__ = ("_counts", "_lock")

    def __init__(self) -> None:
        self._counts: Counter[tuple[EventName, str, str | None]] = Counter()
        from threading import Lock  # late, as it is slow to import

        self._lock = Lock()

    def __call__(self, event: Event) -> None:
        """Count *event*."""
        with self._lock:
            self._counts[event.name, event.reason, event.scheme] += 1

    def total(
        self, name: EventName, *, reason: str | None = None, scheme: str | None = None
    ) -> int:
        """Return how often *name* happened, of one reason or scheme if given."""
        return sum(
            count
            for (a_name, a_reason, a_scheme), count in self.snapshot().items()
            if a_name == name and reason in (None, a_reason) and scheme in (None, a_scheme)
        )

    def snapshot(self) -> dict[tuple[EventName, str, str | None], int]:
        """Return the counts by (name, reason, scheme)."""
        with self._lock:
            return dict(self._counts)

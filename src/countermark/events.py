"""Events of signing and verifying: the logger, the hook and a counter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from countermark._log_limit import log_limit

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
    "challenged",
    "leaked",
    "rotated",
    "mode_changed",
]

# The levels of the module logging, which is imported when there is something to log.
_DEBUG, _INFO, _WARNING, _ERROR = 10, 20, 30, 40
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
    "challenged": _INFO,
    "leaked": _ERROR,
    "rotated": _INFO,
    "mode_changed": _WARNING,
}
# These go to the hook alone, as they happen at every request.
_UNLOGGED = ("signed", "verified")


class Leak(NamedTuple):
    """A secret in a response. It contains no part of the secret.

    Attributes:
        secret: The name of the secret: its environment variable, or the name that the
            application gave.
        key_id: The id of the key; see ``SecretKey.key_id``.
        form: The form of the secret: ``raw``, ``url``, ``json``, ``html``, ``hex`` or
            ``base64``.
        place: ``body``, or ``header`` and the name of the header, such as
            ``header x-debug``. It is ``header`` alone if the name contains the secret, and
            ``status`` for the reason phrase of WSGI.
        offset: The offset of the secret in the body, in bytes, after decompression. None: it
            is not in the body.
    """

    secret: str
    key_id: str
    form: str
    place: str
    offset: int | None = None


class ModeChanged(NamedTuple):
    """A change of the modes of a :class:`ModeSwitch`. It contains no id of a tenant.

    Attributes:
        before: The mode of the scheme before, such as ``monitor``.
        after: The mode of the scheme now, such as ``enforce 10%``.
        tenants: The number of tenants whose own mode changed.
        environment: The environment, or None.
        by: The person or program that made the last change.
    """

    before: str
    after: str
    tenants: int
    environment: str | None
    by: str


class Event(NamedTuple):
    """An event. It contains no id, token or key.

    ``name`` and ``reason`` are stable. Reasons stand after the name that has them:

    * ``signed``: A token was computed. The reason is the role of the key.
    * ``withheld``: A response was sent without a token, because a cache may give it to
      another user, or because the token is not a valid header: ``public``, ``s_maxage``,
      ``targeted_field``, ``validator``, ``freshness``, ``unknown_directive``,
      ``malformed_cache_control``, ``not_visible_ascii``, ``too_long`` or ``not_closed``
      (a signer without a header, and a token read after the start of the response).
    * ``exposed``: The same, but the application has read a token, which may be in the
      body. Make the page ``no-store``, or remove the token from it. The reasons are those
      of ``withheld``.
    * ``impersonated``: Staff act as the principal, and the token was ``signed`` or
      ``suppressed``.
    * ``ambiguous``: A middleware has a signer of a scheme that can give two principals
      the same signature: ``scheme``.
    * ``failed``: An error left a response without a token: ``resolver_raised``,
      ``resolver_not_async_def`` (a plain function returned an awaitable), ``not_loaded``
      (read before ``load()``), ``signer_raised``, ``unknown_tenant``, ``tenant_raised``,
      ``delivery_raised``, or the code of an ``InvalidPrincipal``. Or an error affected the
      verification of a request: ``resolver_raised``, ``tenant_raised``,
      ``verifier_raised``, ``mode_raised`` (the mode is then ``enforce``), ``mode_file``
      (the modes stay the same), ``mode_ineffective`` (there is a mode of a tenant or an
      environment, and no request has one; emitted once), ``mode_unavailable``, ``mode_missing``,
      ``mode_invalid``, ``mode_older`` (a :class:`ModeSwitch` keeps the last modes, as Redis does
      not answer, holds none, invalid ones or older ones), ``store_unavailable``,
      ``allowance_raised``, ``meter_raised`` (a verdict was not counted) or ``meter_unavailable``
      (the meter's store does not respond; emitted once until it does), ``meter_unreplicated`` (too
      few replicas have acknowledged its counts; likewise) or ``meter_lost`` (Redis has lost counts
      that it had confirmed). Or an error affected work in the background: ``background_raised`` (it
      is tried again; emitted once until it succeeds) or ``no_thread``
      (the system refused a thread, or uWSGI runs threads during requests only, as
      ``enable-threads`` is off). Or the keys of a watched keyring stay in use: its source has
      others that are ``keys_refused``, or it cannot be read (``keys_unavailable``); each is
      emitted once. Or a body was not searched for
      secrets: ``unknown_coding``, ``invalid_coding``, ``expands_too_much``,
      ``sent_by_server`` (as a file) or ``search_raised``. ``on_event_raised`` is logged only.
    * ``verified``: A request was verified. The reason is the role of the key.
    * ``refused``: A request was refused, for a key of ``countermark.errors.REFUSALS``; or
      a webhook, for a code of ``BadWebhook``.
    * ``would_refuse``: The mode is ``monitor``. In ``enforce`` the request would be
      refused, unless the allowance covers it. The reasons are those of ``refused``.
    * ``allowed``: An unverified request was allowed by the ``allowance``, or by
      ``fail_open``.
    * ``leaked``: A response contained a secret. It was ``blocked`` or ``reported``. Or a
      request had the secret itself in the place of its token, so a client has it: replace
      it. The reason is then the role of the key, or ``other_environment``; for a webhook
      ``received``.
    * ``rotated``: A watched keyring has new keys: the ``current`` one is another, or only
      other keys are ``accepted``. Or the source has the keys in use again after a failure:
      ``restored``.
    * ``duplicate``: A webhook was delivered again and did not reach the application, as the
      first delivery is ``done`` or ``busy``.
    * ``challenged``: A request that verifies the URL of a webhook was answered. Its proof is the
      reason: ``signature``, ``token`` (the verify token), or ``unsigned`` for none.
    * ``mode_changed``: A :class:`ModeSwitch` follows a change. The reason is the mode of the
      scheme now, without a percentage.

    Attributes:
        name: The name.
        reason: The reason.
        scheme: The scheme, if the event concerns a single one. The schemes of webhooks
            begin with ``webhook:``.
        principal: A salted hash of the id (see ``SecretKey.pseudonym``). For a request
            that is not verified: of the claimed id.
        error: The type of the exception that caused the event; for ``store_unavailable``
            and ``meter_unavailable``, of the exception of Redis. For ``no_thread`` in uWSGI:
            ``enable-threads``.
        correlation: A UUID that a refusal and its event share.
        hint: The mistake that explains a refusal, for developers, or None.
        keys: The ids of the keys of ``rotated``, by role, such as ``current=1f0c… next=8a37…``.
        leak: The secret of ``leaked``, and its place.
        change: The change of ``mode_changed``.
    """

    name: EventName
    reason: str
    scheme: str | None = None
    principal: str | None = None
    error: str | None = None
    correlation: str | None = None
    hint: str | None = None
    keys: str | None = None
    leak: Leak | None = None
    change: ModeChanged | None = None


OnEvent = Callable[[Event], object]

# The attributes of log records for the fields of an event that are texts, other than its name.
_ATTRIBUTES = tuple(f"countermark_{name}" for name in Event._fields[1:-2])


def emit(event: Event, on_event: OnEvent | None) -> None:
    """Log *event* and pass it to *on_event*. Errors of the hook are logged and dropped.

    The hook gets every event. Events ``signed`` and ``verified`` are not logged, and the
    number of others in the log is limited. A log record has the fields
    of the event that are not None as attributes: ``countermark_event`` (the name),
    ``countermark_reason`` and so on, and ``countermark_leak_secret`` and so on of a leak;
    ``countermark_left_out`` is a number.
    """
    if event.name not in _UNLOGGED:
        _log(event)
    if on_event is not None:
        try:
            on_event(event)
        except Exception as error:
            _log(Event("failed", "on_event_raised", error=type(error).__name__))


def _log(event: Event) -> None:
    logger, level = _logger(), _LEVELS[event.name]
    if not logger.isEnabledFor(level):
        return
    left_out = log_limit().left_out(event[:3])
    if left_out is not None:
        text = "%s: %s (scheme=%s principal=%s error=%s)"
        values: list[object] = [*event[:5]]
        if event.correlation is not None:
            text += " correlation=%s"
            values.append(event.correlation)
        if event.leak is not None:
            text += " leak=%s key=%s form=%s place=%s offset=%s"
            values += event.leak
        if event.keys is not None:
            text += " keys=%s"
            values.append(event.keys)
        if event.change is not None:
            text += " before=%s after=%s tenants=%s environment=%s by=%s"
            values += event.change
        if event.hint is not None:
            text += "; hint: %s"
            values.append(event.hint)
        if left_out:
            text += "; %s more of this kind were not logged"
            values.append(f"{left_out:,}")
        logger.log(level, text, *values, extra=_extra(event, left_out))


def _extra(event: Event, left_out: int) -> dict[str, str | int]:
    """Return the attributes of a log record: flat, as some exporters take no other values."""
    name, *values, leak, change = event
    named = list(zip(_ATTRIBUTES, values, strict=True))
    for part, prefix in ((leak, "leak"), (change, "mode")):
        if part is not None:
            fields = part._asdict().items()
            named += [(f"countermark_{prefix}_{field}", value) for field, value in fields]
    given = {attribute: value for attribute, value in named if value is not None}
    return {"countermark_event": name, **given, "countermark_left_out": left_out}


def is_wanted(name: EventName, on_event: OnEvent | None) -> bool:
    """Return True if an event of that name would be logged or passed to the hook."""
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
        """Return the number of events *name*, with one reason or scheme if given."""
        return sum(
            count
            for (a_name, a_reason, a_scheme), count in self.snapshot().items()
            if a_name == name and reason in (None, a_reason) and scheme in (None, a_scheme)
        )

    def snapshot(self) -> dict[tuple[EventName, str, str | None], int]:
        """Return the counts by (name, reason, scheme)."""
        with self._lock:
            return dict(self._counts)

"""Reports verdicts and failures as events."""

from __future__ import annotations

from collections.abc import Callable

from countermark.errors import StoreUnavailable
from countermark.events import Event, EventName, OnEvent, emit, is_wanted
from countermark.verifying._results import AdmittedBy, Verdict

_NAMES: dict[AdmittedBy | None, EventName] = {
    None: "refused",
    "token": "verified",
    "monitor": "would_refuse",
    "allowance": "allowed",
    "fail_open": "allowed",
}


def report_verdict(
    verdict: Verdict,
    pseudonym: Callable[[str | None, str], str | None],
    on_event: OnEvent | None,
) -> None:
    """Emit the event of a verdict.

    Args:
        verdict: The verdict.
        pseudonym: Takes a tenant and the id of a principal, and returns a salted hash.
        on_event: Called with the event.
    """
    name = _NAMES[verdict.admitted_by]
    if verdict.code == "secret_received":
        role = verdict.role or "other_environment"
        emit(Event("leaked", role, verdict.scheme, correlation=verdict.correlation_id), on_event)
    if not is_wanted(name, on_event):
        return
    reason, claimed = verdict.code, verdict.claimed_id
    if name == "verified":
        reason = verdict.role or reason
    elif name == "allowed":
        reason = verdict.admitted_by or reason
    who = None if claimed is None else pseudonym(verdict.tenant, claimed)
    event = Event(
        name,
        reason,
        verdict.scheme,
        principal=who,
        correlation=verdict.correlation_id,
        hint=verdict.hint,
    )
    emit(event, on_event)


def report_failure(reason: str, error: Exception | None, on_event: OnEvent | None) -> None:
    """Emit the event ``failed`` with the kind of *error*."""
    kind = None if error is None else type(error).__name__
    if isinstance(error, StoreUnavailable):
        kind = error.kind
    emit(Event("failed", reason, error=kind), on_event)


def new_correlation_id() -> str:
    """Return the id that a refusal and its event share."""
    from uuid import uuid4  # late, as it is slow to import

    return str(uuid4())

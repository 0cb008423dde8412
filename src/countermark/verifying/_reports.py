"""Reports verdicts and failures as events."""

from __future__ import annotations

from countermark.errors import StoreUnavailable
from countermark.events import Event, EventName, OnEvent, emit, is_wanted
from countermark.verifying._results import AdmittedBy, Verdict
from countermark.verifying._verifier import Verifier

_NAMES: dict[AdmittedBy | None, EventName] = {
    None: "refused",
    "token": "verified",
    "monitor": "would_refuse",
    "allowance": "allowed",
    "fail_open": "allowed",
}


def report_verdict(verdict: Verdict, verifier: Verifier | None, on_event: OnEvent | None) -> None:
    """Emit the event of a verdict.

    Args:
        verdict: The verdict.
        verifier: The verifier of the request, whose key is the salt of pseudonyms; None: the tenant
            is unknown.
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
    who = None if claimed is None or verifier is None else verifier.pseudonym(claimed)
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

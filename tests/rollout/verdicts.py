"""Verdicts, clocks and days for tests of what counts them."""

from __future__ import annotations

from typing import Any

from countermark.rollout import DAY
from countermark.verifying import TokenCheck, Verdict, VerifiedIdentity

#: 2027-01-15 12:00 UTC.
NOON = 20_833 * DAY + DAY / 2.0


def verdict(
    code: str,
    claimed_id: str | None,
    by: Any,
    *,
    scheme: str = "stigg",
    environment: str | None = "live",
    role: str | None = None,
    key_id: str | None = None,
    identity: VerifiedIdentity | None = None,
    **changes: Any,
) -> Verdict:
    found = TokenCheck(code, identity, claimed_id, role, key_id)
    return Verdict(found, "monitor", by, scheme, environment, **changes)


def verified(claimed_id: str | None = "user-1", **changes: Any) -> Verdict:
    """Return the verdict on a verified request in mode monitor, with *changes*."""
    return verdict("verified", claimed_id, "token", **{"role": "current"} | changes)


def unverified(
    claimed_id: str | None = "user-1", code: str = "missing", by: Any = "monitor", **changes: Any
) -> Verdict:
    """Return the verdict on an unverified request of a principal whom the service names."""
    return verdict(code, claimed_id, by, **{"named_by_service": True} | changes)


def claim(claimed_id: str, code: str = "mismatch", **changes: Any) -> Verdict:
    """Return the verdict on a request whose id nothing but the request confirms."""
    return unverified(claimed_id, code, named_by_service=False, **changes)


def proved(principal_id: str | None, claimed_id: str | None = None) -> Verdict:
    """Return the verdict on a request whose token proves an id."""
    identity = VerifiedIdentity("stigg", principal_id, "0badcafe", "current")
    return verified(claimed_id, identity=identity)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

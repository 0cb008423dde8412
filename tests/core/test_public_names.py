"""What ``import countermark`` offers, at once and when it is asked for."""

from __future__ import annotations

import pytest

import countermark
from countermark.verifying import Verifier


def test_the_receiving_side_is_there_when_it_is_asked_for() -> None:
    assert countermark.Verifier is Verifier
    assert {"TokenCheck", "Verdict", "VerifiedIdentity", "Verifier"} <= set(dir(countermark))


def test_what_is_not_there_is_missed_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="'countermark' has no attribute 'Verifyer'"):
        _ = countermark.Verifyer  # type: ignore[attr-defined]

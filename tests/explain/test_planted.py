"""Planted mistakes are named, alone and in pairs."""

from __future__ import annotations

import pytest

from countermark import Keyring
from countermark.explain import Explanation, explain
from tests.explain.planted import PAIRS, SINGLE, STAGING, Planted


def ids(planted: tuple[Planted, ...]) -> list[str]:
    return [f"{number} {one.codes}" for number, one in enumerate(planted, 1)]


def explained(planted: Planted) -> Explanation:
    return explain(
        planted.scheme,
        Keyring(planted.secret),
        planted.token,
        planted.principal,
        other_environments={"staging": Keyring(STAGING)} if "other_" in planted.codes else None,
    )


@pytest.mark.parametrize("planted", SINGLE, ids=ids(SINGLE))
def test_a_planted_mistake_is_named(planted: Planted) -> None:
    found = explained(planted)
    assert found.outcome == "explained"
    assert found.codes == (planted.codes,)


@pytest.mark.parametrize("planted", PAIRS, ids=ids(PAIRS))
def test_two_planted_mistakes_are_named(planted: Planted) -> None:
    found = explained(planted)
    assert found.outcome == "explained"
    assert sorted(found.codes) == sorted(planted.codes.split())

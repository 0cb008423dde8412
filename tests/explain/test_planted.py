"""Planted mistakes are named, alone and together."""

from __future__ import annotations

import time

import pytest

from countermark import Keyring
from countermark.explain import Explanation, explain
from tests.explain import planted, planted_jwt
from tests.explain.planted import STAGING, Planted

ALONE = (*planted.SINGLE, *planted_jwt.SINGLE)
TOGETHER = (*planted.PAIRS, *planted_jwt.SEVERAL)


def ids(planted: tuple[Planted, ...]) -> list[str]:
    return [f"{number} {one.codes}" for number, one in enumerate(planted, 1)]


def explained(planted: Planted) -> Explanation:
    now = planted.now
    return explain(
        planted.scheme,
        Keyring(planted.secret),
        planted.token,
        planted.principal,
        settings=planted.settings,
        other_environments={"staging": Keyring(STAGING)} if "other_env" in planted.codes else None,
        clock=time.time if now is None else lambda: now,
    )


@pytest.mark.parametrize("planted", ALONE, ids=ids(ALONE))
def test_a_planted_mistake_is_named(planted: Planted) -> None:
    found = explained(planted)
    assert found.outcome == "explained"
    assert found.codes == (planted.codes,)


@pytest.mark.parametrize("planted", TOGETHER, ids=ids(TOGETHER))
def test_several_planted_mistakes_are_named(planted: Planted) -> None:
    found = explained(planted)
    assert found.outcome == "explained"
    assert sorted(found.codes) == sorted(planted.codes.split())

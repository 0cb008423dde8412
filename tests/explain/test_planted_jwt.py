"""Planted mistakes in JSON Web Tokens are named, alone and together."""

from __future__ import annotations

import pytest

from countermark import Keyring
from countermark.explain import Explanation, explain
from tests.explain.planted import STAGING
from tests.explain.planted_jwt import NOW, SEVERAL, SINGLE, Planted


def ids(planted: tuple[Planted, ...]) -> list[str]:
    return [f"{number} {one.codes}" for number, one in enumerate(planted, 1)]


def explained(planted: Planted) -> Explanation:
    return explain(
        planted.scheme,
        Keyring(planted.key),
        planted.token,
        planted.principal,
        settings=planted.settings,
        other_environments={"staging": Keyring(STAGING)} if "other_env" in planted.codes else None,
        clock=lambda: float(NOW),
    )


@pytest.mark.parametrize("planted", SINGLE, ids=ids(SINGLE))
def test_a_planted_mistake_in_a_jwt_is_named(planted: Planted) -> None:
    found = explained(planted)
    assert found.outcome == "explained"
    assert found.codes == (planted.codes,)


@pytest.mark.parametrize("planted", SEVERAL, ids=ids(SEVERAL))
def test_several_planted_mistakes_in_a_jwt_are_named(planted: Planted) -> None:
    found = explained(planted)
    assert found.outcome == "explained"
    assert sorted(found.codes) == sorted(planted.codes.split())

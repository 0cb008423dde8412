"""The mistake that leads to a refused delivery is named."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from countermark import ConfigurationError, Keyring
from countermark.explain import Explanation, explain_webhook
from countermark.webhooks import WebhookVerifier
from tests.webhooks.planted import (
    BODY,
    COGNITO,
    GITHUB_SECRET,
    NOW,
    PAIRS,
    SINGLE,
    STANDARD_SECRET,
    STIGG_SECRET,
    Planted,
    github,
)

KEYS: dict[str, Any] = {
    "github": Keyring(GITHUB_SECRET),
    "standard-webhooks": Keyring(STANDARD_SECRET),
    "stigg": Keyring(STIGG_SECRET),
    "cognito": {COGNITO.key_id: Keyring(COGNITO.secret)},
}


def ids(planted: tuple[Planted, ...]) -> list[str]:
    return [f"{number} {one.codes}" for number, one in enumerate(planted, 1)]


def explained(planted: Planted, **options: Any) -> Explanation:
    now = float(COGNITO.now if planted.scheme == "cognito" else NOW)
    return explain_webhook(
        planted.scheme,
        options.pop("keys", KEYS[planted.scheme]),
        headers=planted.headers,
        body=planted.body,
        method=planted.method,
        path=planted.path,
        clock=lambda: now,
    )


@pytest.mark.parametrize("planted", SINGLE, ids=ids(SINGLE))
def test_a_planted_mistake_in_a_delivery_is_named(planted: Planted) -> None:
    found = explained(planted)
    assert found.outcome == "explained"
    assert found.codes == (planted.codes,)


@pytest.mark.parametrize("planted", PAIRS, ids=ids(PAIRS))
def test_two_planted_mistakes_in_a_delivery_are_named(planted: Planted) -> None:
    found = explained(planted)
    assert found.outcome == "explained"
    assert sorted(found.codes) == sorted(planted.codes.split())

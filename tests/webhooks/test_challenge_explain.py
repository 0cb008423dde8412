"""The explanation of a request that verifies a URL."""

from __future__ import annotations

import pytest

from countermark import Keyring
from countermark.explain import explain_webhook
from tests.webhooks.challenges import (
    ASKED,
    TEXT,
    TOKEN,
    Asked,
    get,
    meta,
    slack,
    verifier,
)
from tests.webhooks.samples import NOW, SECRET, Delivery

UNSIGNED = [asked for asked in ASKED if asked.proof != "signature"]


@pytest.mark.parametrize("asked", UNSIGNED, ids=lambda asked: asked.scheme)
def test_a_verification_request_is_no_delivery(asked: Asked) -> None:
    found = verifier(asked.scheme).explain(**asked.delivery(TEXT)._asdict())
    assert (found.outcome, found.codes) == ("good", ("verification_request",))


def test_a_signed_verification_request_is_valid() -> None:
    found = verifier("slack").explain(**slack()._asdict())
    assert (found.outcome, found.codes) == ("good", ())
    found = verifier("slack").explain(**slack(at=NOW - 600)._asdict())
    assert found.codes == ("delivery_expired",)


@pytest.mark.parametrize(
    ("delivery", "code"),
    [
        (meta(token="another"), "verify_token"),
        (meta(text="a b"), "challenge_malformed"),
        (get("hub.challenge=1&hub.challenge=2"), "parameter_ambiguous"),
        (meta(mode="unsubscribe"), "header_missing"),
    ],
)
def test_the_mistake_in_a_verification_request_is_named(delivery: Delivery, code: str) -> None:
    found = explain_webhook(
        "meta", Keyring(SECRET), verify_token=Keyring(TOKEN), **delivery._asdict()
    )
    assert (found.outcome, found.codes) == ("explained", (code,))
    assert TOKEN not in repr(found.mistakes)


def test_a_missing_verify_token_is_named_with_its_variable() -> None:
    found = explain_webhook("meta", Keyring(SECRET), **meta()._asdict())
    assert found.codes == ("verify_token_missing",)
    assert found.hint is not None
    assert "META_VERIFY_TOKEN" in found.hint

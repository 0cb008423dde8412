"""A signer of webhooks shows no secret: in errors, their tracebacks, and its attributes."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from countermark import ConfigurationError, Keyring
from countermark.webhooks import WebhookSigner
from tests.webhooks.samples import base64

CANARY = "canary3f9c2b7d51e8406aa9b4c1d0e7f65a28"
BODY = b'{"card": "canary-4242"}'
FORMATS: dict[str, Any] = {
    "github": Keyring(CANARY),
    "standard-webhooks": Keyring(f"whsec_{CANARY}AA"),
    "cognito": {"key": Keyring(CANARY)},
    "stigg": Keyring(CANARY),
    "standard-webhooks-ed25519": Keyring("whsk_" + base64(CANARY.encode()[:32])),
}


def told(error: BaseException) -> str:
    """Return the error and its traceback, with the local variables of all frames but the test's."""
    own = error.__traceback__ and error.__traceback__.tb_next
    shown = traceback.TracebackException(type(error), error, own, capture_locals=True)
    return "".join(shown.format())


@pytest.mark.parametrize("slug", FORMATS)
@pytest.mark.parametrize("wrong", ["a body", "an id", "a clock"])
def test_a_traceback_from_inside_signing_shows_no_secret_and_no_body(slug: str, wrong: str) -> None:
    def clock() -> float:
        raise RuntimeError("a defect")

    arguments: dict[str, Any] = {"body": BODY}
    if wrong == "a body":
        arguments["body"] = {"card": BODY}
    if wrong == "an id":
        arguments["delivery_id"] = f"{CANARY}\n"
    options: dict[str, Any] = {"clock": clock} if wrong == "a clock" else {}
    signer = WebhookSigner(slug, FORMATS[slug], **options)
    with pytest.raises((ConfigurationError, RuntimeError)) as caught:
        signer.sign(**arguments)
    text = told(caught.value)
    assert "_signer.py" in text
    assert "canary" not in text


def test_a_key_that_is_refused_is_in_no_traceback() -> None:
    for secret in (f"whpk_{CANARY}", f"whsec_{CANARY}!", CANARY[:20], f"whsec_{CANARY * 4}AA"):
        with pytest.raises(ConfigurationError) as caught:
            WebhookSigner("standard-webhooks", Keyring(secret))
        text = told(caught.value)
        assert "_signer.py" in text
        assert "canary" not in text


def test_a_private_key_that_is_refused_is_in_no_traceback() -> None:
    data = CANARY.encode()[:32]
    for raw in (data[:30], data + data):
        secret = "whsk_" + base64(raw)
        with pytest.raises(ConfigurationError) as caught:
            WebhookSigner("standard-webhooks-ed25519", Keyring(secret))
        text = told(caught.value)
        assert "_private_keys.py" in text
        assert "canary" not in text
        assert secret[5:25] not in text


@pytest.mark.parametrize("slug", FORMATS)
def test_no_attribute_of_a_signer_shows_the_secret(slug: str) -> None:
    def walk(thing: object, depth: int) -> str:
        names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
        parts = [*thing] if isinstance(thing, tuple | list) else []
        inner = [getattr(thing, name, None) for name in names if name != "_secret"] + parts
        return repr(thing) + "".join(walk(each, depth - 1) for each in inner if depth)

    text = walk(WebhookSigner(slug, FORMATS[slug]), 5)
    assert "Maker" in text
    assert "canary" not in text
    assert base64(CANARY.encode()[:32])[:20] not in text

"""Tokens that are encoded as a whole, and tokens that show the beginning of the secret."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest

from countermark import BadToken, InvalidKey, Keyring, Scheme, SecretKey, Signer, Verifier
from countermark.explain import explain
from tests.samples import NOW

SECRET = "a1b2c3-the-secret-of-these-tests-with-enough-bytes"
ACME: dict[str, Any] = {
    "slug": "acme",
    "lifetime": 60,
    "mac": {"algorithm": "sha256", "message": "{id}.{expires:s}", "encoding": "hex"},
    "token": {"template": "{id}.{expires:s}.{mac}", "encoding": "base64"},
}
WITH_PREFIX = ACME | {
    "secret": {"key_prefix": 6},
    "token": {"template": "{mac}{key_prefix}.{expires:s}.{id}", "encoding": "base64"},
}
BARE: dict[str, Any] = {
    "slug": "bare",
    "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
    "token": {"encoding": "base64"},
}


def signer(data: dict[str, Any], secret: str = SECRET) -> Signer:
    return Signer(Scheme.from_mapping(data), Keyring(secret), clock=lambda: NOW)


def verifier(data: dict[str, Any]) -> Verifier:
    return Verifier(Scheme.from_mapping(data), Keyring(SECRET), clock=lambda: NOW)


def code(message: str) -> str:
    return hmac.digest(SECRET.encode(), message.encode(), "sha256").hex()


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


END = int(NOW) + 60
TOKENS = [
    (ACME, f"user-1.{END}.{code(f'user-1.{END}')}"),
    (WITH_PREFIX, f"{code(f'user-1.{END}')}a1b2c3.{END}.user-1"),
    (BARE, code("user-1")),
]


@pytest.mark.parametrize(("data", "text"), TOKENS)
def test_the_whole_token_is_in_base64(data: dict[str, Any], text: str) -> None:
    token = signer(data).sign("user-1")
    assert token == b64(text)
    assert verifier(data).verify(token, "user-1").principal_id == "user-1"
    for other in (text, token.rstrip("="), token + "=", token[:-4], b64(text + "!"), "/w=="):
        with pytest.raises(BadToken):
            verifier(data).verify(other, "user-1")


def test_an_encoded_token_contains_its_principal() -> None:
    for data in (ACME, WITH_PREFIX):
        assert verifier(data).verify(signer(data).sign("jöhn")).principal_id == "jöhn"


def test_the_beginning_of_another_secret_is_refused() -> None:
    token = base64.b64decode(signer(WITH_PREFIX).sign("user-1")).decode()
    with pytest.raises(BadToken) as refused:
        verifier(WITH_PREFIX).verify(b64(token.replace("a1b2c3", "a1b2c4")))
    assert refused.value.code == "mismatch"


def test_the_beginning_of_the_current_key_is_shown() -> None:
    ring = Keyring("z9" + SECRET, previous=SECRET)
    token = Signer(Scheme.from_mapping(WITH_PREFIX), ring, clock=lambda: NOW).sign("user-1")
    assert b"z9a1b2." in base64.b64decode(token)


def test_an_encoded_token_is_explained() -> None:
    scheme, ring = Scheme.from_mapping(ACME), Keyring(SECRET)

    def found(text: str) -> tuple[str, tuple[str, ...]]:
        explanation = explain(scheme, ring, text, clock=lambda: NOW)
        return explanation.outcome, explanation.codes

    assert found(signer(ACME).sign("user-1")) == ("good", ())
    assert found(b64(f"user-1.{END}.{code(f'USER-1.{END}')}")) == ("explained", ("value_case",))
    assert found(f"user-1.{END}.{code(f'user-1.{END}')}") == ("unexplained", ())


@pytest.mark.parametrize(
    ("secret", "length"), [("abcd" + 15 * "x", 4), ("abécd-with-many-more-characters", 4)]
)
def test_a_secret_with_too_little_behind_its_beginning_is_refused(secret: str, length: int) -> None:
    with pytest.raises(InvalidKey, match="tokens of this scheme show the first 4 characters"):
        SecretKey(secret).shown_prefix(length)
    assert SecretKey("abcd" + 16 * "x").shown_prefix(4) == "abcd"

"""Signers: tokens of every form, headers, environments, and refusals."""

from __future__ import annotations

import base64
import hashlib
import hmac
import pickle
from typing import Any

import pytest

from countermark import (
    ConfigurationError,
    InvalidKey,
    InvalidPrincipal,
    Keyring,
    Principal,
    Scheme,
    Signer,
    WeakKeyWarning,
)
from tests.schemes.mappings import table_of

LIVE = "live_secret_" + "abcd1234" * 8


def own(**mac_or_token: str) -> Scheme:
    data = table_of()
    for key, value in mac_or_token.items():
        table = "token" if key == "template" else "mac"
        data[table][key] = value
    return Scheme.from_mapping(data | {"slug": "own"})


@pytest.mark.parametrize("template", ["{mac}", "v1={mac}", "{mac};", "{id}{mac}", "a {id}:{mac}!"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("value", ["user-1", "org:42 b"])
def test_every_form_of_a_token(
    secret: str, template: str, encoding: str, algorithm: str, value: str
) -> None:
    signer = Signer(own(template=template, encoding=encoding, algorithm=algorithm), Keyring(secret))
    digest = hmac.digest(secret.encode(), value.encode(), getattr(hashlib, algorithm))
    mac = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    assert signer.sign(value) == template.replace("{id}", value).replace("{mac}", mac)


def test_a_token_may_be_json(secret: str) -> None:
    data = {
        "slug": "own",
        "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
        "token": {"template": {"id": "{id}", "mac": "{mac}", "v": 1, "name": "{name?}"}},
        "fields": {"token": "{token}"},
    }
    mac = hmac.digest(secret.encode(), b"7", "sha256").hex()
    signed = Signer(Scheme.from_mapping(data), Keyring(secret)).issue(7)
    assert signed.token == f'{{"id":"7","mac":"{mac}","v":1}}'
    assert signed.fields == {"token": signed.token}


def test_issue_returns_the_token_with_its_header_and_fields(stigg: Signer) -> None:
    signed = stigg.issue(Principal(7))
    assert signed.token == stigg.sign("7")
    assert signed.fields == {"customerId": "7", "customerToken": signed.token}
    assert (signed.scheme, signed.principal_id) == ("stigg", "7")
    assert (signed.header, signed.key_id) == ("Stigg-Customer-Token", stigg.key_id)
    assert signed.expires_at is None


def test_fields_may_hold_text_of_the_scheme(secret: str) -> None:
    data = table_of()
    data["fields"] |= {"version": "1", "colour": {"dark": True}}
    signed = Signer(Scheme.from_mapping(data | {"slug": "own"}), Keyring(secret)).issue("{token}")
    assert signed.fields["version"] == "1"
    assert signed.fields["colour"] == {"dark": True}
    assert signed.fields["customerId"] == "{token}"


def test_no_representation_shows_a_token_an_id_or_a_key(stigg: Signer, secret: str) -> None:
    signed = stigg.issue("user-1")
    for text in (repr(signed), repr(stigg)):
        assert "user-1" not in text
        assert secret not in text
        assert stigg.key_id in text
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(stigg)


def test_the_header_comes_from_the_scheme_unless_the_user_gives_one(secret: str) -> None:
    ring = Keyring(secret)
    assert Signer("stigg", ring).header == "Stigg-Customer-Token"
    assert Signer("stigg", ring, header="X-Token").header == "X-Token"
    assert Signer("stigg", ring, header=None).header is None
    for bad in (
        *("", "X Token", "X-Tökén", "X:Y", "Vary", "content-type", "Access-Control-Allow-Origin"),
        *("CDN-Cache-Control", "X-Accel-Redirect", "Upgrade", "Clear-Site-Data"),
    ):
        with pytest.raises(ConfigurationError, match="header"):
            Signer("stigg", ring, header=bad)


@pytest.mark.parametrize(
    ("secret", "environment", "accepted"),
    [
        (LIVE, None, True),
        (LIVE, "live", True),
        (LIVE, "sandbox", False),
        (LIVE, "staging", False),
        ("sandbox_secret_" + "abcd1234" * 8, "sandbox", True),
        ("sandbox_secret_" + "abcd1234" * 8, "live", False),
        ("playground_secret_" + "abcd1234" * 8, "live", True),
        ("abcd1234" * 8, "live", True),
    ],
)
def test_a_key_of_another_environment_is_refused(
    secret: str, environment: str | None, accepted: bool
) -> None:
    def build() -> Signer:
        return Signer("cognito-flow", Keyring(secret), environment=environment)

    if accepted:
        assert build().key_id
    else:
        with pytest.raises(InvalidKey, match="COGNITO_API_SECRET belongs to") as caught:
            build()
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [
        ("stigg", "client-0123456789abcdef0123456789abcdef"),
        ("stigg", "server-0123456789abcdef0123456789abcdef"),
        ("cognito-flow", "live_publishable_key_0123456789abcdef0123456789abcdef"),
        ("cognito-flow", "live_key_0123456789abcdef0123456789abcdef"),
        ("cognito-flow", "sandbox_key_0123456789abcdef0123456789abcdef"),
    ],
)
def test_a_value_that_is_mistaken_for_the_secret_is_refused(scheme: str, secret: str) -> None:
    for ring in (Keyring(secret), Keyring(LIVE, previous=secret), Keyring(LIVE, next=secret)):
        with pytest.raises(InvalidKey, match="publishable key or the id of a key") as caught:
            Signer(scheme, ring)
        assert secret not in str(caught.value)


def test_a_short_secret_warns_at_the_line_that_uses_it() -> None:
    with pytest.warns(WeakKeyWarning, match="STIGG_SIGNING_SECRET has fewer than 32") as caught:
        Signer("stigg", Keyring("a-short-vendor-secret"))
    assert caught[0].filename == __file__


def test_from_env_reads_the_variable_that_the_scheme_names(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", secret)
    signer = Signer.from_env("stigg", header="X-Token", id_pattern="[a-z]+", environment="live")
    assert signer.header == "X-Token"
    assert signer.sign("user") == Signer("stigg", Keyring(secret)).sign("user")
    with pytest.raises(InvalidPrincipal):
        signer.sign("user1")
    assert Signer.from_env(Scheme.load("stigg")).key_id == signer.key_id
    monkeypatch.delenv("STIGG_SIGNING_SECRET")
    with pytest.raises(InvalidKey, match="STIGG_SIGNING_SECRET is not set"):
        Signer.from_env("stigg")


@pytest.mark.parametrize("keyring", ["a secret given as text, 32 bytes", None, b"bytes"])
def test_a_keyring_is_not_a_secret(keyring: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Keyring\(secret\)") as caught:
        Signer("stigg", keyring)
    assert "a secret given as text" not in str(caught.value)


def test_an_invalid_id_pattern_is_a_configuration_error(secret: str) -> None:
    with pytest.raises(
        ConfigurationError, match="id_pattern is not a valid regular expression"
    ) as caught:
        Signer("stigg", Keyring(secret), id_pattern="[")
    assert caught.value.code == "configuration"
    bad: Any
    for bad in (b"[0-9]+", 5):
        with pytest.raises(ConfigurationError, match="id_pattern must be a str"):
            Signer("stigg", Keyring(secret), id_pattern=bad)


def test_arguments_of_another_kind_are_named(secret: str) -> None:
    bad: Any = 5
    with pytest.raises(ConfigurationError, match="scheme must be the name"):
        Signer(bad, Keyring(secret))
    with pytest.raises(ConfigurationError, match="environment= must be the name"):
        Signer("stigg", Keyring(secret), environment=bad)


def test_the_fast_path_applies_rules_about_harmless_characters(secret: str) -> None:
    data = table_of()
    rule = {"refuse_containing": ["admin"], "refuse_prefixes": ["root"], "pattern": ".*"}
    data["values"] = {"id": rule}
    signer = Signer(Scheme.from_mapping(data | {"slug": "own"}), Keyring(secret))
    assert signer.sign("user-1")
    del rule["pattern"]
    signer = Signer(Scheme.from_mapping(data | {"slug": "own"}), Keyring(secret))
    assert signer.sign("user-1")
    for value in ("the-admin-1", "root-1"):
        with pytest.raises(InvalidPrincipal):
            signer.sign(value)

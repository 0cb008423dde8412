"""``countermark check`` without an application: the variables of the environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from countermark.webhooks import WebhookScheme
from tests.check.conftest import SECRET, Check
from tests.samples import private_key
from tests.webhooks.samples import base64

LIVE = "live_secret_" + "abcd1234" * 8


@pytest.fixture(params=[(), ("--env",)], ids=["no argument", "--env"])
def arguments(request: pytest.FixtureRequest) -> tuple[str, ...]:
    given: tuple[str, ...] = request.param
    return given


def test_an_environment_with_valid_keys_has_no_finding(
    arguments: tuple[str, ...], check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", SECRET[::-1])
    monkeypatch.setenv("BRAZE_SDK_PRIVATE_KEY", private_key("RS256")[0])
    outcome = check(*arguments)
    assert (outcome.code, outcome.findings, outcome.err) == (0, [], "")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("STIGG_SIGNING_SECRT", "STIGG_SIGNING_SECRET"),
        ("STIG_SIGNING_SECRET", "STIGG_SIGNING_SECRET"),
        ("STIGG_SIGNING_SECRET_FLIE", "STIGG_SIGNING_SECRET_FILE"),
        ("ABLY_KEY_NAMES", "ABLY_KEY_NAME"),
        ("COUNTERMARK_REDIS_ULR", "COUNTERMARK_REDIS_URL"),
    ],
)
def test_a_variable_that_resembles_a_missing_one_is_found(
    name: str, meant: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, SECRET)
    (found,) = check().findings
    assert (found["code"], found["where"]) == ("variable_misspelled", name)
    assert found["advice"] == f"rename it to {meant}"


def test_a_misspelled_role_counts_if_there_is_a_current_key(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET_PREVIUOS", SECRET[::-1])
    assert check().findings == []
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    (found,) = check().findings
    assert found["advice"] == "rename it to STIGG_SIGNING_SECRET_PREVIOUS"


def test_a_misspelled_variable_of_a_verify_token_is_found(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("META_APP_SECRET", SECRET)
    monkeypatch.setenv("META_VERIFY_TOKEN", SECRET[::-1])
    assert check().findings == []
    monkeypatch.delenv("META_VERIFY_TOKEN")
    monkeypatch.setenv("META_VERIFI_TOKEN", SECRET[::-1])
    (found,) = check().findings
    assert found["advice"] == "rename it to META_VERIFY_TOKEN"


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "WEBHOOK_SECRET",
        "STIGG_SIGNING_SECRET_NEXT",
        "SIGNING_SECRET",
        "PATH_INFO",
    ],
)
def test_other_variables_are_not_misspelled(
    name: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    monkeypatch.setenv(name, SECRET[::-1])
    assert check().findings == []


def test_a_variable_is_not_misspelled_if_the_right_one_is_set(
    check: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    monkeypatch.setenv("STIGG_SIGNING_SECRET_FILE", str(file))
    monkeypatch.setenv("STIGG_SIGNING_SECRT", SECRET)
    assert check().findings == []


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("STIGG_SIGNING_SECRET", "", "is blank"),
        ("STIGG_SIGNING_SECRET", "changeme", "is a placeholder"),
        ("STIGG_SIGNING_SECRET", f"{SECRET}\n", "has white space or a newline"),
        ("STIGG_SIGNING_SECRET", f"client-{SECRET}", "this is a publishable key"),
        ("STIGG_SIGNING_SECRET_FILE", "/nowhere", "cannot be read"),
        ("BRAZE_SDK_PRIVATE_KEY", SECRET, "needs a public or private RSA key"),
        ("STIGG_WEBHOOK_SECRET", private_key("RS256")[0], "needs a shared secret"),
        ("WEBHOOKS_PRIVATE_KEY", "whsk_c2hvcnQ=", "needs a private key of Ed25519"),
        ("SENDGRID_WEBHOOK_PUBLIC_KEY", SECRET, "is not the base64 of a DER file"),
        ("WISE_WEBHOOK_PUBLIC_KEY", private_key("RS256")[0], "is a private key"),
    ],
)
def test_a_value_that_is_not_a_key_of_the_scheme_is_found(
    name: str, value: str, problem: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    outcome = check()
    (found,) = outcome.findings
    assert (found["code"], found["severity"]) == ("invalid_key", "error")
    assert found["where"] == name.removesuffix("_FILE")
    assert problem in found["problem"]
    assert SECRET not in str(outcome)


def test_a_private_key_that_signs_webhooks_is_read(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOKS_PRIVATE_KEY", f"whsk_{base64(bytes(range(32)))}")
    assert check().found == []


def test_a_public_key_is_neither_short_nor_a_secret(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISCORD_PUBLIC_KEY", "DISCORD_PUBLIC_KEY_TEST"):
        monkeypatch.setenv(name, WebhookScheme.load("discord").vectors[0].secret)
    monkeypatch.setenv("WISE_WEBHOOK_PUBLIC_KEY", private_key("RS256")[1])
    assert check().findings == []


def test_a_short_key_is_found(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", "too short")
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", "short")
    outcome = check()
    assert outcome.found == [
        ("weak_key", "GITHUB_WEBHOOK_SECRET"),
        ("weak_key", "STIGG_SIGNING_SECRET"),
    ]
    assert "fewer than 32 bytes" in outcome.findings[0]["problem"]


def test_a_secret_of_two_vendors_is_found(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    monkeypatch.setenv("CANNY_API_KEY", SECRET[::-1])
    monkeypatch.setenv("CANNY_API_KEY_PREVIOUS", SECRET)
    outcome = check()
    assert [code for code, _ in outcome.found] == ["shared_secret"]
    assert "canny-hash and stigg" in outcome.findings[0]["problem"]
    assert SECRET not in str(outcome)


def test_a_secret_of_a_vendors_tokens_and_webhooks_is_found(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    monkeypatch.setenv("STIGG_WEBHOOK_SECRET", SECRET)
    assert check().found == [("shared_secret", "STIGG_WEBHOOK_SECRET")]


def test_a_vendor_may_have_one_secret_for_tokens_and_webhooks(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGNITO_API_SECRET", LIVE)
    assert check().findings == []


def test_the_name_of_a_variable_may_name_the_environment_of_its_key(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGNITO_API_SECRET_LIVE", LIVE)
    monkeypatch.setenv("COGNITO_API_SECRET_SANDBOX", "sandbox_secret_" + "abcd1234" * 8)
    assert check().findings == []
    monkeypatch.setenv("COGNITO_API_SECRET_SANDBOX", LIVE)
    assert check().found == [
        ("key_environment", "COGNITO_API_SECRET_SANDBOX"),
        ("shared_secret", "COGNITO_API_SECRET_SANDBOX"),
    ]


def test_a_deprecated_scheme_is_found_if_the_variable_is_for_no_other(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERCOM_IDENTITY_SECRET", SECRET)  # for intercom-jwt too
    assert check().findings == []
    monkeypatch.setenv("FEATUREBASE_SECRET", SECRET[::-1])
    (found,) = check().findings
    assert (found["code"], found["where"]) == ("deprecated_scheme", "FEATUREBASE_SECRET")
    assert found["advice"] == "change to JWTs: the scheme featurebase-jwt"
    assert found["page"] == "docs/vendors.md#featurebase-hmac"


def test_an_ambiguous_scheme_is_found(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMERLY_SECRET", SECRET)
    assert check().found == [("ambiguous_scheme", "CUSTOMERLY_SECRET")]


@pytest.mark.parametrize(
    ("library", "name", "value"),
    [
        (
            "cryptography.hazmat.primitives.asymmetric",
            "BRAZE_SDK_PRIVATE_KEY",
            private_key("RS256")[0],
        ),
        ("redis", "COUNTERMARK_REDIS_URL", "redis://127.0.0.1:1/0"),
    ],
)
def test_a_variable_that_needs_an_extra_is_found_without_it(
    library: str, name: str, value: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, "countermark.redis", raising=False)
    (found,) = check().findings
    assert (found["code"], found["where"]) == ("misconfigured", name)
    assert "pip install 'countermark[" in found["problem"]
    assert found["advice"] == "correct that, or unset the variable"

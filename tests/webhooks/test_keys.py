"""The keys that a verifier accepts."""

from __future__ import annotations

import warnings

import pytest

from countermark import (
    InvalidKey,
    Keyring,
    SecretKey,
    WeakKeyWarning,
)
from countermark.webhooks import WebhookVerifier
from tests.samples import private_key
from tests.webhooks.outcomes import OTHER, code
from tests.webhooks.samples import (
    NOW,
    SCHEMES,
    WHSEC,
    base64,
    secret_of,
    sent,
    standard,
    verifier,
)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_keys_of_all_roles_are_accepted_until_they_expire(scheme: str) -> None:
    current, own = OTHER[scheme], secret_of(scheme)
    delivery = sent(scheme)
    for role in ("previous", "next"):
        ring = Keyring(current, **{role: own})
        assert verifier(scheme, ring).verify(**delivery._asdict()).role == role
        ring = Keyring(current, **{role: SecretKey(own, until=NOW + 1)})
        assert verifier(scheme, ring).verify(**delivery._asdict()).role == role
        ring = Keyring(current, **{role: SecretKey(own, until=NOW)})
        assert code(verifier(scheme, ring), delivery) == "retired_key"
    ring = Keyring(SecretKey(own, until=NOW))
    assert code(verifier(scheme, ring), delivery) == "retired_key"
    # The same secret, once ended and once not.
    ring = Keyring(own, previous=SecretKey(own, until=NOW))
    assert code(verifier(scheme, ring), delivery) == "verified"
    ring = Keyring(SecretKey(own, until=NOW), previous=own)
    assert verifier(scheme, ring).verify(**delivery._asdict()).role == "previous"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_another_key_is_a_mismatch(scheme: str) -> None:
    assert code(verifier(scheme, Keyring(OTHER[scheme])), sent(scheme)) == "mismatch"


def test_one_valid_signature_of_several_is_enough() -> None:
    old, new = standard(), standard(secret=OTHER["standard-webhooks"])
    both = f"{old.headers['webhook-signature']} {new.headers['webhook-signature']}"
    delivery = old.having(webhook_signature=both)
    for secret in (WHSEC, OTHER["standard-webhooks"]):
        assert code(verifier("standard-webhooks", Keyring(secret)), delivery) == "verified"
    third = Keyring("whsec_" + "C" * 32)
    assert code(verifier("standard-webhooks", third), delivery) == "mismatch"


def test_signatures_of_other_versions_are_ignored() -> None:
    good = verifier("standard-webhooks")
    own = standard().headers["webhook-signature"]
    other = own.replace("v1,", "v2,")
    assert code(good, standard().having(webhook_signature=f"v1a,ed25519 {own}")) == "verified"
    assert code(good, standard().having(webhook_signature=other)) == "malformed"
    assert code(good, standard().having(webhook_signature=f"v1a,{own[3:]}")) == "malformed"


@pytest.mark.parametrize("size", [24, 25, 26])
def test_the_padding_of_a_base64_secret_is_optional(size: int) -> None:
    secret = "whsec_" + base64(bytes(range(1, size + 1)))
    ring = Keyring(secret.rstrip("="))
    assert code(verifier("standard-webhooks", ring), standard(secret=secret)) == "verified"


def test_the_prefix_of_a_secret_is_optional() -> None:
    bare = Keyring(WHSEC.removeprefix("whsec_"))
    assert code(verifier("standard-webhooks", bare), standard()) == "verified"


def test_an_encoded_secret_keeps_its_key_id() -> None:
    secret = SecretKey(WHSEC, until=NOW)
    written = secret.written("base64", "whsec_")
    assert (written.key_id, written.until) == (secret.key_id, NOW)
    assert written.hmac_states("sha256")[0].digest() == (
        secret.written("text", "whsec_").hmac_states("sha256", "base64")[0].digest()
    )


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [
        ("standard-webhooks", "whsec_not*base64"),
        ("standard-webhooks", "whsec_"),
        ("standard-webhooks", "whsec_" + "B" * 33),
        ("standard-webhooks", "whsec_" + "B" * 34 + "="),
        ("standard-webhooks", "whsec_" + "A" * 32),  # 24 NUL bytes: to HMAC, no key at all
        ("standard-webhooks", "whpk_" + "A" * 32),
        ("standard-webhooks", "whsec_" + "B" * 88),  # 66 bytes
        ("cognito", "live_publishable_key_" + "a" * 32),
        ("stigg", private_key("RS256")),
    ],
)
def test_a_secret_that_is_not_the_vendors_is_refused_at_construction(
    scheme: str, secret: str
) -> None:
    with pytest.raises(InvalidKey):
        verifier(scheme, Keyring(secret))
    with pytest.raises(InvalidKey):
        verifier(scheme, Keyring(secret_of(scheme), previous=secret))


def test_the_longest_and_the_shortest_secret_of_the_standard_are_accepted() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for letters in (32, 84):  # 24 and 63 bytes
            secret = "whsec_" + "B" * letters
            delivery = standard(secret=secret)
            assert code(verifier("standard-webhooks", Keyring(secret)), delivery) == "verified"


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [
        ("buildkite", "309c9c842g8565adecpd7469x6005989"),
        ("chatwoot", "vJ1ZKtZ4Nwq3yPUqfXm2RhLs"),
        ("cloudflare-stream", "85011ed3a913c6ad5f9cf6c5573cc0a7"),
        ("cronofy", "pDY0Oi7TJSP2hfNmZNkm5"),
        ("square", "B" * 22),
        ("svix", "whsec_" + "B" * 32),  # 24 bytes
        ("svix", "whsec_" + "B" * 100),  # 75 bytes
        ("workos", "B" * 25),
    ],
)
def test_secrets_of_the_lengths_that_a_vendor_issues_are_accepted(scheme: str, secret: str) -> None:
    base_url = "https://hooks.example.com" if scheme == "square" else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WebhookVerifier(scheme, Keyring(secret), base_url=base_url)


def test_a_secret_longer_than_the_vendor_allows_is_refused() -> None:
    with pytest.raises(InvalidKey, match="has more than 75 bytes"):
        WebhookVerifier("svix", Keyring("whsec_" + "B" * 104))


@pytest.mark.parametrize(
    ("scheme", "secret"), [("stigg", "short"), ("standard-webhooks", "whsec_" + "B" * 28)]
)
def test_a_short_secret_causes_a_warning(scheme: str, secret: str) -> None:
    with pytest.warns(WeakKeyWarning, match="fewer than") as caught:
        WebhookVerifier(scheme, Keyring(secret))
    assert caught[0].filename == __file__
    assert secret not in str(caught[0].message)


def test_a_secret_with_a_version_before_its_prefix_is_refused() -> None:
    with pytest.raises(InvalidKey, match="begins with 'v1,', which is surplus") as caught:
        WebhookVerifier("standard-webhooks", Keyring(f"v1,{WHSEC}"))
    assert "so that it begins with 'whsec_'" in str(caught.value)
    assert WHSEC not in str(caught.value)

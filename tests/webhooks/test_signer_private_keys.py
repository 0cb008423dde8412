"""Webhooks that are signed with a private key, and by two signers together."""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from countermark import ConfigurationError, InvalidKey, InvalidScheme, Keyring, PrivateKey
from countermark.testing import FrozenClock
from countermark.webhooks import WebhookScheme, WebhookSigner, WebhookVerifier, new_webhook_secret
from tests.samples import private_key
from tests.webhooks.samples import NOW, SECRET, WHSEC, standard
from tests.webhooks.signing import keyring_for, signer_for

# The key of the example in the specification's text, as the server of Svix has it in its tests.
WHSK = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
WHPK = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
SEED = b64decode(WHSK.removeprefix("whsk_"))[:32]
SCHEME = "standard-webhooks-ed25519"


def whsk(data: bytes) -> str:
    return "whsk_" + b64encode(data).decode()


def pem(key: Any) -> str:
    data: bytes = key.private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()
    )
    return data.decode()


def signer(*secrets: Any, **options: Any) -> WebhookSigner:
    ring = Keyring(secrets[0], next=secrets[1:])
    return WebhookSigner(SCHEME, ring, **{"clock": lambda: NOW, **options})


def receiver(*public: str) -> WebhookVerifier:
    return WebhookVerifier(SCHEME, Keyring(public[0], next=public[1:]), clock=lambda: NOW)


SPELLINGS = {
    "with its public key": WHSK,
    "alone": whsk(SEED),
    "without a prefix": WHSK.removeprefix("whsk_"),
    "without padding": WHSK.rstrip("="),
    "PEM": pem(ed25519.Ed25519PrivateKey.from_private_bytes(SEED)),
    "PEM as an object": PrivateKey(pem(ed25519.Ed25519PrivateKey.from_private_bytes(SEED))),
    "base64 of PEM": b64encode(
        pem(ed25519.Ed25519PrivateKey.from_private_bytes(SEED)).encode()
    ).decode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_published_example_is_made_of_each_spelling_of_its_key(spelling: str) -> None:
    own = signer(SPELLINGS[spelling], clock=lambda: 1614265330)
    headers = own.sign('{"test": 2432232314}', delivery_id="msg_p5jXN8AQM9LWM0D4loKWxJek")
    assert headers["webhook-signature"] == V1A
    assert own.public_keys == (WHPK,)


def test_receivers_with_the_old_or_the_new_public_key_accept_a_delivery() -> None:
    new = new_webhook_secret(SCHEME)
    own = signer(WHSK, new)
    headers = own.sign(b"{}")
    assert headers["webhook-signature"].count("v1a,") == 2
    for public in own.public_keys:
        assert receiver(public).verify(headers=headers, body=b"{}").role == "current"
    assert own.public_keys[0] == WHPK


def test_watched_private_keys_change_without_a_restart(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from countermark import WatchedKeyring

    monkeypatch.setenv("WEBHOOKS_PRIVATE_KEY_FILE", str(tmp_path / "key"))
    (tmp_path / "key").write_text(WHSK)
    ring = WatchedKeyring("WEBHOOKS_PRIVATE_KEY", interval=9999)
    own = WebhookSigner(SCHEME, ring)
    assert own.public_keys == (WHPK,)
    new = new_webhook_secret(SCHEME)
    (tmp_path / "key").write_text(new)
    assert ring.refresh()
    assert own.public_keys == signer(new).public_keys
    (tmp_path / "key").write_text(WHPK)
    assert not ring.refresh()


def test_the_private_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOKS_PRIVATE_KEY", WHSK)
    assert WebhookSigner.from_env(SCHEME).public_keys == (WHPK,)
    with pytest.raises(ConfigurationError, match="discord names no environment variable for this"):
        WebhookSigner.from_env("discord")


@pytest.mark.parametrize("slug", ["discord", "sendgrid", "telnyx", "wise"])
def test_a_test_signs_with_a_key_pair_of_its_own_in_place_of_the_vendors(slug: str) -> None:
    scheme = WebhookScheme.load(slug)
    own = signer_for(scheme, keyring_for(scheme))
    headers = own.sign(b"{}")
    verifier = WebhookVerifier(scheme, Keyring(own.public_keys[0]), clock=lambda: NOW)
    assert verifier.verify(headers=headers, body=b"{}").timestamp in (NOW, None)


def test_the_public_key_of_an_own_format_is_in_hexadecimal_with_its_prefix() -> None:
    scheme = WebhookScheme.load("discord")
    own = scheme._replace(secret=scheme.secret._replace(private_prefix="sk_", prefix="pk_"))
    private = new_webhook_secret(own)
    assert len(bytes.fromhex(private.removeprefix("sk_"))) == 64
    (public,) = WebhookSigner(own, Keyring(private)).public_keys
    assert bytes.fromhex(public.removeprefix("pk_")) == bytes.fromhex(private[3:])[32:]


WRONG = {
    "a public key": (WHPK, "needs a private key of Ed25519 to sign; the key in .* is public"),
    "a public key in PEM": (
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        "needs a private key of Ed25519 to sign; the key in .* is public",
    ),
    "of another length": (whsk(SEED[:31]), "give it after whsk_, or in PEM"),
    "with another public key": (whsk(SEED + SEED), "give it after whsk_, or in PEM"),
    "not base64": ("whsk_not-base64-not-base64", "not encoded in base64"),
    "of an elliptic curve": (pem(ec.generate_private_key(ec.SECP256R1())), "key of Ed25519"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_key_that_cannot_sign_is_refused(wrong: str) -> None:
    key, problem = WRONG[wrong]
    for keys in ([key], [WHSK, key]):
        with pytest.raises(InvalidKey, match=problem):
            signer(*keys)


@pytest.mark.parametrize(
    ("slug", "key"),
    [
        ("sendgrid", pem(ec.generate_private_key(ec.SECP384R1()))),
        ("sendgrid", pem(ed25519.Ed25519PrivateKey.generate())),
        ("sendgrid", "a-secret-that-is-not-in-pem"),
        ("wise", pem(rsa.generate_private_key(65537, 1024))),
        ("telnyx", private_key("RS256")[0]),
    ],
)
def test_a_key_of_another_kind_than_the_algorithm_is_refused(slug: str, key: str) -> None:
    with pytest.raises(InvalidKey, match=f"{slug} needs a private key .*; give it in PEM"):
        WebhookSigner(slug, Keyring(key))


def test_private_keys_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Keyring(WHSK)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'countermark\[public-keys\]'"):
        WebhookSigner(SCHEME, ring)


def test_two_signers_sign_one_delivery_with_one_id_and_one_time() -> None:
    clock = FrozenClock(1614265330)
    both = WebhookSigner(
        "standard-webhooks", Keyring(WHSEC), also=signer(WHSK, clock=lambda: 0.0), clock=clock
    )
    headers = both.sign('{"test": 2432232314}', delivery_id="msg_p5jXN8AQM9LWM0D4loKWxJek")
    v1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-signature"] == f"{v1} {V1A}"
    assert len(headers) == 3
    for slug, key in (("standard-webhooks", WHSEC), (SCHEME, WHPK)):
        verifier = WebhookVerifier(slug, Keyring(key), clock=clock)
        assert verifier.verify(headers=headers, body='{"test": 2432232314}')


def test_an_older_format_may_sign_the_same_delivery() -> None:
    older = WebhookSigner("stripe", Keyring(SECRET))
    github = WebhookSigner("github", Keyring(SECRET), also=older)
    own = WebhookSigner("standard-webhooks", Keyring(WHSEC), also=github, clock=lambda: NOW)
    body = b'{"id": "evt-1"}'
    headers = own.sign(body)
    assert headers["x-github-delivery"] == headers["webhook-id"]
    for slug, key in (("standard-webhooks", WHSEC), ("github", SECRET), ("stripe", SECRET)):
        verifier = WebhookVerifier(slug, Keyring(key), clock=lambda: NOW)
        assert verifier.verify(headers=headers, body=body)
    with pytest.raises(ConfigurationError, match="delivery_id="):
        own.sign(body, delivery_id="a.b")
    # A format without a header for the id signs with one that has it.
    first = WebhookSigner("stripe", Keyring(SECRET), also=WebhookSigner("github", Keyring(SECRET)))
    assert first.sign(body, delivery_id="a.b")["x-github-delivery"] == "a.b"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (WebhookSigner("github", Keyring(SECRET)), ("github", Keyring(WHSEC))),
        (WebhookSigner("stripe", Keyring(SECRET)), ("stripe", Keyring(WHSEC))),
        (WebhookSigner("stigg", Keyring(SECRET)), ("stigg", Keyring(WHSEC))),
    ],
)
def test_two_formats_that_need_one_header_cannot_sign_one_delivery(
    first: WebhookSigner, second: tuple[str, Keyring]
) -> None:
    with pytest.raises(ConfigurationError, match="both need a header of their own"):
        WebhookSigner(*second, also=first)


def test_also_is_a_signer() -> None:
    with pytest.raises(ConfigurationError, match="also= must be a WebhookSigner"):
        WebhookSigner("github", Keyring(SECRET), also="github")  # type: ignore[arg-type]


def test_shared_secrets_have_no_public_key() -> None:
    assert WebhookSigner("standard-webhooks", Keyring(WHSEC)).public_keys == ()
    assert WebhookSigner("stigg", Keyring(SECRET)).public_keys == ()
    assert WebhookSigner("cognito", {"key": Keyring(SECRET)}).public_keys == ()


def test_a_receiver_with_a_shared_secret_refuses_a_delivery_with_a_private_key_alone() -> None:
    headers = signer(WHSK).sign(b"{}", delivery_id="evt-1")
    verifier = WebhookVerifier("standard-webhooks", Keyring(WHSEC), clock=lambda: NOW)
    assert verifier.explain(headers=headers, body=b"{}").outcome != "good"
    assert set(headers) == set(standard().headers)


def own_format(**secret: str) -> WebhookScheme:
    return WebhookScheme.from_mapping(
        {
            "slug": "own",
            "kind": "public-key",
            "secret": {"form": "base64", **secret},
            "signature": {
                "header": "X-Own", "algorithm": "ed25519", "encoding": "hex", "message": "{body}"
            },
        }
    )  # fmt: skip


def test_a_format_names_the_variable_and_the_prefix_of_private_keys() -> None:
    own = own_format(private_variable="OWN_KEY", private_prefix="sk_")
    assert own.signing_variable == "OWN_KEY"
    assert new_webhook_secret(own).startswith("sk_")
    assert own_format(variable="OWN_PUBLIC_KEY").signing_variable == ""
    assert WebhookScheme.load("github").signing_variable == "GITHUB_WEBHOOK_SECRET"
    with pytest.raises(InvalidScheme, match="private_prefix is of keys of 32 bytes"):
        own_format(form="pem", private_prefix="sk_")

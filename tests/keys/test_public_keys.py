"""Tokens that others signed with a private key, verified with the public key."""

from __future__ import annotations

import base64
import sys
import traceback

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from countermark import (
    BadToken,
    ConfigurationError,
    InvalidKey,
    Keyring,
    PublicKey,
    Signer,
    Verifier,
)
from tests.samples import ANN, NOW, private_key, signer_of
from tests.verifying.verifiers import verifier_of

SCHEMES = {"knock": "RS256", "onesignal-jwt": "ES256"}


def with_ring(slug: str, ring: Keyring) -> Verifier:
    settings = {"app_id": "the-app_id"} if slug == "onesignal-jwt" else {}
    return Verifier(slug, ring, settings=settings, clock=lambda: NOW)


@pytest.mark.parametrize("slug", SCHEMES)
def test_the_public_key_is_enough_to_verify(slug: str) -> None:
    token, public = signer_of(slug).sign(ANN), private_key(SCHEMES[slug])[1]
    key = PublicKey(public)
    for ring in (Keyring(public), Keyring(public.encode()), Keyring(key)):
        identity = with_ring(slug, ring).verify(token)
        assert (identity.principal_id, identity.key_id) == ("user-1", key.key_id)
    assert verifier_of(slug).verify(token).principal_id == "user-1"  # with the private one


@pytest.mark.parametrize("slug", SCHEMES)
def test_a_public_key_cannot_sign(slug: str) -> None:
    settings = {"app_id": "x"} if slug == "onesignal-jwt" else {}
    with pytest.raises(InvalidKey, match="needs a private"):
        Signer(slug, Keyring(private_key(SCHEMES[slug])[1]), settings=settings)
    with pytest.raises(InvalidKey, match="needs a shared secret"):
        Signer("stigg", Keyring(private_key("RS256")[1]))
    with pytest.raises(InvalidKey, match="needs a shared secret"):
        Verifier("stream-chat", Keyring(private_key("RS256")[1]))


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidKey, match="public or private RSA key"):
        with_ring("knock", Keyring(private_key("ES256")[1]))
    with pytest.raises(InvalidKey, match="public or private key on the curve"):
        with_ring("onesignal-jwt", Keyring(private_key("RS256")[1]))
    with pytest.raises(InvalidKey, match="public or private RSA key"):
        with_ring("knock", Keyring("a-shared-secret-with-enough-bytes-in-it"))


@pytest.mark.parametrize("kind", ["a short RSA key", "another curve"])
def test_a_weak_or_unsupported_key_is_refused(kind: str) -> None:
    weak = rsa.generate_private_key(65537, 1024) if "RSA" in kind else None
    odd = ec.generate_private_key(ec.SECP384R1())
    key = (weak or odd).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidKey):
        with_ring("knock" if weak else "onesignal-jwt", Keyring(pem))


def test_an_expired_key_is_retired() -> None:
    token, public = signer_of("knock").sign(ANN), private_key("RS256")[1]
    with pytest.raises(BadToken) as refused:
        with_ring("knock", Keyring(PublicKey(public, until=NOW))).verify(token)
    assert refused.value.code == "retired_key"


def test_an_unreadable_key_is_refused_and_not_shown() -> None:
    mislabelled = private_key("RS256")[0].replace("PRIVATE", "PUBLIC")
    canary = mislabelled.splitlines()[3]
    with pytest.raises(
        InvalidKey, match="the current key cannot be read as a public key"
    ) as refused:
        Keyring(mislabelled)
    frames = refused.tb.tb_next
    shown = traceback.TracebackException(
        type(refused.value), refused.value, frames, capture_locals=True
    )
    assert canary not in "".join(shown.format())
    with pytest.raises(InvalidKey, match="an expiry of type str"):
        PublicKey(private_key("RS256")[1], until="soon")  # type: ignore[arg-type]


def test_pseudonyms_have_a_secret_salt() -> None:
    key, same = (PublicKey(private_key("RS256")[1]) for _ in range(2))
    assert key.pseudonym("user-1") == key.pseudonym("user-1") != key.pseudonym("user-2")
    assert key.pseudonym("user-1") != same.pseudonym("user-1")
    assert base64.b16decode(key.pseudonym("user-1").upper())
    assert repr(key) == f"<PublicKey {key.key_id}>"


def test_without_cryptography_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    public = private_key("RS256")[1]
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'countermark\[public-keys\]'"):
        Keyring(public)


def test_a_public_key_may_be_the_base64_of_pem_on_one_line() -> None:
    public = private_key("RS256")[1]
    encoded = base64.b64encode(public.encode()).decode()
    for key in (PublicKey(encoded), Keyring(encoded).current, Keyring(encoded.encode()).current):
        assert isinstance(key, PublicKey)
        assert key.key_id == PublicKey(public).key_id
    with pytest.raises(InvalidKey, match="is a PEM or SSH key"):
        Keyring(encoded[:-3])  # cut off


def test_a_public_key_without_line_breaks_is_refused_with_the_reason() -> None:
    escaped = private_key("RS256")[1].replace("\n", "\\n")
    with pytest.raises(InvalidKey, match="a backslash and an n in the place of line breaks"):
        Keyring(escaped)

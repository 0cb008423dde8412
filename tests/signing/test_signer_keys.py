"""The keys that a signer accepts: their kind, encoding and length."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from countermark import (
    InvalidKey,
    Keyring,
    PrivateKey,
    Scheme,
    SecretKey,
    Signer,
    Verifier,
    WeakKeyWarning,
)
from tests.samples import NOW, SECRET, private_key

RING = Keyring(SECRET)
NO_TIMES: Any = {"verify_exp": False, "verify_iat": False}


def pem_of(key: Any, form: Any = PrivateFormat.PKCS8, lock: Any = None) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, form, lock or NoEncryption())
    return text.decode()


class TestKeys:
    def test_base64_of_pem_is_accepted(self) -> None:
        pem, public = private_key("RS256")
        for form in (pem, pem.encode(), b64encode(pem.encode()).decode(), PrivateKey(pem)):
            signer = Signer("knock", Keyring(form), clock=lambda: NOW)
            claims = jwt.decode(
                signer.sign("u"),
                public,
                ["RS256"],
                options={"verify_exp": False, "verify_iat": False},
            )
            assert claims["sub"] == "u"

    def test_an_rsa_key_in_pkcs1_is_accepted(self) -> None:
        pem = pem_of(rsa.generate_private_key(65537, 2048), PrivateFormat.TraditionalOpenSSL)
        assert Signer("braze", Keyring(pem)).sign("u").count(".") == 2

    def test_a_private_key_is_read_from_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        pem, _ = private_key("RS256")
        monkeypatch.setenv("KNOCK_SIGNING_KEY", pem)
        token = Signer.from_env("knock", clock=lambda: NOW).sign("u")
        monkeypatch.delenv("KNOCK_SIGNING_KEY")
        path = tmp_path / "key.pem"
        path.write_text(pem)
        monkeypatch.setenv("KNOCK_SIGNING_KEY_FILE", str(path))
        assert Signer.from_env("knock", clock=lambda: NOW).sign("u") == token

    @pytest.mark.parametrize("slug", ["stigg", "cello", "drift", "loyaltylion"])
    def test_a_private_key_is_not_a_shared_secret(self, slug: str) -> None:
        ring = Keyring(private_key("RS256")[0])
        with pytest.raises(InvalidKey, match="needs a shared secret, not a key in PEM"):
            Signer(slug, ring, settings={"product_id": "p"} if slug == "cello" else None)

    def test_a_key_of_the_wrong_kind_is_refused(self) -> None:
        rsa_pem, ec_pem = private_key("RS256")[0], private_key("ES256")[0]
        short = pem_of(rsa.generate_private_key(65537, 1024))
        other_curve = pem_of(ec.generate_private_key(ec.SECP384R1()))
        for secret in (SECRET, ec_pem, short):
            with pytest.raises(InvalidKey, match="RS256 needs a private RSA key of 2048 bits"):
                Signer("knock", Keyring(secret))
        for secret in (SECRET, rsa_pem, other_curve):
            with pytest.raises(InvalidKey, match="ES256 needs a private key on the curve P-256"):
                Signer("onesignal-jwt", Keyring(secret), settings={"app_id": "a"})
        for secret in (SECRET, rsa_pem, ec_pem):
            with pytest.raises(InvalidKey, match="ES384 needs a private key on the curve P-384"):
                Signer("aws-ivs", Keyring(secret))

    def test_a_key_that_cannot_be_read_is_refused(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        locked = pem_of(key, lock=BestAvailableEncryption(b"password"))
        cut_off = pem_of(key)[:300] + "\n-----END PRIVATE KEY-----\n"
        for pem in (locked, cut_off):
            with pytest.raises(InvalidKey, match="cannot be read") as caught:
                Signer("knock", Keyring(pem))
            assert caught.value.__context__ is None

    def test_text_that_is_not_a_private_key_is_refused(self) -> None:
        public = private_key("RS256")[1]
        for pem, problem in {
            public: "is not a private key in PEM",
            "": "is not a private key in PEM",
            "LS0tLS1CRUdJTi!!": "is neither PEM nor base64 of PEM",
            b"\xff": "is neither PEM nor base64 of PEM",
            5: "is of type int",
        }.items():
            with pytest.raises(InvalidKey, match=problem):
                PrivateKey(pem)  # type: ignore[arg-type]
        with pytest.raises(InvalidKey, match="is a PEM or SSH key"):
            SecretKey(public.strip())

    def test_a_private_key_is_not_shown(self) -> None:
        import copy
        import pickle

        pem, _ = private_key("RS256")
        key = PrivateKey(pem, until=5)
        assert (key.until, len(key.key_id)) == (5, 8)
        assert repr(key) == f"<PrivateKey {key.key_id}>"
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled"):
                attempt(key)
        signer = Signer("knock", Keyring(key))
        assert len(signer.pseudonym("user-1")) == 16
        assert signer.pseudonym("user-1") != Signer("stigg", RING).pseudonym("user-1")

    @pytest.mark.parametrize("role", ["previous", "next"])
    def test_every_key_of_the_keyring_must_have_the_right_kind(self, role: str) -> None:
        rsa_pem, ec_pem = private_key("RS256")[0], private_key("ES256")[0]
        with pytest.raises(InvalidKey, match="stigg needs a shared secret"):
            Signer("stigg", Keyring(SECRET, **{role: rsa_pem}))
        for other in (SECRET, ec_pem):
            with pytest.raises(InvalidKey, match="RS256 needs a public or private RSA key"):
                Signer("braze", Keyring(rsa_pem, **{role: other}))

    @pytest.mark.parametrize("role", ["previous", "next"])
    def test_keys_of_other_roles_may_be_public_as_they_do_not_sign(self, role: str) -> None:
        """A service that signs and verifies has one keyring, with the next public key."""
        private, public = private_key("RS256")
        ring = Keyring(private, **{role: public})
        token = Signer("braze", ring).sign("user-1")
        assert Verifier("braze", ring).verify(token).role == "current"

    def test_a_key_of_another_kind_is_not_a_secret(self) -> None:
        pem, public = private_key("RS256")
        key = ec.generate_private_key(ec.SECP256R1())
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        long_der = rsa.generate_private_key(65537, 2048).private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )
        assert der[:1] == long_der[:1] == b"\x30"
        kinds: dict[Any, str] = {
            b64encode(public.encode()).decode()[:201]: "is a PEM or SSH key",
            b64encode(pem.encode()).decode()[:401]: "is a PEM or SSH key",
            '{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}': "is a JSON Web Key",
            long_der: "is a key in DER",
        }
        for secret, problem in kinds.items():
            with pytest.raises(InvalidKey, match=problem):
                Keyring(secret)
        assert Keyring(long_der[:-1]).current.key_id  # bytes that only look like it

    def test_an_undecodable_secret_is_not_in_the_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = private_key("RS256")[0].strip().replace("M", "\udcff", 1)
        monkeypatch.setenv("KNOCK_SIGNING_KEY", broken)
        with pytest.raises(InvalidKey, match="the environment variable KNOCK_SIGNING_KEY") as e:
            Signer.from_env("knock")
        assert e.value.__context__ is None

    def test_an_unknown_curve_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

        def refuse(*arguments: Any, **options: Any) -> None:
            raise UnsupportedAlgorithm("curve")

        monkeypatch.setattr(serialization, "load_pem_private_key", refuse)
        with pytest.raises(InvalidKey, match="cannot be read"):
            Signer("knock", Keyring(private_key("RS256")[0]))

    def test_a_keyring_that_cannot_be_built_keeps_no_key(self) -> None:
        def broken() -> Any:
            yield SECRET
            raise OSError

        with pytest.raises(OSError) as caught:
            Keyring(SECRET, previous=broken())
        frames = caught.traceback
        ours = [frame for frame in frames if "keyring" in str(frame.path)]
        assert ours
        assert all("current" not in frame.frame.f_locals for frame in ours)

    def test_hs512_needs_a_longer_secret(self) -> None:
        with pytest.warns(WeakKeyWarning, match="fewer than 64 bytes"):
            Signer("cello", Keyring("0123456789abcdef" * 3), settings={"product_id": "p"})

    def test_a_scheme_without_a_variable_warns_without_one(self) -> None:
        mac = {"algorithm": "sha256", "message": "{id}", "encoding": "hex"}
        scheme = Scheme.from_mapping({"slug": "own", "mac": mac})
        with pytest.warns(WeakKeyWarning, match="own: the secret has fewer than 32 bytes"):
            Signer(scheme, Keyring("short-but-no-placeholder"))

    def test_a_secret_in_hexadecimal_must_be_in_hexadecimal(self) -> None:
        for secret in ("not-hexadecimal-" * 3, "abc" * 21, SECRET + "é", "ab " * 32 + "ab"):
            with pytest.raises(InvalidKey, match="not encoded in hex, as it must be") as e:
                Signer("pylon", Keyring(secret))
            assert secret not in str(e.value)

    def test_the_length_of_a_hexadecimal_secret_is_that_of_its_bytes(self) -> None:
        with pytest.warns(WeakKeyWarning):
            Signer("pylon", Keyring("ab" * 31))
        Signer("pylon", Keyring("ab" * 32))

    def test_a_secret_in_base64(self) -> None:
        mac = {"algorithm": "sha256", "message": "{id}", "encoding": "base64url", "key": "base64"}
        scheme = Scheme.from_mapping({"slug": "own", "mac": mac})
        text = b64encode(SECRET.encode()).decode()
        plain = Scheme.from_mapping({"slug": "own", "mac": mac | {"key": "text"}})
        assert Signer(scheme, Keyring(text)).sign("u") == Signer(plain, RING).sign("u")
        for wrong in (f"{text}!", text[:-1], "====", f"{text[:4]} {text[4:]}"):
            with pytest.raises(InvalidKey, match="not encoded in base64"):
                Signer(scheme, Keyring(wrong))


def test_two_public_keys_have_different_ids() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidKey):
        PrivateKey(der)


WITHOUT = """
import sys
sys.modules[{module!r}] = None
from countermark import ConfigurationError, Keyring, Signer
from pathlib import Path
Signer("stigg", Keyring("0123456789abcdef" * 4))
try:
    Signer({slug!r}, Keyring(sys.stdin.read()))
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("module", "slug"), [("jwt", "drift"), ("jwt", "knock"), ("cryptography", "knock")]
)
def test_a_missing_package_is_named_with_its_extra(module: str, slug: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(module=module, slug=slug)],
        input=private_key("RS256")[0] if slug == "knock" else SECRET,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "pip install 'countermark[jwt]'" in ran.stdout

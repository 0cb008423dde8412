"""Deliveries that a private key signed."""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from countermark import ConfigurationError, InvalidKey, InvalidScheme, Keyring, PublicKey, SecretKey
from countermark.keys import WatchedKeyring
from countermark.webhooks import WebhookScheme, WebhookVerifier
from tests.samples import private_key as pem_of_private_key
from tests.webhooks.outcomes import code, inside
from tests.webhooks.public_keys import ALGORITHMS, private_key, public_key, sign
from tests.webhooks.samples import BODY, NOW, SECRET, WHSEC, Delivery

EACH = pytest.mark.parametrize("algorithm", ALGORITHMS)
CATALOGUE = {
    "bridge": ("rsa-sha256-twice", "pem"),
    "discord": ("ed25519", "hex"),
    "sendgrid": ("ecdsa-p256-sha256", "spki"),
    "standard-webhooks-ed25519": ("ed25519", "base64"),
    "telnyx": ("ed25519", "base64"),
    "wise": ("rsa-sha256", "pem"),
}


def scheme(algorithm: str, form: str = "spki", encoding: str = "base64") -> WebhookScheme:
    return WebhookScheme.from_mapping(
        {
            "slug": "acme",
            "kind": "public-key",
            "secret": {"variable": "ACME_PUBLIC_KEY", "form": form},
            "signature": {
                "header": "X-Acme",
                "algorithm": algorithm,
                "encoding": encoding,
                "separator": " ",
                "message": "{timestamp}{body}",
            },
            "timestamp": {"header": "X-Time", "tolerance": 60},
        }
    )


def signed(algorithm: str, *, numbers: tuple[int, ...] = (0,), body: bytes = BODY) -> Delivery:
    """Return a delivery with a signature by each of the private keys *numbers*."""
    message = str(int(NOW)).encode() + body
    signatures = [b64encode(sign(algorithm, message, number)).decode() for number in numbers]
    return Delivery({"X-Acme": " ".join(signatures), "X-Time": str(int(NOW))}, body)


def verifier(algorithm: str, ring: Keyring | None = None) -> WebhookVerifier:
    ring = ring or Keyring(public_key(algorithm, "spki"))
    return WebhookVerifier(scheme(algorithm), ring, clock=lambda: NOW)


@EACH
def test_a_signature_of_the_private_key_is_verified(algorithm: str) -> None:
    verified = verifier(algorithm).verify(**signed(algorithm)._asdict())
    key = Keyring(public_key(algorithm, "spki")).current
    assert (verified.key_id, verified.role, verified.timestamp) == (key.key_id, "current", NOW)
    assert code(verifier(algorithm), signed(algorithm, numbers=(1,))) == "mismatch"
    assert code(verifier(algorithm), signed(algorithm)._replace(body=BODY + b" ")) == "mismatch"


@EACH
def test_public_keys_of_all_roles_are_accepted_until_they_expire(algorithm: str) -> None:
    old, new = (public_key(algorithm, number=number) for number in (0, 1))
    delivery = signed(algorithm)
    for role in ("previous", "next"):
        ring = Keyring(new, **{role: old})
        assert verifier(algorithm, ring).verify(**delivery._asdict()).role == role
    ring = Keyring(new, previous=PublicKey(old, until=NOW))
    assert code(verifier(algorithm, ring), delivery) == "retired_key"
    text = public_key(algorithm, "spki")
    ring = Keyring(new, previous=SecretKey(text, until=NOW))
    assert code(verifier(algorithm, ring), delivery) == "retired_key"


@EACH
def test_one_valid_signature_of_at_most_eight_is_enough(algorithm: str) -> None:
    assert code(verifier(algorithm), signed(algorithm, numbers=(1, 0))) == "verified"
    eight = signed(algorithm, numbers=(1, 1, 1, 1, 1, 1, 1, 0))
    assert code(verifier(algorithm), eight) == "verified"
    nine = signed(algorithm, numbers=(0,) * 9)
    assert code(verifier(algorithm), nine) == "malformed"


@pytest.mark.parametrize(("slug", "kind"), CATALOGUE.items())
def test_a_key_is_accepted_in_the_form_of_the_vendor_and_in_pem(
    slug: str, kind: tuple[str, str]
) -> None:
    prefix = WebhookScheme.load(slug).secret.prefix
    WebhookVerifier(slug, Keyring(prefix + public_key(*kind)))
    pem = public_key(kind[0])
    for text in (pem, pem.encode(), b64encode(pem.encode()).decode()):
        WebhookVerifier(slug, Keyring(text))
    WebhookVerifier(slug, Keyring(PublicKey(pem)))


def test_the_padding_and_the_prefix_of_a_key_are_optional() -> None:
    key = public_key("ed25519", "base64")
    for text in (key, key.rstrip("="), f"whpk_{key}", f"whpk_{key.rstrip('=')}"):
        WebhookVerifier("standard-webhooks-ed25519", Keyring(text))


def private_der(algorithm: str) -> str:
    der = private_key(algorithm).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return b64encode(der).decode()


def pem_of(key: Any) -> str:
    data: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return data.decode()


OTHER_CURVE = ec.generate_private_key(ec.SECP384R1()).public_key()
KOBLITZ = ec.generate_private_key(ec.SECP256K1()).public_key()
SHORT_RSA = rsa.generate_private_key(65537, 1024).public_key()
REFUSED = [
    ("discord", pem_of_private_key("RS256")[0], "is a private key, which only the sender has"),
    ("sendgrid", pem_of_private_key("ES256")[0], "is a private key, which only the sender has"),
    ("sendgrid", private_der("ecdsa-p256-sha256"), "is a private key, which only the sender has"),
    ("sendgrid", SECRET, "is not the base64 of a DER file;"),
    ("sendgrid", "SG.an-api-key-with-enough-bytes", "a key of another kind, not the public key"),
    ("sendgrid", public_key("ed25519", "spki"), "needs a public key on the curve P-256"),
    ("sendgrid", pem_of(OTHER_CURVE), "needs a public key on the curve P-256"),
    ("sendgrid", pem_of(KOBLITZ), "needs a public key on the curve P-256"),
    ("discord", SECRET, "is not 32 bytes in hexadecimal;"),
    ("discord", public_key("ed25519", "base64"), "hexadecimal, but 32 bytes in base64;"),
    ("discord", public_key("ed25519", "spki"), "hexadecimal, but the base64 of a DER file;"),
    ("discord", public_key("rsa-sha256"), "needs a public key of Ed25519"),
    ("telnyx", public_key("ed25519", "hex"), "base64, but 32 bytes in hexadecimal;"),
    ("standard-webhooks-ed25519", WHSEC, "a key of another kind, not the public key in WEBHOOKS_"),
    ("standard-webhooks-ed25519", "whsk_" + "B" * 86 + "==", "a key of another kind"),
    ("standard-webhooks-ed25519", "whpk_" + "Z" * 64, "not 32 bytes in base64, after whpk_;"),
    ("wise", SECRET, "is not PEM;"),
    ("wise", public_key("rsa-sha256", "spki"), "is not PEM, but the base64 of a DER file;"),
    ("wise", pem_of(SHORT_RSA), "needs a public key of RSA with at least 2048 bits"),
    ("wise", public_key("ecdsa-p256-sha256"), "needs a public key of RSA"),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "key", "message"), REFUSED, ids=range(len(REFUSED)))
def test_another_key_is_refused_at_construction_and_not_shown(
    slug: str, key: str, message: str
) -> None:
    for ring in (Keyring(key), Keyring(public_key(CATALOGUE[slug][0]), previous=key)):
        with pytest.raises(InvalidKey, match=message) as refused:
            WebhookVerifier(slug, ring)
        assert key.strip() not in inside(refused.value)


def test_a_public_key_is_not_a_shared_secret() -> None:
    with pytest.raises(InvalidKey, match="needs a shared secret, not a private or public key"):
        WebhookVerifier("github", Keyring(public_key("ed25519")))


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-p256-sha256", "rsa-sha256"])
def test_the_base64_of_a_public_key_is_not_a_shared_secret(algorithm: str) -> None:
    with pytest.raises(InvalidKey, match="_WEBHOOK_SECRET is a public key, which others know"):
        WebhookVerifier("github", Keyring(public_key(algorithm, "spki")))


# The encodings of points of a small order (RFC 8032 lists the order of the curve; there are
# eight such points), and of some again with a number that is not reduced.
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]
NOT_POINTS = [
    "0200000000000000000000000000000000000000000000000000000000000000",
    "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # not reduced
]


@pytest.mark.parametrize("key", [*SMALL_ORDER, *NOT_POINTS])
def test_a_key_of_a_small_order_or_without_a_point_is_refused(key: str) -> None:
    with pytest.raises(InvalidKey, match=r"needs a public key of Ed25519; the key in DISCORD_"):
        WebhookVerifier("discord", Keyring(key))


def test_an_ecdsa_signature_has_one_encoding_and_two_values() -> None:
    own, delivery = verifier("ecdsa-p256-sha256"), signed("ecdsa-p256-sha256")
    r, s = decode_dss_signature(b64decode(delivery.headers["X-Acme"]))

    def found(data: bytes) -> str:
        return code(own, delivery.having(x_acme=b64encode(data).decode()))

    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    assert found(encode_dss_signature(r, s)) == "verified"
    assert found(encode_dss_signature(r, order - s)) == "verified"  # so it is not an id
    der = encode_dss_signature(r, s)
    long_form = b"\x30\x81" + der[1:]  # BER allows that
    padded = b"\x30" + bytes([len(der) - 1]) + b"\x02" + bytes([der[3] + 1]) + b"\0" + der[4:]
    for data in (long_form, padded, der + b"\0", der[:-1], b"\x30\0", r.to_bytes(32) * 2):
        assert found(data) == "malformed"
    for numbers in ((0, s), (r, 0), (r + order, s), (r, s + order)):
        assert found(encode_dss_signature(*numbers)) in {"mismatch", "malformed"}


def test_an_ed25519_signature_has_one_value() -> None:
    own, delivery = verifier("ed25519"), signed("ed25519")
    data = b64decode(delivery.headers["X-Acme"])
    order = 2**252 + 27742317777372353535851937790883648493
    other = (int.from_bytes(data[32:], "little") + order).to_bytes(32, "little")
    high = delivery.having(x_acme=b64encode(data[:32] + other).decode())
    assert code(own, high) == "mismatch"
    for text in (data[:63], data + b"\0", b""):
        assert code(own, delivery.having(x_acme=b64encode(text).decode())) == "malformed"


@EACH
def test_a_signature_has_one_spelling(algorithm: str) -> None:
    own, delivery = verifier(algorithm), signed(algorithm)
    text = delivery.headers["X-Acme"]
    others = [text + "\n", " " + text, text + "=", text.rstrip("=") + "A", text[:-1], f"{text},"]
    others += [text.replace("A", "-", 1), b64decode(text).hex(), text[:8] + "\n" + text[8:]]
    for other in {*others} - {text, " " + text}:
        assert code(own, delivery.having(x_acme=other)) != "verified", other
    assert code(own, delivery.having(x_acme="A" * 2000)) == "malformed"
    upper = WebhookVerifier(
        scheme(algorithm, encoding="hex"), Keyring(public_key(algorithm)), clock=lambda: NOW
    )
    digits = b64decode(text).hex()
    assert code(upper, delivery.having(x_acme=digits)) == "verified"
    assert code(upper, delivery.having(x_acme=digits.upper())) == "malformed"
    assert code(upper, delivery.having(x_acme=digits[:-1])) == "malformed"


def test_a_digit_between_the_time_and_the_body_belongs_to_one_of_them() -> None:
    own, body = verifier("ed25519"), b"7" + BODY
    delivery = signed("ed25519", body=body)
    assert code(own, delivery) == "verified"
    later = delivery.having(x_time=f"{int(NOW)}7")._replace(body=BODY)
    assert code(own, later) == "not_yet_valid"
    earlier = delivery.having(x_time=str(int(NOW))[:-1])._replace(body=b"0" + body)
    assert code(own, earlier) == "expired"


@pytest.mark.parametrize("form", ["hex", "base64"])
def test_a_scheme_with_32_bytes_is_of_ed25519(form: str) -> None:
    scheme("ed25519", form)
    for algorithm in ALGORITHMS[1:]:
        with pytest.raises(InvalidScheme, match="only ed25519 has those; choose spki or pem"):
            scheme(algorithm, form)


def test_a_secret_is_not_recognised_in_the_place_of_a_public_key() -> None:
    ring = Keyring(public_key("ed25519", "spki"))
    delivery = signed("ed25519").having(x_acme=public_key("ed25519", "spki"))
    assert code(verifier("ed25519", ring), delivery) == "malformed"


def test_the_public_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (public_key("ed25519", "spki", number) for number in (0, 1))
    monkeypatch.setenv("ACME_PUBLIC_KEY", old)
    monkeypatch.setenv("ACME_PUBLIC_KEY_NEXT", new)
    own = WebhookVerifier.from_env(scheme("ed25519"), clock=lambda: NOW)
    for number, role in ((0, "current"), (1, "next")):
        delivery = signed("ed25519", numbers=(number,))
        assert own.verify(**delivery._asdict()).role == role


def test_a_new_public_key_is_used_without_a_restart() -> None:
    given = [public_key("ed25519", "spki")]
    keyring = WatchedKeyring(lambda: given[-1], interval=9999)
    own = verifier("ed25519", keyring)
    assert code(own, signed("ed25519")) == "verified"
    given.append(public_key("ed25519", "spki", number=1))
    assert keyring.refresh()
    assert code(own, signed("ed25519", numbers=(1,))) == "verified"
    assert code(own, signed("ed25519")) == "mismatch"
    given.append(SECRET)
    assert not keyring.refresh()
    assert code(own, signed("ed25519", numbers=(1,))) == "verified"


def test_a_head_request_that_verifies_a_url_is_answered_with_a_public_key() -> None:
    key = Keyring(public_key("ecdsa-p256-sha256", "spki"))
    for slug, expected in (("circle", True), ("sendgrid", False)):
        own = WebhookVerifier(slug, key)
        answer = own.answer_challenge(headers={}, method="HEAD", path="/hooks")
        assert (answer is not None) is expected


def test_without_cryptography_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'countermark\[public-keys\]'"):
        verifier("ed25519")

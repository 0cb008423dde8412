"""The forms in which a secret is found, and what is not taken for a secret."""

from __future__ import annotations

import base64
import html
import json
import random
from urllib.parse import quote, quote_plus

import markupsafe
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from countermark import Keyring, PrivateKey, PublicKey
from tests.leaks.guarded import RANDOM, RING, SECRET, leaks_of, reported
from tests.samples import private_key

ODD = "a/b+c\"d'e<f>g&h \\i`é=kLmN"
ODD_SECRETS = {"ODD_SECRET": Keyring(ODD)}


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (ODD, "raw"),
        (quote(ODD, safe=""), "url"),
        (quote(ODD), "url"),
        (quote_plus(ODD), "url"),
        (quote(ODD, safe="").lower().replace("lmn", "LmN"), "url"),
        (quote(ODD, safe="!*'()"), "url"),
        (json.dumps(ODD), "json"),
        (json.dumps(ODD, ensure_ascii=False), "json"),
        (json.dumps(ODD).replace("/", r"\/"), "json"),
        (
            json.dumps(ODD).translate({ord(c): rf"\u{ord(c):04X}" for c in "<>&"}),
            "json",
        ),
        (
            json.dumps(ODD).translate({ord(c): rf"\u{ord(c):04x}" for c in "<>&'"}),
            "json",
        ),
        (
            json.dumps(ODD)
            .replace(r"\"", '"')
            .translate({ord(c): rf"\u{ord(c):04X}" for c in "<>&'+`\""}),
            "json",
        ),
        (html.escape(ODD), "html"),
        (
            html.escape(ODD)
            .translate({ord("+"): "&#43;"})
            .replace("&#x27;", "&#39;")
            .replace("&quot;", "&#34;"),
            "html",
        ),
        (html.escape(ODD, quote=False), "html"),
        (str(markupsafe.escape(ODD)), "html"),
        (html.escape(ODD).replace("&#x27;", "&#39;"), "html"),
        (ODD.encode().hex(), "hex"),
        (ODD.encode().hex().upper(), "hex"),
    ],
)
def test_an_escaped_secret_is_found_in_its_form(text: str, form: str) -> None:
    (leak,) = leaks_of(reported([b"<p>" + text.encode() + b"</p>"], secrets=ODD_SECRETS))
    assert (leak.secret, leak.form, leak.place) == ("ODD_SECRET", form, "body")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("after", [b"", b"x", b"xy"])
@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"xyz", b'{"user":"u","key":"'])
@pytest.mark.parametrize("secret", [SECRET, ODD, "8 bytes!", "9 bytes!!", "\u00ff\u00fe?>~\u00ff"])
def test_base64_is_found_at_every_alignment(
    secret: str, before: bytes, after: bytes, encode: type[bytes]
) -> None:
    body = encode(before + secret.encode() + after)
    (leak,) = leaks_of(reported([body], secrets=[Keyring(secret)]))
    assert leak.form in ("base64", "raw")


@pytest.mark.parametrize("secret", ["k" * 7 + "8", "mixed-9.", "whsec_1234567890abcdef"])
@given(st.binary(max_size=80), st.binary(max_size=80))
def test_the_base64_of_any_data_around_a_secret_is_found(
    secret: str, before: bytes, after: bytes
) -> None:
    body = base64.b64encode(before + secret.encode() + after)
    assert leaks_of(reported([body], secrets=[Keyring(secret)]))


def test_the_random_part_of_a_secret_is_found_without_the_vendors_prefix() -> None:
    for text in (SECRET, RANDOM, f"key={RANDOM}"):
        assert [leak.form for leak in leaks_of(reported([text.encode()]))] == ["raw"]
    assert reported([b"live_secret_"]) == []


@pytest.mark.parametrize(
    "secret", [RANDOM, "whsec_" + base64.b64encode(bytes(range(200, 232))).decode()]
)
def test_the_bytes_that_a_secret_encodes_are_found(secret: str) -> None:
    text = secret.removeprefix("whsec_")
    key = bytes.fromhex(text) if text == RANDOM else base64.b64decode(text)
    for body in (key, key.hex().encode(), base64.b64encode(b"x" + key), key.hex().upper().encode()):
        assert leaks_of(reported([b"key: " + body], secrets=[Keyring(secret)]))


@pytest.mark.parametrize("secret", ["not+valid=base64=at=all=", "MDEyMzQ1NjcwMTIzNDU2Nw=="])
def test_a_text_that_is_hardly_base64_is_found_as_it_is(secret: str) -> None:
    (leak,) = leaks_of(reported([secret.encode()], secrets=[Keyring(secret)]))
    assert leak.form == "raw"


def test_a_binary_secret_is_found() -> None:
    secret = bytes(range(128, 160))
    for text in (secret, base64.b64encode(secret), secret.hex().encode(), quote(secret).encode()):
        assert leaks_of(reported([text], secrets=[Keyring(secret)]))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_private_key_is_found_and_its_public_key_is_not(algorithm: str) -> None:
    private, public = private_key(algorithm)
    ring = Keyring(private, previous=PublicKey(public))
    body = "".join(private.splitlines()[1:-1])
    for text in (private, json.dumps(private), body, private.replace("\n", "\r\n")):
        assert leaks_of(reported([text.encode()], secrets=[ring]))
        assert leaks_of(reported([base64.b64encode(b"a" + text.encode())], secrets=[ring]))
    assert reported([public.encode()], secrets=[ring]) == []
    assert PrivateKey(private)._expose() == private.strip().encode()


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_another_private_key_of_the_same_kind_is_not_found(curve: ec.EllipticCurve) -> None:
    encoding = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    own, other = (ec.generate_private_key(curve).private_bytes(*encoding) for _ in range(2))
    ring = Keyring(own.decode())
    for encode in (bytes, base64.b64encode, bytes.hex, lambda key: key.hex().upper()):
        for key in (own, other):
            encoded = encode(key)
            body = encoded.encode() if isinstance(encoded, str) else encoded
            assert bool(reported([body], secrets=[ring])) is (key is own)


def test_every_key_of_a_keyring_is_found() -> None:
    keys = {role: f"the-{role}-key-of-this-test-{role}" for role in ("current", "next", "previous")}
    for text in keys.values():
        (leak,) = leaks_of(reported([text.encode()], secrets={"NAME": Keyring(**keys)}))
        assert leak.key_id == Keyring(text).current.key_id


def test_tokens_and_public_values_are_not_leaks() -> None:
    from countermark import Signer

    signer = Signer("cognito-flow", RING)
    identity = signer.issue("a-customer")
    body = json.dumps([identity.fields, signer.key_id, "live_publishable_key_0f3a91c7d2be4865"])
    assert reported([body.encode()]) == []


def test_random_bodies_contain_no_leak() -> None:
    numbers = random.Random(7)
    short = {"SHORT": Keyring("Tr0ub4dr"), "LONG": RING}
    for size in (1, 10, 1000, 300_000):
        data = numbers.randbytes(size)
        for body in (
            data,
            data.hex().encode(),
            base64.b64encode(data),
            data.hex().upper().encode(),
        ):
            assert reported([body], secrets=short) == []
            assert reported([body]) == []


def test_a_part_of_a_secret_is_not_a_leak() -> None:
    for text in (SECRET[:-20], RANDOM[1:40], RANDOM[::-1]):
        assert reported([text.encode()], [("X-Debug", text)]) == []

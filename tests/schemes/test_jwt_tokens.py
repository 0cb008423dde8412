"""The JSON Web Tokens of every scheme that has them, decoded by PyJWT."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any
from uuid import UUID

import jwt
import pytest

from countermark import Keyring, Principal, Scheme, Signer, Verifier, WeakKeyWarning
from countermark.keys._secret import SecretKey
from countermark.schemes import scheme_slugs
from tests.samples import ANN, ATTRIBUTES, SECRET, private_key, signer_of
from tests.schemes.jwt_claims import ALGORITHMS, CLAIMS, EMAIL, HEADERS, KEY_IDS, NAME, NOW_S

NO_TIMES: Any = {f"verify_{name}": False for name in ("exp", "iat", "nbf", "aud")}


def decoded(slug: str, token: str) -> dict[str, Any]:
    algorithm = ALGORITHMS.get(slug, "HS256")
    key = SECRET if algorithm.startswith("HS") else private_key(algorithm)[1]
    claims: dict[str, Any] = jwt.decode(token, key, [algorithm], options=NO_TIMES)
    return claims


def test_every_scheme_is_tested() -> None:
    assert {slug for slug in scheme_slugs() if Scheme.load(slug).jwt} == set(CLAIMS)


@pytest.mark.parametrize("slug", CLAIMS)
def test_pyjwt_decodes_the_expected_claims(slug: str) -> None:
    signed = signer_of(slug).issue(ANN)
    claims = decoded(slug, signed.token)
    if "jti" in claims:  # random, so it is not in CLAIMS
        assert UUID(claims.pop("jti").removeprefix("urn:uuid:")).version == 4
    assert claims == CLAIMS[slug]
    header = {"alg": ALGORITHMS.get(slug, "HS256"), "typ": "JWT"}
    if slug in KEY_IDS:
        header["kid"] = KEY_IDS[slug]
    header |= HEADERS.get(slug, {})
    assert jwt.get_unverified_header(signed.token) == header
    assert signed.expires_at == claims.get("exp")


@pytest.mark.parametrize("slug", CLAIMS)
def test_pyjwt_refuses_the_token_with_another_key(slug: str) -> None:
    algorithm = ALGORITHMS.get(slug, "HS256")
    fresh_pair = private_key.__wrapped__  # not the one that is kept
    key = "x" * 80 if algorithm.startswith("HS") else fresh_pair(algorithm)[1]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(signer_of(slug).sign(ANN), key, [algorithm], options=NO_TIMES)


# Digits alone are a guest's id at Synapse.
@pytest.mark.parametrize("slug", sorted(CLAIMS.keys() - {"synapse-jwt"}))
def test_every_token_contains_ids_as_text(slug: str) -> None:
    who = Principal(42, email=EMAIL, name=NAME, attributes=ATTRIBUTES)
    claims = decoded(slug, signer_of(slug).sign(who))
    flat = json.dumps(claims)
    assert ": 42" not in flat
    if any("user-1" in str(value) for value in CLAIMS[slug].values()):
        assert '42"' in flat


@pytest.mark.parametrize(
    "slug", [slug for slug in CLAIMS if Scheme.load(slug).expires and "exp" not in CLAIMS[slug]]
)
def test_lifetime_adds_an_expiry_to_the_token(slug: str) -> None:
    signed = signer_of(slug, lifetime=60).issue(ANN)
    assert decoded(slug, signed.token)["exp"] == NOW_S + 60 == signed.expires_at


def test_iterable_signs_the_token_that_the_vendor_publishes() -> None:
    published = Keyring(SecretKey.of_example("2EB6A2F34691492F81A819AEDA32427F"))
    scheme = Scheme.load("iterable")
    signer = Signer(scheme, published, lifetime=1, clock=lambda: 1_599_693_218)
    assert signer.sign(Principal("u", email="test@iterable.com")) == (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
        "eyJlbWFpbCI6InRlc3RAaXRlcmFibGUuY29tIiwiaWF0IjoxNTk5NjkzMjE4LCJleHAiOjE1OTk2OTMyMTl9."
        "eDbexB7CnK2jGsXvHfYENrCEkblrLKxgMNbmlfJHXUA"
    )


@pytest.mark.parametrize(
    ("slug", "secret", "id", "after_header"),
    [
        (
            "synapse-jwt",
            "my-secret-token",
            "test-user",
            "eyJzdWIiOiJ0ZXN0LXVzZXIifQ.Ag71GT8v01UO3w80aqRPTeuVPBIBZkYhNTJJ-_-zQIc",
        ),
        (
            "drift",
            "your-256-bit-secret",
            "12345",
            "eyJzdWIiOiIxMjM0NSJ9.22H1g2b8yxmkcEY1Fhku4AhNl-M40P5Sl_B2ktSUdv8",
        ),
    ],
)
def test_the_token_that_the_vendor_publishes_is_valid_and_has_the_same_claims(
    slug: str, secret: str, id: str, after_header: str
) -> None:
    published = f"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.{after_header}"
    keyring = Keyring(SecretKey.of_example(secret))
    with pytest.warns(WeakKeyWarning):
        verifier = Verifier(slug, keyring, allow_short_secret=True)
    with pytest.warns(WeakKeyWarning):
        signed = Signer(slug, keyring).sign(id)
    assert verifier.verify(published).principal_id == id
    assert signed.split(".")[1] == published.split(".")[1]


def test_signed_values_of_intercom_are_not_in_the_fields() -> None:
    signed = signer_of("intercom-jwt").issue(ANN)
    assert signed.fields == {"intercom_user_jwt": signed.token}


@pytest.mark.parametrize("slug", ["featurebase-jwt", "magicbell-jwt"])
def test_one_of_two_optional_values_is_required(slug: str) -> None:
    from countermark import InvalidPrincipal

    signer = signer_of(slug)
    assert EMAIL in decoded(slug, signer.sign(Principal(email=EMAIL))).values()
    with pytest.raises(InvalidPrincipal, match="it needs the principal's id or email") as caught:
        signer.sign(Principal(phone="+15550100"))
    assert caught.value.code == "principal_field"


def test_tokens_that_are_valid_once_differ_at_the_same_time() -> None:
    signer = signer_of("sigma")
    assert signer.sign(ANN) != signer.sign(ANN)


def test_the_payload_has_the_expected_bytes() -> None:
    token = signer_of("stream-chat").sign("jöhn")
    payload = token.split(".")[1]
    assert urlsafe_b64decode(payload + "=" * (-len(payload) % 4)) == (
        b'{"user_id":"j\\u00f6hn","iat":1800000000}'
    )

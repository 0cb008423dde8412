"""The principal by an assertion that an identity-aware proxy signs."""

from __future__ import annotations

import hashlib
import hmac
import sys
from collections.abc import Callable
from typing import Any

import pytest

from countermark import ConfigurationError, Principal, PublicKey
from countermark.resolvers import BadAssertion, UntrustedHeader, from_signed_header
from tests.drivers import http_scope
from tests.resolvers.assertions import (
    EC_KEY,
    NOW,
    OTHER_EC_KEY,
    RSA_KEY,
    encoded,
    jwk,
    pem,
    signed,
    without,
)

HEADER = "X-Goog-IAP-JWT-Assertion"
ISSUER, AUDIENCE = "https://cloud.google.com/iap", "/projects/1/apps/shop"
HEAD = {"alg": "ES256", "typ": "JWT", "kid": "k1"}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "accounts.google.com:1",
    "email": "ann@example.org",
    "iat": NOW - 60,
    "exp": NOW + 540,
}
GOOD = signed(EC_KEY, HEAD, CLAIMS)
SUB = CLAIMS["sub"]


def resolver(**changes: Any) -> Any:
    options: dict[str, Any] = {
        "keys": {"k1": pem(EC_KEY)},
        "algorithm": "ES256",
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "clock": lambda: NOW,
    }
    return from_signed_header(HEADER, **(options | changes))


def ask(resolve: Any, *tokens: str) -> Any:
    """Ask over both protocols, as servers would put it; both must answer alike."""
    headers = [(b"host", b"a"), *[(HEADER.lower().encode(), token.encode()) for token in tokens]]
    environ = {"REQUEST_METHOD": "GET"}
    if tokens:
        environ["HTTP_" + HEADER.upper().replace("-", "_")] = ",".join(tokens)
    answers: list[Any] = []
    for source in (http_scope(headers=headers), environ):
        try:
            answers.append(resolve(source))
        except UntrustedHeader as error:
            assert str(error)
            answers.append(type(error))
    assert answers[0] == answers[1]
    return answers[0]


def test_a_valid_assertion_identifies_the_user() -> None:
    assert ask(resolver(), GOOD) == SUB
    assert ask(resolver(audience=["/other", AUDIENCE]), GOOD) == SUB
    many = signed(EC_KEY, HEAD, CLAIMS | {"aud": ["/other", AUDIENCE]})
    assert ask(resolver(), many) == SUB


def test_the_email_claim_is_read_if_it_is_named() -> None:
    found = ask(resolver(email="email"), GOOD)
    assert found == Principal(SUB, email="ann@example.org")
    bare = signed(EC_KEY, HEAD, without(CLAIMS, "email"))
    assert ask(resolver(email="email"), bare) == Principal(SUB)
    odd = signed(EC_KEY, HEAD, CLAIMS | {"email": ["ann@example.org"]})
    assert ask(resolver(email="email"), odd) is BadAssertion


def test_another_claim_can_be_the_id() -> None:
    assert ask(resolver(claim="email"), GOOD) == "ann@example.org"


def test_a_request_without_the_header_is_anonymous() -> None:
    assert ask(resolver()) is None
    assert ask(resolver(), "") is None


def test_a_second_header_is_refused() -> None:
    assert ask(resolver(), GOOD, GOOD) is UntrustedHeader
    scope = http_scope(headers=[(HEADER.replace("-", "_").encode(), GOOD.encode())])
    with pytest.raises(UntrustedHeader, match="underscores"):
        resolver()(scope)


def by_hmac(secret: bytes, algorithm: str = "HS256") -> str:
    """Return a token that is signed with the public key as if it were a shared secret."""
    text = signed(EC_KEY, HEAD | {"alg": algorithm}, CLAIMS).rpartition(".")[0]
    return text + "." + encoded(hmac.digest(secret, text.encode(), hashlib.sha256))


OTHER_ALGORITHMS: dict[str, str] = {
    "none": signed(EC_KEY, HEAD | {"alg": "none"}, CLAIMS).rpartition(".")[0] + ".",
    "none with a signature": signed(EC_KEY, HEAD | {"alg": "none"}, CLAIMS),
    "HS256 over the public key": by_hmac(pem(EC_KEY).encode()),
    "ES256 by name, HMAC in fact": by_hmac(pem(EC_KEY).encode(), "ES256"),
    "RS256": signed(RSA_KEY, HEAD | {"alg": "RS256"}, CLAIMS),
    "lower case": signed(EC_KEY, HEAD | {"alg": "es256"}, CLAIMS),
    "no algorithm": signed(EC_KEY, without(HEAD, "alg"), CLAIMS),
    "critical extension": signed(EC_KEY, HEAD | {"crit": ["b64"], "b64": False}, CLAIMS),
    "a key in the header": signed(OTHER_EC_KEY, HEAD | {"jwk": jwk(OTHER_EC_KEY, "k1")}, CLAIMS),
}


@pytest.mark.parametrize("case", OTHER_ALGORITHMS)
def test_another_algorithm_is_refused(case: str) -> None:
    assert ask(resolver(), OTHER_ALGORITHMS[case]) is BadAssertion


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": CLAIMS | {"iss": "https://evil.example"},
    "a longer issuer": CLAIMS | {"iss": ISSUER + "/"},
    "several issuers": CLAIMS | {"iss": [ISSUER]},
    "no issuer": without(CLAIMS, "iss"),
    "another audience": CLAIMS | {"aud": "/projects/2/apps/shop"},
    "other audiences": CLAIMS | {"aud": ["/projects/2/apps/shop"]},
    "an audience that begins alike": CLAIMS | {"aud": AUDIENCE + "2"},
    "no audience": without(CLAIMS, "aud"),
    "an odd audience": CLAIMS | {"aud": {AUDIENCE: 1}},
    "an odd audience in a list": CLAIMS | {"aud": [[AUDIENCE]]},
    "no end": without(CLAIMS, "exp"),
    "an end as text": CLAIMS | {"exp": str(NOW + 540)},
    "an end that is true": CLAIMS | {"exp": True},
    "ended": CLAIMS | {"exp": NOW - 30},
    "issued later": CLAIMS | {"iat": NOW + 31},
    "begins later": CLAIMS | {"nbf": NOW + 31},
    "no user": without(CLAIMS, "sub"),
    "an empty user": CLAIMS | {"sub": ""},
    "a user that is no text": CLAIMS | {"sub": 7},
}


@pytest.mark.parametrize("case", BAD_CLAIMS)
def test_wrong_claims_are_refused(case: str) -> None:
    assert ask(resolver(), signed(EC_KEY, HEAD, BAD_CLAIMS[case])) is BadAssertion


def test_clocks_may_differ_by_the_leeway() -> None:
    for claims in ({"exp": NOW - 29.5}, {"nbf": NOW + 30}, {"iat": NOW + 30}):
        token = signed(EC_KEY, HEAD, CLAIMS | claims)
        assert ask(resolver(), token) == SUB
        assert ask(resolver(leeway=0), token) is BadAssertion


UNREADABLE: dict[str, str] = {
    "no parts": "x",
    "two parts": GOOD.rpartition(".")[0],
    "four parts": GOOD + ".x",
    "padded": signed(EC_KEY, HEAD, CLAIMS, padded=True),
    "no JSON": signed(EC_KEY, HEAD, "{"),
    "a list": signed(EC_KEY, HEAD, "[]"),
    "an entry twice": signed(EC_KEY, HEAD, '{"sub":"a","sub":"b"}'),
    "another signature": GOOD[:-6] + "AAAAAA",
    "by another key": signed(OTHER_EC_KEY, HEAD, CLAIMS),
    "not ASCII": GOOD + "\xe9",
    "with a space": GOOD + " ",
    "too long": signed(EC_KEY, HEAD, CLAIMS | {"more": "x" * 16_384}),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_changed_or_malformed_token_is_refused(case: str) -> None:
    assert ask(resolver(), UNREADABLE[case]) is BadAssertion


# Keys


KEYS: dict[str, Callable[[], Any]] = {
    "PEM": lambda: pem(EC_KEY),
    "PEM as bytes": lambda: pem(EC_KEY).encode(),
    "a PublicKey": lambda: PublicKey(pem(EC_KEY)),
    "PEM by kid": lambda: {"k1": pem(EC_KEY), "k2": pem(OTHER_EC_KEY)},
    "JWK by kid": lambda: {"k1": jwk(EC_KEY, "k1")},
    "a JWK set": lambda: {
        "keys": [
            jwk(RSA_KEY, "r1"),
            jwk(OTHER_EC_KEY, "e1", use="enc"),
            {"kty": "oct", "kid": "o1", "k": "c2VjcmV0"},
            {"kty": "EC", "crv": "P-384", "kid": "p1", "x": "AA", "y": "AA"},
            jwk(OTHER_EC_KEY, "x1", alg="ES384"),
            jwk(OTHER_EC_KEY, "x2", key_ops=["sign"]),
            "no key at all",
            jwk(EC_KEY, "k1", alg="ES256", use="sig", key_ops=["verify"]),
        ],
        "public_cert": {"kid": "k1", "cert": "…"},
    },
    "a function": lambda: {"k1": pem(EC_KEY)}.get,
    "a function that gives a JWK": lambda: {"k1": jwk(EC_KEY, None)}.get,
}


@pytest.mark.parametrize("case", KEYS)
def test_keys_can_have_many_forms(case: str) -> None:
    assert ask(resolver(keys=KEYS[case]()), GOOD) == SUB
    assert ask(resolver(keys=KEYS[case]()), signed(OTHER_EC_KEY, HEAD, CLAIMS)) is BadAssertion


@pytest.mark.parametrize("case", [case for case in KEYS if isinstance(KEYS[case](), dict)])
def test_an_unknown_kid_is_refused(case: str) -> None:
    resolve = resolver(keys=KEYS[case]())
    for head in (HEAD | {"kid": "k9"}, HEAD | {"kid": ["k1"]}, without(HEAD, "kid")):
        assert ask(resolve, signed(EC_KEY, head, CLAIMS)) is BadAssertion


def test_a_function_of_keys_may_return_none() -> None:
    assert ask(resolver(keys=lambda kid: None), GOOD) is BadAssertion


def test_an_exception_of_a_function_of_keys_is_passed_on() -> None:
    def keys(kid: str) -> str:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        ask(resolver(keys=keys), GOOD)
    with pytest.raises(ConfigurationError, match="ES256 needs"):
        ask(resolver(keys=lambda kid: pem(RSA_KEY)), GOOD)


def test_a_function_of_keys_gets_only_kids_that_fit_into_a_path() -> None:
    asked: list[str] = []

    def keys(kid: str) -> str:
        asked.append(kid)
        return pem(EC_KEY)

    for kid in ("../admin", "a/b", "a?b", "", "x" * 129, "..", "a\nb", 7, None):
        assert ask(resolver(keys=keys), signed(EC_KEY, HEAD | {"kid": kid}, CLAIMS)) is BadAssertion
    assert asked == []
    assert ask(resolver(keys=keys), GOOD) == SUB


def test_rsa_keys_verify_what_cloudflare_signs() -> None:
    token = signed(RSA_KEY, HEAD | {"alg": "RS256"}, CLAIMS)
    for keys in (pem(RSA_KEY), {"keys": [jwk(EC_KEY, "k2"), jwk(RSA_KEY, "k1", alg="RS256")]}):
        assert ask(resolver(keys=keys, algorithm="RS256"), token) == SUB
        assert ask(resolver(keys=keys, algorithm="RS256"), GOOD) is BadAssertion


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "HS256": ({"algorithm": "HS256"}, "RS256 or ES256"),
    "none": ({"algorithm": "none"}, "RS256 or ES256"),
    "several algorithms": ({"algorithm": ["ES256", "none"]}, "RS256 or ES256"),
    "an empty issuer": ({"issuer": ""}, "issuer="),
    "no audience": ({"audience": None}, "audience="),
    "an empty audience": ({"audience": []}, "audience="),
    "an empty text as audience": ({"audience": ["a", ""]}, "audience="),
    "no claim": ({"claim": ""}, "claim="),
    "an odd email": ({"email": True}, "email="),
    "negative leeway": ({"leeway": -1}, "leeway="),
    "long leeway": ({"leeway": 301}, "leeway="),
    "leeway as text": ({"leeway": "30"}, "leeway="),
    "no key": ({"keys": {}}, "no key"),
    "an empty set": ({"keys": {"keys": []}}, "no key"),
    "a set without kids": ({"keys": {"keys": [jwk(EC_KEY, None)]}}, "no key"),
    "a kid twice": (
        {"keys": {"keys": [jwk(EC_KEY, "k1"), jwk(OTHER_EC_KEY, "k1")]}},
        "two keys",
    ),
    "another kind of key": ({"keys": pem(RSA_KEY)}, "ES256 needs"),
    "another kind of key by kid": ({"keys": {"k1": jwk(RSA_KEY, "k1")}}, "ES256"),
    "a key for other tokens": ({"keys": {"k1": jwk(EC_KEY, "k1", alg="ES384")}}, "verifies ES256"),
    "a key to encrypt": ({"keys": {"k1": jwk(EC_KEY, "k1", use="enc")}}, "verifies ES256"),
    "odd key_ops": ({"keys": {"k1": jwk(EC_KEY, "k1", key_ops=7)}}, "verifies ES256"),
    "a shared secret": ({"keys": {"k1": {"kty": "oct", "k": "c2Vj"}}}, "verifies ES256"),
    "no PEM": ({"keys": "secret"}, "PEM"),
    "a number": ({"keys": 7}, "keys="),
    "a number by kid": ({"keys": {"k1": 7}}, "keys="),
    "a private key": ({"keys": {"k1": jwk(EC_KEY, "k1", d="AA")}}, "private"),
    "a broken JWK": ({"keys": {"k1": {"kty": "EC", "crv": "P-256", "x": "A"}}}, "a key of keys="),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_an_invalid_argument_is_refused_at_construction(case: str) -> None:
    changes, message = MISTAKES[case]
    with pytest.raises(ConfigurationError, match=message):
        resolver(**changes)


def test_keys_must_not_be_a_coroutine_function() -> None:
    async def keys(kid: str) -> str:
        return pem(EC_KEY)

    with pytest.raises(ConfigurationError, match="not async"):
        resolver(keys=keys)


@pytest.mark.parametrize("library", ["jwt", "cryptography"])
def test_a_missing_library_is_an_error_at_construction(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    for keys in (pem(EC_KEY), {"k1": jwk(EC_KEY, "k1")}, lambda kid: None):
        with pytest.raises(ConfigurationError, match=rf"{library}: pip install 'countermark\[jwt"):
            resolver(keys=keys)


def test_the_default_clock_is_the_current_time() -> None:
    token = signed(EC_KEY, HEAD, CLAIMS | {"exp": 4e9, "iat": 1.0})
    resolve = from_signed_header(
        HEADER, keys=pem(EC_KEY), algorithm="ES256", issuer=ISSUER, audience=AUDIENCE
    )
    assert ask(resolve, token) == SUB
    assert ask(resolve, signed(EC_KEY, HEAD, CLAIMS | {"exp": 2.0, "iat": 1.0})) is BadAssertion

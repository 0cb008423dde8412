"""The principal by what an AWS load balancer signs."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import ConfigurationError, Principal
from countermark.resolvers import BadAssertion, from_aws_header
from tests.drivers import http_scope
from tests.resolvers.assertions import EC_KEY, NOW, OTHER_EC_KEY, jwk, pem, signed, without

KID = "12345678-1234-1234-1234-123456789012"
ARN = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/shop/50dc6c495c0c9188"
ISSUER, CLIENT = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a", "client-1"
HEAD: dict[str, Any] = {
    "typ": "JWT",
    "kid": KID,
    "alg": "ES256",
    "iss": ISSUER,
    "client": CLIENT,
    "signer": ARN,
    "exp": NOW + 120,
}
CLAIMS: dict[str, Any] = {
    "sub": "user-1",
    "email": "ann@example.org",
    "exp": NOW + 120,
    "iss": ISSUER,
}


def resolver(**changes: Any) -> Any:
    options: dict[str, Any] = {
        "keys": {KID: pem(EC_KEY)},
        "issuer": ISSUER,
        "client": CLIENT,
        "signer": ARN,
        "clock": lambda: NOW,
    }
    return from_aws_header(**(options | changes))


def ask(resolve: Any, token: str) -> Any:
    found = []
    for source in (
        http_scope(headers=[(b"x-amzn-oidc-data", token.encode())]),
        {"REQUEST_METHOD": "GET", "HTTP_X_AMZN_OIDC_DATA": token},
    ):
        try:
            found.append(resolve(source))
        except BadAssertion as error:
            found.append(type(error))
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize("padded", [True, False], ids=["padded", "without padding"])
def test_a_valid_assertion_identifies_the_user(padded: bool) -> None:
    token = signed(EC_KEY, HEAD, CLAIMS, padded=padded)
    assert ask(resolver(), token) == "user-1"
    assert ask(resolver(signer=["arn:aws:other", ARN]), token) == "user-1"
    assert ask(resolver(email="email"), token) == Principal("user-1", email="ann@example.org")
    assert ask(resolver(claim="email"), token) == "ann@example.org"
    assert ask(resolver(keys={KID: pem(EC_KEY)}.get), token) == "user-1"


def test_a_request_without_the_header_is_anonymous() -> None:
    assert resolver()(http_scope()) is None
    assert resolver()({"REQUEST_METHOD": "GET"}) is None


def test_the_claims_need_no_issuer_and_no_expiry() -> None:
    token = signed(EC_KEY, HEAD, {"sub": "user-1"}, padded=True)
    assert ask(resolver(), token) == "user-1"


BAD: dict[str, str] = {
    "another load balancer": signed(EC_KEY, HEAD | {"signer": ARN[:-1] + "9"}, CLAIMS, padded=True),
    "a longer name": signed(EC_KEY, HEAD | {"signer": ARN + "9"}, CLAIMS, padded=True),
    "no signer": signed(EC_KEY, without(HEAD, "signer"), CLAIMS, padded=True),
    "a list of signers": signed(EC_KEY, HEAD | {"signer": [ARN]}, CLAIMS, padded=True),
    "the signer among the claims": signed(
        EC_KEY, without(HEAD, "signer"), CLAIMS | {"signer": ARN}, padded=True
    ),
    "another client": signed(EC_KEY, HEAD | {"client": "client-2"}, CLAIMS, padded=True),
    "no client": signed(EC_KEY, without(HEAD, "client"), CLAIMS, padded=True),
    "another issuer": signed(EC_KEY, HEAD | {"iss": ISSUER + "b"}, CLAIMS, padded=True),
    "no issuer": signed(EC_KEY, without(HEAD, "iss"), CLAIMS, padded=True),
    "two issuers": signed(EC_KEY, HEAD, CLAIMS | {"iss": ISSUER + "b"}, padded=True),
    "ended": signed(EC_KEY, HEAD | {"exp": NOW - 30}, CLAIMS, padded=True),
    "no end": signed(EC_KEY, without(HEAD, "exp"), CLAIMS, padded=True),
    "an end as text": signed(EC_KEY, HEAD | {"exp": "expiration"}, CLAIMS, padded=True),
    "claims that ended": signed(EC_KEY, HEAD, CLAIMS | {"exp": NOW - 30}, padded=True),
    "claims of later": signed(EC_KEY, HEAD, CLAIMS | {"nbf": NOW + 60}, padded=True),
    "another algorithm": signed(EC_KEY, HEAD | {"alg": "none"}, CLAIMS, padded=True),
    "another key": signed(OTHER_EC_KEY, HEAD, CLAIMS, padded=True),
    "another kid": signed(EC_KEY, HEAD | {"kid": "k"}, CLAIMS, padded=True),
    "padding cut off": signed(EC_KEY, HEAD | {"n": 1}, CLAIMS, padded=True).replace("=", ""),
    "padding added": signed(EC_KEY, HEAD, CLAIMS, padded=True) + "=",
    "no user": signed(EC_KEY, HEAD, without(CLAIMS, "sub"), padded=True),
}


@pytest.mark.parametrize("case", BAD)
def test_any_other_assertion_is_refused(case: str) -> None:
    """The padding is part of what is signed, unless the two parts before it need none."""
    assert ask(resolver(), BAD[case]) is BadAssertion


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signer": "my-load-balancer"}, "ARN"),
        ({"signer": []}, "signer="),
        ({"client": ""}, "client="),
        ({"issuer": None}, "issuer="),
        ({"keys": {}}, "no key"),
        ({"keys": {KID: jwk(EC_KEY, KID, d="AA")}}, "private"),
    ],
    ids=str,
)
def test_an_invalid_argument_is_refused_at_construction(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        resolver(**changes)

"""Verifiers, tokens and helpers for the tests of Verifier."""

from __future__ import annotations

import base64
import hmac
import warnings
from typing import Any

import pytest

from countermark import (
    AmbiguousSchemeWarning,
    BadToken,
    Keyring,
    Principal,
    Scheme,
    Signer,
    Verifier,
)
from countermark.errors import REFUSALS
from tests.samples import ANN, NOW, SECRET, private_key

OLD, NEW, FOREIGN = (
    f"{name}-secret-of-the-tests-with-enough-bytes" for name in ("old", "new", "x")
)

#: What these sign cannot be read from their tokens, so a token alone cannot be verified.
CANNOT = {
    "ably",
    "algolia",
    "fastcomments",
    "friendbuy",
    "hyvor-talk",
    "looker",
    "loyaltylion",
    "productfruits",
    "segops",
    "sprinklr",
    "typesense",
    "unchurn",
    "userhero",
}
#: These say when they were made, and have no end of their own.
DATED = {"chameleon", "disqus"}


BOB = Principal(
    "user-2",
    email="bob@b.example",
    name="Bob",
    attributes={**ANN.attributes, "agent": "agent-8", "customer_id": "c2", "socket_id": "1.2"},
)


BOB_AT_B = Principal("user-2", email="bob@b", name="Bob")


def stigg(id: str, secret: str = NEW) -> str:
    return f"HMAC-SHA256 {id}:{hmac.digest(secret.encode(), id.encode(), 'sha256').hex()}"


def flow(id: str) -> str:
    return base64.b64encode(hmac.digest(NEW.encode(), id.encode(), "sha256")).decode()


URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

#: A service's own scheme: the token contains its principal and its expiry.
ACME = Scheme.from_mapping(
    {
        "slug": "acme",
        "mac": {"algorithm": "sha512", "message": "{id}.{expires:s}", "encoding": "base64url"},
        "token": {"template": "v1.{id}.{expires:s}.{mac}"},
        "lifetime": 60,
    }
)


def acme(id: str) -> str:
    return Signer(ACME, Keyring(NEW), clock=lambda: NOW).sign(id)


def code_of(verifier: Verifier, token: Any, *principal: Any) -> str:
    """Return why *token* is refused, both ways of asking agreeing."""
    examination = verifier.check(token, *principal)
    assert examination.identity is None
    with pytest.raises(BadToken) as refused:
        verifier.verify(token, *principal)
    assert refused.value.code == examination.code
    assert refused.value.code in REFUSALS
    return examination.code


def verifier_of(slug: str, **options: Any) -> Verifier:
    scheme = Scheme.load(slug)
    algorithm = scheme.jwt.algorithm if scheme.jwt else ""
    key = private_key(algorithm)[0] if algorithm[:2] in {"RS", "ES"} else SECRET
    given: dict[str, Any] = {
        "settings": {name: f"the-{name}" for name in scheme.settings},
        "clock": lambda: NOW,
    }
    if slug in DATED:
        given["max_age"] = 60
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AmbiguousSchemeWarning)
        return Verifier(scheme, Keyring(key), **given | options)

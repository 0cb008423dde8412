"""The mistake that leads to a refused signature of a private key is named."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from countermark import Keyring
from countermark.explain import Explanation, explain_webhook
from countermark.webhooks._scheme import WebhookScheme
from tests.webhooks.planted import BODY, COMPACT
from tests.webhooks.public_keys import ALGORITHMS, public_key, sign

EACH = pytest.mark.parametrize("algorithm", ALGORITHMS)
AT = "1700000000"


def explained(
    algorithm: str, value: str, *, body: bytes = BODY, number: int = 0, at: str = AT
) -> Explanation:
    scheme = WebhookScheme.from_mapping(
        {
            "slug": "acme",
            "kind": "public-key",
            "secret": {"form": "spki"},
            "signature": {
                "header": "X-Acme",
                "algorithm": algorithm,
                "encoding": "base64",
                "prefix": "v1a,",
                "separator": " ",
                "message": "{timestamp}.{body}",
            },
            "timestamp": {"header": "X-Time", "tolerance": 60},
        }
    )
    ring = Keyring(public_key(algorithm, number=number))
    headers = {"X-Acme": value, "X-Time": at}
    return explain_webhook(scheme, ring, headers=headers, body=body, clock=lambda: int(AT))


def value(algorithm: str, *, before: str = f"{AT}.") -> str:
    return "v1a," + b64encode(sign(algorithm, before.encode() + BODY)).decode()


@EACH
def test_a_valid_delivery_is_confirmed(algorithm: str) -> None:
    assert explained(algorithm, value(algorithm)).outcome == "good"


@EACH
def test_a_planted_mistake_in_a_delivery_is_named(algorithm: str) -> None:
    own = value(algorithm)
    in_hex = "v1a," + b64decode(own[4:]).hex()
    for header, body, codes in [
        (own, COMPACT, ("body_json",)),
        (own, BODY + b"\n", ("body_white_space",)),
        (value(algorithm, before=""), BODY, ("signed_parts",)),
        (value(algorithm, before=f"{AT}|"), BODY, ("signed_parts",)),
        (own.removeprefix("v1a,"), BODY, ("header_prefix",)),
        (in_hex, BODY, ("code_encoding",)),
        (in_hex, COMPACT, ("body_json", "code_encoding")),
    ]:
        found = explained(algorithm, header, body=body)
        assert (found.outcome, found.codes) == ("explained", codes)
        assert found.signed is not None


@EACH
def test_another_public_key_is_a_remark(algorithm: str) -> None:
    found = explained(algorithm, value(algorithm), number=1)
    assert (found.outcome, found.codes) == ("unexplained", ())
    assert [one.code for one in found.remarks] == ["other_public_key"]
    found = explained(algorithm, "v1a,x", number=1)
    assert (found.outcome, found.remarks) == ("unexplained", ())


@EACH
def test_signatures_of_another_version_alone_are_named(algorithm: str) -> None:
    for header in ("v1,AAAA", "v1,AAAA v2,v1a,AAAA", "AAAA"):
        found = explained(algorithm, header)
        assert (found.outcome, found.codes) == ("explained", ("other_version",))
    assert explained(algorithm, "v1,AAAA v1a,AAAA").codes == ()


def test_a_signature_that_is_not_in_der_is_named() -> None:
    own = value("ecdsa-p256-sha256")
    r, s = decode_dss_signature(b64decode(own[4:]))
    bare = "v1a," + b64encode(r.to_bytes(32) + s.to_bytes(32)).decode()
    assert explained("ecdsa-p256-sha256", bare).codes == ("signature_not_der",)


@EACH
def test_three_mistakes_and_long_bodies_are_not_explained(algorithm: str) -> None:
    in_hex = b64decode(value(algorithm, before="")[4:]).hex()
    assert explained(algorithm, f"v1a,{in_hex}", body=COMPACT).outcome == "unexplained"
    body = json.dumps([{"name": "Zoe", "number": n} for n in range(30_000)]).encode()
    assert explained(algorithm, "v1a," + "A" * 86 + "==", body=body).outcome == "unexplained"

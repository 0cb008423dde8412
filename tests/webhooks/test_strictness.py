"""Times, signatures and ids have one valid spelling and one value."""

from __future__ import annotations

import json

import pytest

from countermark import (
    Keyring,
    SecretKey,
)
from tests.webhooks.outcomes import OTHER, code
from tests.webhooks.samples import (
    NOW,
    PROOF,
    SCHEMES,
    SECRET,
    github,
    sent,
    standard,
    stigg,
    verifier,
)


@pytest.mark.parametrize(("scheme", "tolerance"), [("standard-webhooks", 300), ("cognito", 900)])
def test_the_signed_time_is_checked_in_both_directions(scheme: str, tolerance: int) -> None:
    good = verifier(scheme)
    assert good.tolerance == tolerance
    expected = {
        -tolerance - 1: "expired", -tolerance: "verified", 0: "verified",
        tolerance: "verified", tolerance + 1: "not_yet_valid",
    }  # fmt: skip
    assert {age: code(good, sent(scheme, at=NOW + age)) for age in expected} == expected
    narrow = verifier(scheme, tolerance=1.5)
    assert code(narrow, sent(scheme, at=NOW - 1)) == "verified"
    assert code(narrow, sent(scheme, at=NOW - 2)) == "expired"


@pytest.mark.parametrize("scheme", ["standard-webhooks", "cognito"])
def test_an_old_forged_delivery_is_a_mismatch(scheme: str) -> None:
    old = sent(scheme, at=NOW - 9999)
    assert code(verifier(scheme, Keyring(OTHER[scheme])), old) == "mismatch"


@pytest.mark.parametrize(
    "time",
    ["", "-1", "+1700000000", "1700000000.0", "01700000000", "1_700_000_000", "0x1", "1e9",
     "١٧٠٠٠٠٠٠٠٠", "1700000000000000", " ", "nan"],
)  # fmt: skip
def test_a_time_is_a_decimal_number_of_seconds(time: str) -> None:
    assert code(verifier("standard-webhooks"), standard().having(webhook_timestamp=time)) == (
        "malformed"
    )


def flipped(text: str) -> list[str]:
    """Return *text* with each of its bits flipped, as far as that is a header still."""
    data = text.encode()
    found = []
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            found.append(bytes(changed).decode("latin-1"))
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_flipped_bit_of_a_signature_is_refused(scheme: str) -> None:
    name = PROOF[scheme].lower().replace("-", "_")
    delivery, good = sent(scheme), verifier(scheme)
    for text in flipped(delivery.headers[PROOF[scheme]]):
        found = code(good, delivery.having(**{name: text}))
        # Case is free in the names of the parameters, the algorithm and the scheme.
        same = text.lower() == delivery.headers[PROOF[scheme]].lower()
        allowed = {"verified", "malformed"} if scheme == "cognito" and same else set()
        assert found != "verified" or found in allowed, text


@pytest.mark.parametrize("scheme", ["cognito", "github", "standard-webhooks"])
def test_each_flipped_bit_of_the_body_is_refused(scheme: str) -> None:
    delivery, good = sent(scheme), verifier(scheme)
    for place in range(len(delivery.body)):
        body = bytearray(delivery.body)
        body[place] ^= 1
        assert code(good, delivery, body=bytes(body)) in ("mismatch", "digest_mismatch")
    for body_ in (b"", delivery.body + b"\n", delivery.body[:-1]):
        assert code(good, delivery, body=body_) in ("mismatch", "digest_mismatch")


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def test_base64_has_one_spelling() -> None:
    good = verifier("standard-webhooks")
    own = standard().headers["webhook-signature"]
    spare = own[:-2] + ALPHABET[ALPHABET.index(own[-2]) ^ 1] + "="
    assert len(spare) == len(own)
    others = [
        spare, own.rstrip("="), own + "=", own + "!!!", f"{own[:9]}\n{own[9:]}", own[:9] + " ",
        f"{own[:9]} {own[9:]}", own.replace("+", "-").replace("/", "_") + "-", "v1," + "é" * 44,
        "v1,", "v1", "", f"{own}  {own}", f"V1,{own[3:]}",
    ]  # fmt: skip
    for text in others:
        found = code(good, standard().having(webhook_signature=text))
        assert found == "malformed", text


def test_hexadecimal_is_lower_case() -> None:
    own = github().headers["X-Hub-Signature-256"].removeprefix("sha256=")
    for text in (own, f"sha256={own.upper()}", f"SHA256={own}", f"sha1={own[:40]}",
                 f"sha256={own[:-1]}", f"sha256= {own}", f"sha256={own}0"):  # fmt: skip
        found = code(verifier("github"), github().having(x_hub_signature_256=text))
        assert found == "malformed", text


def test_an_id_cannot_contain_the_separator() -> None:
    # "a.1" + "." + "5" and "a" + "." + "1.5" are the same text; the signature is of both.
    body = b'1700000000.{"a":1}'
    good = verifier("standard-webhooks")
    delivery = standard(body=body, delivery="evt-1")
    assert code(good, delivery) == "verified"
    moved = delivery.having(webhook_id="evt-1.1700000000")._replace(body=body[11:])
    assert moved.headers["webhook-signature"] == delivery.headers["webhook-signature"]
    assert code(good, moved) == "malformed"


@pytest.mark.parametrize("an_id", ["", "a b", "é", "a\n", "x" * 513, "a.b"])
def test_a_signed_id_is_short_visible_ascii(an_id: str) -> None:
    found = code(verifier("standard-webhooks"), standard().having(webhook_id=an_id))
    assert found == "malformed"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_second_value_or_spelling_is_ambiguous(scheme: str) -> None:
    delivery, good = sent(scheme), verifier(scheme)
    for name, value in delivery.headers.items():
        pairs = list(delivery.headers.items())
        without = [pair for pair in pairs if pair[0] != name]
        underscored = name.replace("-", "_")
        for more in ([(name, value)], [(name.upper(), "x")], [(name.swapcase(), "")]):
            for headers in (pairs + more, more + pairs):
                assert code(good, delivery, headers=headers) == "ambiguous", name
        if underscored != name:
            both = [*pairs, (underscored, value)]
            assert code(good, delivery, headers=both) == "ambiguous"
            assert code(good, delivery, headers=[*without, (underscored, value)]) == "ambiguous"
        for joined in (f"{value},{value}", f"{value}, {value}", f"{value},x"):
            headers = [*without, (name, joined)]
            found = code(good, delivery, headers=headers)
            assert found in ("ambiguous", "malformed"), joined
            if joined != f"{value},x":
                assert found == "ambiguous", joined


def test_a_secret_may_contain_a_comma() -> None:
    secret = f"{SECRET},{SECRET}"
    assert code(verifier("stigg", Keyring(secret)), stigg(secret=secret)) == "verified"
    ended = Keyring(SECRET, previous=SecretKey(secret, until=NOW))
    assert code(verifier("stigg", ended), stigg(secret=secret)) == "retired_key"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_missing_header_is_refused(scheme: str) -> None:
    delivery, good = sent(scheme), verifier(scheme)
    for name in delivery.headers:
        expected = "verified" if name == "X-GitHub-Delivery" else "missing"
        found = code(good, delivery.having(**{name.lower().replace("-", "_"): None}))
        assert found == expected, name
    assert code(good, delivery, headers={}) == "missing"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"messageId":"evt-1"}', "evt-1"),
        (b'{"messageId":1}', "1"),
        (b'{"messageId":1.5}', None),
        (b'{"messageId":true}', None),
        (b'{"messageId":null}', None),
        (b'{"messageId":["evt-1"]}', None),
        (b'{"messageId":""}', None),
        (b'{"other":"evt-1"}', None),
        (b'["messageId"]', None),
        (b"not JSON", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"[" * 65536, None),
        (b"1" * 65536, None),
    ],
)
def test_the_id_in_a_json_body_is_found(body: bytes, expected: str | None) -> None:
    verified = verifier("stigg").verify(headers=stigg().headers, body=body)
    assert verified.delivery_id == expected


@pytest.mark.parametrize("an_id", ["\ud800", "a b", "é", "x" * 513])
def test_an_unsigned_id_may_be_any_text(an_id: str) -> None:
    body = json.dumps({"messageId": an_id}).encode()
    assert verifier("stigg").verify(headers=stigg().headers, body=body).delivery_id == an_id
    named = github().having(x_github_delivery=an_id)
    assert verifier("github").verify(**named._asdict()).delivery_id == an_id
    empty = github().having(x_github_delivery="")
    assert verifier("github").verify(**empty._asdict()).delivery_id is None

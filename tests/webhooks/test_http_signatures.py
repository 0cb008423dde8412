"""HTTP signatures: the scheme specifies what must be signed, and the header chooses a key."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from countermark import BadWebhook, Keyring
from countermark.webhooks import WebhookScheme, WebhookVerifier
from tests.webhooks.samples import (
    BODY,
    COVERED,
    KEY_ID,
    NOW,
    SECRET,
    Delivery,
    base64,
    cognito,
    mac,
    verifier,
)

GOOD = verifier("cognito")
PARAMETERS = cognito().headers["Authorization"].removeprefix("Signature ").split(",")


def code(delivery: Delivery, a_verifier: WebhookVerifier = GOOD, **changes: Any) -> str:
    try:
        a_verifier.verify(**{**delivery._asdict(), **changes})
    except BadWebhook as error:
        return error.code
    return "verified"


def authorized(text: str) -> str:
    return code(cognito().having(authorization=text))


# What is signed


def test_a_change_of_any_signed_part_is_refused() -> None:
    delivery = cognito()
    assert code(delivery) == "verified"
    assert code(delivery, method="PUT") == "mismatch"
    assert code(delivery, method="post") == "verified"  # it is signed in lower case
    for path in (
        "/hooks",
        "/hooks?x=2",
        "/hooks?x=1&y",
        "/Hooks?x=1",
        "/hooks/?x=1",
        "",
        "/%68ooks",
    ):
        assert code(delivery, path=path) == "mismatch", path
    assert code(delivery.having(date=cognito(at=NOW + 1).headers["Date"])) == "mismatch"
    other = cognito(body=b"{}")
    assert code(delivery.having(digest=other.headers["Digest"])) == "mismatch"
    # A body with its own good digest, under the signature of another.
    assert code(delivery.having(digest=other.headers["Digest"]), body=b"{}") == "mismatch"


def test_a_body_that_does_not_match_the_signed_digest_is_refused() -> None:
    assert code(cognito(), body=b"{}") == "digest_mismatch"
    assert code(cognito(), body=BODY + b" ") == "digest_mismatch"
    assert code(cognito(body=b""), body=b"") == "verified"


@pytest.mark.parametrize(
    "covered",
    ["date digest", "(request-target) date", "(request-target) digest", "date", "(request-target)",
     "digest", "", " ", f"{COVERED} {COVERED}", f"{COVERED} date", f"{COVERED} ", f" {COVERED}",
     "(request-target)  date digest", "(request-target)\tdate\tdigest", f"{COVERED} (created)",
     f"{COVERED} (expires)", f"{COVERED} :authority"],
)  # fmt: skip
def test_the_scheme_specifies_what_must_be_signed(covered: str) -> None:
    assert code(cognito(covered=covered)) == "malformed"


def test_headers_may_be_signed_in_any_order() -> None:
    assert code(cognito(covered="digest (request-target) date")) == "verified"
    assert code(cognito(covered="(request-target) Date DIGEST")) == "verified"


def with_host(host: str) -> Delivery:
    """Return a delivery whose host is signed too."""
    plain = cognito()
    lines = [f"(request-target): post {plain.path}", f"date: {plain.headers['Date']}"]
    lines += [f"digest: {plain.headers['Digest']}", f"host: {host}"]
    signature = base64(mac(SECRET.encode(), "\n".join(lines).encode()))
    signed = cognito(headers=f"{COVERED} host", signature=signature)
    return signed._replace(headers={**signed.headers, "Host": "a.example"})


def test_additional_signed_headers_are_verified_too() -> None:
    assert code(with_host("a.example")) == "verified"
    assert code(with_host("b.example")) == "mismatch"
    assert code(with_host("a.example").having(host=None)) == "missing"
    pairs = [*with_host("a.example").headers.items(), ("host", "a.example")]
    assert code(with_host("a.example"), headers=pairs) == "ambiguous"
    assert code(with_host("a.example").having(host="é")) == "malformed"


@pytest.mark.parametrize("path", ["/a\nb", "/é", "/a\r", "\ud800", "/\x7f"])
def test_a_path_with_a_line_break_is_malformed(path: str) -> None:
    assert code(cognito(), path=path) == "malformed"
    assert code(cognito(), method=path) == "malformed"


# Which key


def test_the_key_id_chooses_one_of_the_configured_keys() -> None:
    two = WebhookVerifier(
        "cognito",
        {KEY_ID: Keyring(SECRET), "other": Keyring("another-" + SECRET)},
        clock=lambda: NOW,
    )
    assert code(cognito(), two) == "verified"
    assert code(cognito(key_id="other", secret="another-" + SECRET), two) == "verified"
    assert code(cognito(key_id="other"), two) == "mismatch"
    assert code(cognito(secret="another-" + SECRET), two) == "mismatch"
    for key_id in ("", "nobody", "é", SECRET, KEY_ID.upper(), f"{KEY_ID} ", "../other"):
        assert code(cognito(key_id=key_id, secret=key_id), two) == "unknown_key", key_id


@pytest.mark.parametrize(
    "algorithm",
    ["hs2019", "hmac-sha512", "hmac-sha1", "rsa-sha256", "none", "", "HMAC-SHA256", "hmac-sha256 "],
)
def test_the_header_cannot_choose_the_algorithm(algorithm: str) -> None:
    assert code(cognito(algorithm=algorithm)) == "malformed"


def test_the_algorithm_parameter_is_optional() -> None:
    named = [text for text in PARAMETERS if not text.startswith("algorithm")]
    assert authorized("Signature " + ",".join(named)) == "verified"


def test_a_scheme_may_use_sha512_and_cover_more_headers() -> None:
    scheme = WebhookScheme.from_mapping(
        {
            "slug": "own",
            "kind": "http-signature",
            "secret": {"key_id_variable": "OWN_KEY"},
            "signature": {"algorithm": "hmac-sha512", "covers": [*COVERED.split(), "host"]},
            "timestamp": {"tolerance": 60},
        }
    )
    own = WebhookVerifier(scheme, {KEY_ID: Keyring(SECRET)}, clock=lambda: NOW)
    assert code(with_host("a.example"), own) == "malformed"
    short = cognito(algorithm="hmac-sha512")
    assert code(short, own) == "malformed"
    plain = with_host("a.example")
    lines = [f"(request-target): post {plain.path}", f"date: {plain.headers['Date']}"]
    lines += [f"digest: {plain.headers['Digest']}", "host: a.example"]
    signature = base64(hmac.digest(SECRET.encode(), "\n".join(lines).encode(), hashlib.sha512))
    long = cognito(algorithm="hmac-sha512", headers=f"{COVERED} host", signature=signature)
    long = long._replace(headers={**long.headers, "Host": "a.example"})
    found = own.verify(**long._asdict())
    assert (found.delivery_id, found.timestamp) == (None, NOW)


# How it is written


def test_parameters_come_in_any_order_and_with_white_space_around_commas() -> None:
    assert authorized("Signature " + ",".join(reversed(PARAMETERS))) == "verified"
    assert authorized("Signature   " + " ,\t ".join(PARAMETERS)) == "verified"
    spaced = [text.replace("=", " =\t", 1) for text in PARAMETERS]
    assert authorized("sIGNATURE " + ", ".join(spaced)) == "verified"
    spaced = [text.replace("=", "  \t=", 1) for text in PARAMETERS]
    assert authorized("Signature " + ",".join(spaced)) == "verified"
    shouted = [text.partition("=")[0].upper() + "=" + text.partition("=")[2] for text in PARAMETERS]
    assert authorized("Signature " + ",".join(shouted)) == "verified"


def test_a_repeated_parameter_is_ambiguous() -> None:
    for text in PARAMETERS:
        name, _, value = text.partition("=")
        for again in (text, f"{name.upper()}={value}", f'{name}="x"', f'{name}=""'):
            assert authorized("Signature " + ",".join([*PARAMETERS, again])) == "ambiguous"
            assert authorized("Signature " + ",".join([again, *PARAMETERS])) == "ambiguous"


def test_two_joined_headers_are_ambiguous() -> None:
    whole = "Signature " + ",".join(PARAMETERS)
    for joined in (f"{whole},{whole}", f"{whole}, {whole}", f"{whole},signature x"):
        assert authorized(joined) == "ambiguous"


def test_three_parameters_are_required_and_unknown_ones_are_malformed() -> None:
    for left_out in ("keyId", "headers", "signature"):
        some = [text for text in PARAMETERS if not text.startswith(left_out)]
        assert authorized("Signature " + ",".join(some)) == "malformed"
    for more in ('created="1"', 'expires="9999999999"', 'realm="a"', 'x=""'):
        assert authorized("Signature " + ",".join([*PARAMETERS, more])) == "malformed"


WHOLE = ",".join(PARAMETERS)


@pytest.mark.parametrize(
    "text",
    ["", "Signature", "Signature ", "Signature\t" + WHOLE, "Basic dXNlcg==", "Signature" + WHOLE,
     "Signatures " + WHOLE, WHOLE, f"Signature ,{WHOLE}", f"Signature {WHOLE},",
     f"Signature {WHOLE};", f"Signature {WHOLE} x", "Signature " + ",,".join(PARAMETERS),
     "Signature " + " ".join(PARAMETERS), "Signature " + WHOLE.replace("keyId", "\u212aeyId"),
     "\u017fignature " + WHOLE,
     "Signature " + WHOLE.replace('"', ""), "Signature " + WHOLE.replace('"', "'"),
     "Signature " + WHOLE[:-1], "Signature " + WHOLE.replace(KEY_ID, f'{KEY_ID}\\"'),
     "Signature " + WHOLE.replace("keyId", "key_Id"),
     "Signature " + WHOLE.replace(",", "\u00a0,"), "Signature " + WHOLE.replace(",", ";")],
)  # fmt: skip
def test_a_header_outside_the_grammar_is_malformed(text: str) -> None:
    assert authorized(text) == "malformed"


def test_the_signature_has_one_spelling() -> None:
    own = PARAMETERS[3].removeprefix('signature="').removesuffix('"')
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spare = own[:-2] + letters[letters.index(own[-2]) ^ 1] + "="
    for text in (spare, own[:-1], own + "=", f" {own}", own[:40], "", own + own):
        assert code(cognito(signature=text)) == "malformed", text


@pytest.mark.parametrize(
    "digest",
    ["", "SHA-256", "SHA-256=", "MD5=1B2M2Y8AsgTpgAmY7PhCfg==", "sha256={}", "SHA-256:{}",
     "SHA-256={}=", "SHA-256=={}", "SHA-256 ={}", "SHA-256= {}", "SHA-512={}"],
)  # fmt: skip
def test_the_digest_is_sha_256_in_base64(digest: str) -> None:
    own = cognito().headers["Digest"].removeprefix("SHA-256=")
    assert code(cognito().having(digest=digest.format(own))) == "malformed"


def test_two_digests_are_ambiguous() -> None:
    own = cognito().headers["Digest"]
    for text in (f"{own},MD5=x", f"MD5=x,{own}", f"{own}, {own}"):
        assert code(cognito().having(digest=text)) == "ambiguous"


def test_the_name_of_the_hash_is_case_insensitive() -> None:
    plain = cognito()
    digest = plain.headers["Digest"].replace("SHA", "sha")
    lines = f"(request-target): post {plain.path}\ndate: {plain.headers['Date']}\ndigest: {digest}"
    signed = cognito(signature=base64(mac(SECRET.encode(), lines.encode())))
    assert code(signed.having(digest=digest)) == "verified"


@pytest.mark.parametrize(
    "date",
    ["", "1700000000", "Tue, 14 Nov 2023 22:13:20", "Tue, 14 Nov 2023 22:13:20 UTC",
     "Tue, 14 Nov 2023 22:13:20 +0000", "Wed, 14 Nov 2023 22:13:20 GMT",
     "14 Nov 2023 22:13:20 GMT",
     "Tuesday, 14-Nov-23 22:13:20 GMT", "Tue Nov 14 22:13:20 2023", "tue, 14 nov 2023 22:13:20 gmt",
     "Tue, 14 Nov 2023 24:00:00 GMT", "Tue, 14 Nov 2023 22:13:60 GMT",
     "Thu, 31 Nov 2023 22:13:20 GMT",
     "Tue, 4 Nov 2023 22:13:20 GMT", "Tue,  14 Nov 2023 22:13:20 GMT", "2023-11-14T22:13:20Z",
     "Mon, 01 Jan 0000 00:00:00 GMT", "Tue, ١٤ Nov 2023 22:13:20 GMT",
     "Tue, 00 Nov 2023 22:13:20 GMT"],
)  # fmt: skip
def test_the_date_is_an_imf_fixdate(date: str) -> None:
    assert code(cognito().having(date=date)) == "malformed"


def test_two_joined_dates_are_ambiguous() -> None:
    date = cognito().headers["Date"]
    assert code(cognito().having(date=f"{date}, {date}")) == "ambiguous"

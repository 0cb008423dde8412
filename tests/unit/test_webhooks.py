"""A webhook is verified, or refused with a code; nothing else happens."""

from __future__ import annotations

import json
import traceback
import warnings
from typing import Any

import pytest

from countermark import (
    BadWebhook,
    ConfigurationError,
    InvalidKey,
    Keyring,
    SecretKey,
    WeakKeyWarning,
)
from countermark.webhooks import VerifiedWebhook, WebhookScheme, WebhookVerifier, verify_webhook
from countermark.webhooks._pending import PendingDelivery
from countermark.webhooks._results import Refusal
from tests.unit.samples import private_key
from tests.unit.webhook_samples import (
    KEY_ID,
    NOW,
    PROOF,
    SCHEMES,
    SECRET,
    WHSEC,
    Delivery,
    base64,
    cognito,
    github,
    secret_of,
    sent,
    standard,
    stigg,
    verifier,
)

OTHER = {
    scheme: "whsec_" + "B" * 32 if scheme == "standard-webhooks" else "another-" + SECRET
    for scheme in SCHEMES
}


def code(a_verifier: WebhookVerifier, delivery: Delivery, **changes: Any) -> str:
    """Return why a delivery is refused, or ``verified``."""
    try:
        a_verifier.verify(**{**delivery._asdict(), **changes})
    except BadWebhook as error:
        return error.code
    return "verified"


def inside(error: BaseException) -> str:
    """Return what a traceback with locals shows of an error, without the test's own frame."""
    frames = traceback.walk_tb(error.__traceback__.tb_next if error.__traceback__ else None)
    shown = traceback.StackSummary.extract(frames, capture_locals=True).format()
    return "".join([*shown, str(error), repr(error)])


# Good ones


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_delivery_is_verified(scheme: str) -> None:
    ring = Keyring(secret_of(scheme))
    verified = verifier(scheme, ring).verify(**sent(scheme)._asdict())
    assert isinstance(verified, VerifiedWebhook)
    assert (verified.scheme, verified.delivery_id) == (scheme, "evt-1")
    assert (verified.role, verified.key_id) == ("current", ring.current.key_id)
    signed_when = NOW if scheme in ("cognito", "standard-webhooks") else None
    assert verified.timestamp == signed_when


def test_the_function_does_it_at_once() -> None:
    ring = Keyring(SECRET)
    delivery = stigg()
    verified = verify_webhook("stigg", ring, headers=delivery.headers, body=delivery.body)
    assert verified.delivery_id == "evt-1"
    with pytest.raises(BadWebhook):
        verify_webhook("stigg", ring, headers={}, body=delivery.body)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_headers_may_be_text_bytes_pairs_or_a_mapping_in_any_case(scheme: str) -> None:
    delivery, good = sent(scheme), verifier(scheme)
    pairs = list(delivery.headers.items())
    encoded = [(name.lower().encode(), value.encode()) for name, value in pairs]
    for headers in (pairs, tuple(pairs), iter(pairs), encoded, dict(encoded)):
        assert code(good, delivery, headers=headers) == "verified"
    shouted = {name.upper(): f" {value}\t" for name, value in pairs}
    assert code(good, delivery, headers=shouted) == "verified"
    body, path = delivery.body.decode(), delivery.path.encode()
    assert code(good, delivery, body=body, path=path, method=b"POST") == "verified"
    assert code(good, delivery, body=bytearray(delivery.body)) == "verified"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_other_headers_do_not_matter(scheme: str) -> None:
    delivery, good = sent(scheme), verifier(scheme)
    others = [("X-Other", "a"), ("x_other", "b"), ("X-Other", "c"), ("é", "\udc80")]
    assert code(good, delivery, headers=[*delivery.headers.items(), *others]) == "verified"


# Keys


@pytest.mark.parametrize("scheme", SCHEMES)
def test_keys_by_their_roles_are_accepted_until_they_end(scheme: str) -> None:
    current, own = OTHER[scheme], secret_of(scheme)
    delivery = sent(scheme)
    for role in ("previous", "next"):
        ring = Keyring(current, **{role: own})
        assert verifier(scheme, ring).verify(**delivery._asdict()).role == role
        ring = Keyring(current, **{role: SecretKey(own, until=NOW + 1)})
        assert verifier(scheme, ring).verify(**delivery._asdict()).role == role
        ring = Keyring(current, **{role: SecretKey(own, until=NOW)})
        assert code(verifier(scheme, ring), delivery) == "retired_key"
    ring = Keyring(SecretKey(own, until=NOW))
    assert code(verifier(scheme, ring), delivery) == "retired_key"
    # The same secret, once ended and once not.
    ring = Keyring(own, previous=SecretKey(own, until=NOW))
    assert code(verifier(scheme, ring), delivery) == "verified"
    ring = Keyring(SecretKey(own, until=NOW), previous=own)
    assert verifier(scheme, ring).verify(**delivery._asdict()).role == "previous"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_another_key_is_a_mismatch(scheme: str) -> None:
    assert code(verifier(scheme, Keyring(OTHER[scheme])), sent(scheme)) == "mismatch"


def test_while_the_sender_changes_its_secret_either_signature_is_enough() -> None:
    old, new = standard(), standard(secret=OTHER["standard-webhooks"])
    both = f"{old.headers['webhook-signature']} {new.headers['webhook-signature']}"
    delivery = old.having(webhook_signature=both)
    for secret in (WHSEC, OTHER["standard-webhooks"]):
        assert code(verifier("standard-webhooks", Keyring(secret)), delivery) == "verified"
    third = Keyring("whsec_" + "C" * 32)
    assert code(verifier("standard-webhooks", third), delivery) == "mismatch"


def test_signatures_of_other_versions_do_not_count() -> None:
    good = verifier("standard-webhooks")
    own = standard().headers["webhook-signature"]
    other = own.replace("v1,", "v2,")
    assert code(good, standard().having(webhook_signature=f"v1a,ed25519 {own}")) == "verified"
    assert code(good, standard().having(webhook_signature=other)) == "malformed"
    assert code(good, standard().having(webhook_signature=f"v1a,{own[3:]}")) == "malformed"


@pytest.mark.parametrize("size", [24, 25, 26])
def test_the_padding_of_a_secret_may_be_missing(size: int) -> None:
    secret = "whsec_" + base64(bytes(range(1, size + 1)))
    ring = Keyring(secret.rstrip("="))
    assert code(verifier("standard-webhooks", ring), standard(secret=secret)) == "verified"


def test_the_secret_may_stand_without_its_prefix() -> None:
    bare = Keyring(WHSEC.removeprefix("whsec_"))
    assert code(verifier("standard-webhooks", bare), standard()) == "verified"


def test_the_key_that_is_written_in_a_secret_is_known_by_the_same_id() -> None:
    secret = SecretKey(WHSEC, until=NOW)
    written = secret.written("base64", "whsec_")
    assert (written.key_id, written.until) == (secret.key_id, NOW)
    assert written.hmac_states("sha256")[0].digest() == (
        secret.written("text", "whsec_").hmac_states("sha256", "base64")[0].digest()
    )


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [
        ("standard-webhooks", "whsec_not*base64"),
        ("standard-webhooks", "whsec_"),
        ("standard-webhooks", "whsec_" + "B" * 33),
        ("standard-webhooks", "whsec_" + "B" * 34 + "="),
        ("standard-webhooks", "whsec_" + "A" * 32),  # 24 NUL bytes: to HMAC, no key at all
        ("standard-webhooks", "whpk_" + "A" * 32),
        ("standard-webhooks", "whsec_" + "B" * 88),  # 66 bytes
        ("cognito", "live_publishable_key_" + "a" * 32),
        ("stigg", private_key("RS256")),
    ],
)
def test_what_cannot_be_the_vendors_secret_is_refused_at_construction(
    scheme: str, secret: str
) -> None:
    with pytest.raises(InvalidKey):
        verifier(scheme, Keyring(secret))
    with pytest.raises(InvalidKey):
        verifier(scheme, Keyring(secret_of(scheme), previous=secret))


def test_the_longest_and_the_shortest_secret_of_the_standard_are_taken() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for letters in (32, 84):  # 24 and 63 bytes
            secret = "whsec_" + "B" * letters
            delivery = standard(secret=secret)
            assert code(verifier("standard-webhooks", Keyring(secret)), delivery) == "verified"


@pytest.mark.parametrize(
    ("scheme", "secret"), [("stigg", "short"), ("standard-webhooks", "whsec_" + "B" * 28)]
)
def test_a_short_secret_is_warned_of(scheme: str, secret: str) -> None:
    with pytest.warns(WeakKeyWarning, match="fewer than") as caught:
        WebhookVerifier(scheme, Keyring(secret))
    assert caught[0].filename == __file__
    assert secret not in str(caught[0].message)


# Times


@pytest.mark.parametrize(("scheme", "tolerance"), [("standard-webhooks", 300), ("cognito", 900)])
def test_the_time_that_is_signed_is_checked_on_both_sides(scheme: str, tolerance: int) -> None:
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
def test_an_old_delivery_that_is_not_the_vendors_is_a_mismatch(scheme: str) -> None:
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


# Spellings


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
def test_each_flipped_bit_of_what_proves_is_refused(scheme: str) -> None:
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


def test_an_id_cannot_reach_into_what_stands_behind_it() -> None:
    # "a.1" + "." + "5" and "a" + "." + "1.5" are the same text; the signature is of both.
    body = b'1700000000.{"a":1}'
    good = verifier("standard-webhooks")
    delivery = standard(body=body, delivery="evt-1")
    assert code(good, delivery) == "verified"
    moved = delivery.having(webhook_id="evt-1.1700000000")._replace(body=body[11:])
    assert moved.headers["webhook-signature"] == delivery.headers["webhook-signature"]
    assert code(good, moved) == "malformed"


@pytest.mark.parametrize("an_id", ["", "a b", "é", "a\n", "x" * 513, "a.b"])
def test_an_id_that_is_signed_is_visible_text_and_short(an_id: str) -> None:
    found = code(verifier("standard-webhooks"), standard().having(webhook_id=an_id))
    assert found == "malformed"


# Two values


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


def test_a_secret_with_a_comma_is_one_secret() -> None:
    secret = f"{SECRET},{SECRET}"
    assert code(verifier("stigg", Keyring(secret)), stigg(secret=secret)) == "verified"
    ended = Keyring(SECRET, previous=SecretKey(secret, until=NOW))
    assert code(verifier("stigg", ended), stigg(secret=secret)) == "retired_key"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_header_is_missed(scheme: str) -> None:
    delivery, good = sent(scheme), verifier(scheme)
    for name in delivery.headers:
        expected = "verified" if name == "X-GitHub-Delivery" else "missing"
        found = code(good, delivery.having(**{name.lower().replace("-", "_"): None}))
        assert found == expected, name
    assert code(good, delivery, headers={}) == "missing"


# Ids that are not signed, or in the body


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
def test_a_delivery_whose_body_has_no_id_has_none(body: bytes, expected: str | None) -> None:
    verified = verifier("stigg").verify(headers=stigg().headers, body=body)
    assert verified.delivery_id == expected


@pytest.mark.parametrize("an_id", ["\ud800", "a b", "é", "x" * 513])
def test_an_id_that_is_not_signed_may_be_any_text(an_id: str) -> None:
    body = json.dumps({"messageId": an_id}).encode()
    assert verifier("stigg").verify(headers=stigg().headers, body=body).delivery_id == an_id
    named = github().having(x_github_delivery=an_id)
    assert verifier("github").verify(**named._asdict()).delivery_id == an_id
    empty = github().having(x_github_delivery="")
    assert verifier("github").verify(**empty._asdict()).delivery_id is None


# What is none of the sender's doing


@pytest.mark.parametrize(
    "changes",
    [
        {"body": {"parsed": "already"}},
        {"body": None},
        {"headers": None},
        {"headers": "webhook-id: 1"},
        {"headers": b"x"},
        {"headers": {"webhook-id": ["a", "b"]}},
        {"headers": [("webhook-id",)]},
        {"headers": [1]},
        {"headers": {1: "a"}},
        {"path": None},
        {"method": 1},
    ],
)
def test_what_is_no_delivery_at_all_is_said_to_the_developer(changes: Any) -> None:
    with pytest.raises(ConfigurationError, match="="):
        verifier("stigg").verify(**{**stigg()._asdict(), **changes})


def test_a_body_that_is_no_text_in_any_encoding_is_malformed() -> None:
    assert code(verifier("stigg"), stigg(), body="\ud800") == "malformed"
    assert code(verifier("stigg"), stigg().having(stigg_webhooks_secret="€")) == "malformed"


def test_text_that_is_not_ascii_is_no_error() -> None:
    for scheme in SCHEMES:
        name = PROOF[scheme].lower().replace("-", "_")
        for text in ("é", "€", "\udcff", "\x00", "ﬀ"):
            found = code(verifier(scheme), sent(scheme).having(**{name: text}))
            assert found in ("malformed", "mismatch")


def test_options_that_do_not_fit_are_refused() -> None:
    ring = Keyring(SECRET)
    wrong: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        (("stigg", SECRET), {}),
        (("stigg", {KEY_ID: ring}), {}),
        (("cognito", ring), {}),
        (("cognito", {}), {}),
        (("cognito", {KEY_ID: SECRET}), {}),
        (("cognito", {"": ring}), {}),
        (("cognito", {1: ring}), {}),
        (("cognito", [KEY_ID]), {}),
        (("nobody", ring), {}),
        ((None, ring), {}),
        (("stigg", ring), {"tolerance": 5}),
        (("stigg", ring), {"clock": 5}),
        *[(("cognito", {KEY_ID: ring}), {"tolerance": value})
          for value in (0, -1, True, "5", float("inf"), float("nan"), 36 * 3600 + 1)],
    ]  # fmt: skip
    for arguments, options in wrong:
        with pytest.raises(ConfigurationError) as caught:
            WebhookVerifier(*arguments, **options)
        shown = inside(caught.value)
        assert "__init__" in shown
        assert SECRET not in shown


# Without the body


def read_head(a_verifier: WebhookVerifier, delivery: Delivery) -> PendingDelivery | Refusal:
    return a_verifier.read_head(delivery.headers, delivery.method, delivery.path)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_missing_header_is_found_before_the_body_is_read(scheme: str) -> None:
    good, delivery = verifier(scheme), sent(scheme)
    for name in delivery.headers:
        if name != "X-GitHub-Delivery":  # optional
            without = delivery.having(**{name.lower().replace("-", "_"): None})
            assert read_head(good, without) == Refusal("missing")
    pending = read_head(good, delivery)
    assert isinstance(pending, PendingDelivery)
    verified = pending.finish(delivery.body)
    assert isinstance(verified, VerifiedWebhook)
    assert verified.delivery_id == "evt-1"
    with pytest.raises(ConfigurationError):
        good.read_head(1, "POST", "/")  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", ["stigg", "cognito"])
def test_a_wrong_secret_is_found_before_the_body_is_read(scheme: str) -> None:
    wrong = sent(scheme, secret="another-" + SECRET)
    assert read_head(verifier(scheme), wrong) == Refusal("mismatch")


def test_a_pending_delivery_and_a_refusal_show_no_secret() -> None:
    pending = read_head(verifier("stigg"), stigg())
    assert not isinstance(pending, tuple)  # error trackers print the items of tuples
    assert SECRET not in repr(pending)


def test_a_refused_body_is_not_in_the_traceback() -> None:
    with pytest.raises(BadWebhook) as caught:
        verifier("github").verify(headers=github().headers, body=b"another body")
    assert caught.value.code == "mismatch"
    assert "another body" not in inside(caught.value)


# From the environment


def test_the_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STIGG_WEBHOOKS_SECRET", "another-" + SECRET)
    monkeypatch.setenv("STIGG_WEBHOOKS_SECRET_PREVIOUS", SECRET)
    verified = WebhookVerifier.from_env("stigg").verify(**stigg()._asdict())
    assert verified.role == "previous"


def test_the_key_ids_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGNITO_API_SECRET", SECRET)
    with pytest.raises(ConfigurationError, match="COGNITO_API_KEY is not set"):
        WebhookVerifier.from_env("cognito")
    monkeypatch.setenv("COGNITO_API_KEY", "live_key_new")
    good = WebhookVerifier.from_env("cognito", clock=lambda: NOW, tolerance=5)
    assert good.tolerance == 5
    assert code(good, cognito()) == "unknown_key"
    monkeypatch.setenv("COGNITO_API_KEY_PREVIOUS", KEY_ID)
    assert code(WebhookVerifier.from_env("cognito", clock=lambda: NOW), cognito()) == "verified"


def test_a_recipe_may_name_no_variable() -> None:
    scheme = WebhookScheme.from_mapping(
        {"slug": "own", "kind": "secret", "signature": {"header": "X-Own"}}
    )
    with pytest.raises(ConfigurationError, match="names no environment variable"):
        WebhookVerifier.from_env(scheme)
    with pytest.warns(WeakKeyWarning, match="own: the secret has fewer"):
        WebhookVerifier(scheme, Keyring("short"))


# Secrets stay where they are


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_refusal_shows_a_secret_or_a_header(scheme: str) -> None:
    secret = secret_of(scheme)
    good = verifier(scheme, Keyring(SecretKey(secret, until=NOW)))
    delivery = sent(scheme)
    values = [*delivery.headers.values(), secret, secret.removeprefix("whsec_"), delivery.path]
    try:
        good.verify(**delivery._asdict())
    except BadWebhook as error:
        caught = error
    assert caught.code == "retired_key"
    assert caught.__context__ is None
    shown = inside(caught)
    assert "verify" in shown
    for value in values:
        assert value not in shown


def test_representations_show_no_secret_and_no_id() -> None:
    good = verifier("stigg")
    verified = good.verify(**stigg()._asdict())
    assert repr(good) == "<WebhookVerifier stigg>"
    assert repr(verified).startswith("<VerifiedWebhook stigg key=")
    assert "evt-1" not in repr(verified)
    assert repr(WebhookVerifier.__new__(WebhookVerifier)) == "<WebhookVerifier refused>"
    assert repr(good.scheme) == "<WebhookScheme stigg>"

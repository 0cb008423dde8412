"""The mistake that leads to a refused delivery is named."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from countermark import BadWebhook, Keyring, SecretKey
from countermark.explain import Explanation, explain_webhook
from countermark.webhooks import (
    WebhookScheme,
    WebhookSigner,
    WebhookVerifier,
    verify_webhook,
)
from countermark.wsgi import WebhookMiddleware
from tests.conftest import Events
from tests.drivers import call
from tests.webhooks.planted import (
    BODY,
    COGNITO,
    GITHUB_SECRET,
    NOW,
    PAIRS,
    SINGLE,
    STANDARD_SECRET,
    STIGG_SECRET,
    Planted,
    cognito,
    github,
    standard,
)

KEYS: dict[str, Any] = {
    "github": Keyring(GITHUB_SECRET),
    "standard-webhooks": Keyring(STANDARD_SECRET),
    "stigg": Keyring(STIGG_SECRET),
    "cognito": {COGNITO.key_id: Keyring(COGNITO.secret)},
}


def ids(planted: tuple[Planted, ...]) -> list[str]:
    return [f"{number} {one.codes}" for number, one in enumerate(planted, 1)]


def explained(planted: Planted, **options: Any) -> Explanation:
    now = float(COGNITO.now if planted.scheme == "cognito" else NOW)
    return explain_webhook(
        planted.scheme,
        options.pop("keys", KEYS[planted.scheme]),
        headers=planted.headers,
        body=planted.body,
        method=planted.method,
        path=planted.path,
        clock=lambda: now,
    )


@pytest.mark.parametrize("planted", SINGLE, ids=ids(SINGLE))
def test_a_planted_mistake_in_a_delivery_is_named(planted: Planted) -> None:
    found = explained(planted)
    assert found.outcome == "explained"
    assert found.codes == (planted.codes,)


def test_a_header_of_another_scheme_is_named() -> None:
    signed = standard("").headers
    for slug, names in (("svix", signed), ("bitbucket", {"X-Hub-Signature-256": "sha256=00"})):
        found = explain_webhook(slug, Keyring(STANDARD_SECRET), headers=names, body=BODY)
        assert found.codes == ("other_header",)


@pytest.mark.parametrize("planted", PAIRS, ids=ids(PAIRS))
def test_two_planted_mistakes_in_a_delivery_are_named(planted: Planted) -> None:
    found = explained(planted)
    assert found.outcome == "explained"
    assert sorted(found.codes) == sorted(planted.codes.split())


def test_valid_deliveries_are_confirmed() -> None:
    assert explained(github("", BODY)).outcome == "good"
    found = explained(Planted("", "stigg", {"Stigg-Webhooks-Secret": STIGG_SECRET}))
    assert (found.outcome, found.codes) == ("good", ())


@pytest.mark.parametrize("role", ["previous", "next"])
def test_a_key_other_than_the_current_one_is_a_remark(role: str) -> None:
    ring: Any = Keyring("x" + GITHUB_SECRET, **{role: GITHUB_SECRET})
    found = explained(github("", BODY), keys=ring)
    assert (found.outcome, found.codes) == ("good", (f"{role}_key",))


def test_an_expired_key_explains_a_delivery() -> None:
    ring = Keyring("x" + GITHUB_SECRET, previous=SecretKey(GITHUB_SECRET, until=1))
    assert explained(github("", BODY), keys=ring).codes == ("retired_key",)


def test_an_unknown_key_is_named_before_what_else_is_malformed() -> None:
    authorization = COGNITO.headers["Authorization"].replace(COGNITO.key_id, "another-key")
    headers = {**COGNITO.headers, "Authorization": authorization, "Date": "yesterday"}
    found = explained(cognito("unknown_key")._replace(headers=headers))
    assert [one.code for one in found.mistakes] == ["unknown_key"]


def test_a_cognito_delivery_can_be_too_old() -> None:
    found = explain_webhook(
        "cognito",
        KEYS["cognito"],
        headers=COGNITO.headers,
        body=COGNITO.body,
        path=COGNITO.path,
        clock=lambda: COGNITO.now + 3 * 86400,
    )
    assert found.codes == ("delivery_expired",)
    assert "3 days ago" in found.mistakes[0].happened


def test_a_header_that_is_there_twice_is_named() -> None:
    name = "X-Hub-Signature-256"
    headers = [(name, github("", BODY).headers[name])] * 2
    found = explain_webhook("github", KEYS["github"], headers=headers, body=BODY)
    assert found.codes == ("header_ambiguous",)


@pytest.mark.parametrize(
    ("scheme", "headers", "body"),
    [
        ("github", {"X-Hub-Signature-256": "sha256=" + "0" * 64}, b"\xff{"),
        ("github", {"X-Hub-Signature-256": "sha256=" + "0" * 64}, "\ud800"),
        ("github", {"X-Hub-Signature-256": "sha256=" + "0" * 64}, b"\x1f\x8bnot gzip"),
        ("github", {"X-Hub-Signature-256": "sha256=" + "0" * 64}, b"[" * 100_000),
        ("github", {"X-Hub-Signature-256": ""}, b""),
        ("stigg", {"Stigg-Webhooks-Secret": "\u20ac"}, b""),
        ("cognito", {**COGNITO.headers, "Digest": "SHA-256=" + "A" * 43 + "="}, b""),
        ("cognito", {**COGNITO.headers, "Authorization": "Basic x"}, b""),
        ("cognito", {**COGNITO.headers, "Date": "yesterday"}, b""),
    ],
)
def test_nothing_is_raised_and_nothing_is_explained(
    scheme: str, headers: dict[str, str], body: Any
) -> None:
    found = explained(Planted("", scheme, headers, body))
    assert (found.outcome, found.mistakes) == ("unexplained", ())


@pytest.mark.parametrize("cut", ["t=", f"t={NOW},", "v1="])
def test_a_part_of_the_header_that_was_cut_off_is_named(cut: str) -> None:
    ring = Keyring(GITHUB_SECRET)
    headers = WebhookSigner("stripe", ring, clock=lambda: NOW).sign(BODY)
    value = headers["stripe-signature"].replace(cut, "", 1)
    found = explain_webhook(
        "stripe", ring, headers={"Stripe-Signature": value}, body=BODY, clock=lambda: NOW
    )
    assert found.codes == ("header_prefix",)
    assert f" {cut[:2]}" in found.mistakes[0].happened


def test_the_mark_of_the_time_behind_other_text_is_not_missing() -> None:
    headers = {"Stripe-Signature": f"xt={NOW},v1={'0' * 64}"}
    found = explain_webhook("stripe", KEYS["github"], headers=headers, body=BODY)
    assert found.outcome == "unexplained"


def test_a_path_of_any_text_is_not_explained() -> None:
    assert explained(cognito("", path="/\ud800?\udfff")).outcome == "unexplained"


def test_random_signatures_are_not_explained() -> None:
    source = random.Random(12)
    for _ in range(60):
        digits = source.randbytes(32).hex()
        planted = Planted("", "github", {"X-Hub-Signature-256": f"sha256={digits}"})
        assert explained(planted).outcome == "unexplained"


def test_a_large_body_is_written_again_in_bounded_time() -> None:
    body = json.dumps([{"name": "Zoe", "number": n} for n in range(6000)]).encode()
    compact = json.dumps(json.loads(body), separators=(",", ":")).encode()
    assert len(body) > 100_000
    assert explained(github("", body, signed=compact)).codes == ("body_json",)


def test_a_scheme_without_an_id_is_explained() -> None:
    scheme = WebhookScheme.from_mapping(
        {
            "slug": "plain",
            "name": "Plain",
            "kind": "hmac",
            "signature": {
                "header": "x-signature",
                "algorithm": "sha256",
                "encoding": "hex",
                "message": "{body}",
            },
        }
    )
    digits = github("", BODY).headers["X-Hub-Signature-256"].removeprefix("sha256=")
    headers = {"x-signature": digits.upper()}
    found = explain_webhook(scheme, KEYS["github"], headers=headers, body=BODY)
    assert found.codes == ("code_case",)


def test_a_changed_body_is_not_explained() -> None:
    assert explained(cognito("", body=COGNITO.body + "x")).outcome == "unexplained"


def test_a_secret_in_the_place_of_a_signature_is_an_event_of_its_own(events: Events) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise AssertionError("it was passed on")

    verifier = WebhookVerifier("github", KEYS["github"])
    gate = WebhookMiddleware(app, verifier=verifier, on_event=events)
    response = call(gate, REQUEST_METHOD="POST", HTTP_X_HUB_SIGNATURE_256=GITHUB_SECRET)
    assert response.starts[0][0].startswith("401")
    assert [event[:3] for event in events] == [
        ("leaked", "received", "webhook:github"),
        ("refused", "secret_received", "webhook:github"),
    ]
    assert GITHUB_SECRET not in f"{response} {events}"


def test_a_malformed_signature_without_the_secret_stays_malformed() -> None:
    for headers in ({"X-Hub-Signature-256": "sha256=x"}, [("X-Hub-Signature-256", "x")] * 2):
        with pytest.raises(BadWebhook) as refused:
            verify_webhook("github", KEYS["github"], headers=headers, body=BODY)
        assert refused.value.code in {"malformed", "ambiguous"}

"""A verifier returns a verified webhook, or raises an error with a code and no secret."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import (
    BadWebhook,
    ConfigurationError,
    Keyring,
    SecretKey,
    WeakKeyWarning,
)
from countermark.webhooks import (
    ChallengeAnswer,
    VerifiedWebhook,
    WebhookScheme,
    WebhookVerifier,
    verify_webhook,
)
from countermark.webhooks._delivery_body import Body
from countermark.webhooks._pending import PendingDelivery
from countermark.webhooks._results import Refusal
from tests.webhooks.outcomes import code, inside
from tests.webhooks.samples import (
    KEY_ID,
    NOW,
    PROOF,
    SCHEMES,
    SECRET,
    Delivery,
    cognito,
    github,
    secret_of,
    sent,
    stigg,
    verifier,
)

#: The ids of the samples that have no id.
ID = dict.fromkeys(["hubspot", "sendgrid", "twilio"])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_delivery_is_verified(scheme: str) -> None:
    ring = Keyring(secret_of(scheme))
    verified = verifier(scheme, ring).verify(**sent(scheme)._asdict())
    assert isinstance(verified, VerifiedWebhook)
    assert (verified.scheme, verified.delivery_id) == (scheme, ID.get(scheme, "evt-1"))
    assert (verified.role, verified.key_id) == ("current", ring.current.key_id)
    signed_when = None if scheme in {"github", "stigg", "twilio"} else NOW
    assert verified.timestamp == signed_when


def test_the_function_verifies_one_delivery() -> None:
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
def test_arguments_of_the_wrong_type_are_configuration_errors(changes: Any) -> None:
    with pytest.raises(ConfigurationError, match="="):
        verifier("stigg").verify(**{**stigg()._asdict(), **changes})


def test_a_text_body_that_cannot_be_encoded_is_malformed() -> None:
    assert code(verifier("stigg"), stigg(), body="\ud800") == "malformed"
    assert code(verifier("stigg"), stigg().having(stigg_webhooks_secret="€")) == "malformed"


def test_non_ascii_text_is_refused_without_another_error() -> None:
    for scheme in SCHEMES:
        name = PROOF[scheme].lower().replace("-", "_")
        for text in ("é", "€", "\udcff", "\x00", "ﬀ"):
            found = code(verifier(scheme), sent(scheme).having(**{name: text}))
            assert found in ("malformed", "mismatch")


def test_contradictory_options_are_refused() -> None:
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


def read_head(
    a_verifier: WebhookVerifier, delivery: Delivery
) -> PendingDelivery | ChallengeAnswer | Refusal:
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
    verified = pending.finish(Body(delivery.body))
    assert isinstance(verified, VerifiedWebhook)
    assert verified.delivery_id == ID.get(scheme, "evt-1")
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


def test_keys_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STIGG_WEBHOOK_SECRET", "another-" + SECRET)
    monkeypatch.setenv("STIGG_WEBHOOK_SECRET_PREVIOUS", SECRET)
    verified = WebhookVerifier.from_env("stigg").verify(**stigg()._asdict())
    assert verified.role == "previous"


def test_key_ids_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGNITO_API_SECRET", SECRET)
    with pytest.raises(ConfigurationError, match="COGNITO_API_KEY is not set"):
        WebhookVerifier.from_env("cognito")
    monkeypatch.setenv("COGNITO_API_KEY", "live_key_new")
    good = WebhookVerifier.from_env("cognito", clock=lambda: NOW, tolerance=5)
    assert good.tolerance == 5
    assert code(good, cognito()) == "unknown_key"
    monkeypatch.setenv("COGNITO_API_KEY_PREVIOUS", KEY_ID)
    assert code(WebhookVerifier.from_env("cognito", clock=lambda: NOW), cognito()) == "verified"


def test_a_scheme_may_have_no_variable() -> None:
    scheme = WebhookScheme.from_mapping(
        {"slug": "own", "kind": "secret", "signature": {"header": "X-Own"}}
    )
    with pytest.raises(ConfigurationError, match="names no environment variable"):
        WebhookVerifier.from_env(scheme)
    with pytest.warns(WeakKeyWarning, match="own: the secret has fewer"):
        WebhookVerifier(scheme, Keyring("short"))


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

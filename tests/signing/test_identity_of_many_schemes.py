"""Schemes that sign more than an id: addresses, tokens that expire, missing values."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from countermark import Keyring, Principal, RequestIdentity, Scheme, Signer
from countermark.asgi import SigningMiddleware
from countermark.signing import SigningConfig, text_headers
from tests.conftest import Events
from tests.drivers import answer, header, request
from tests.samples import ANN, NOW, SECRET, signer_of

SLUGS = ["stigg", "helpscout", "intercom-jwt", "disqus", "pusher"]


@pytest.fixture
def build(events: Events) -> Callable[..., RequestIdentity]:
    signers = [signer_of(slug) for slug in SLUGS]

    def build(principal: Any) -> RequestIdentity:
        config = SigningConfig(signers, lambda source: principal, on_event=events)
        return RequestIdentity(config, {"a": "request"})

    return build


def test_each_scheme_gets_its_fields(build: Any, events: Events) -> None:
    identity = build(ANN)
    payload = identity.payload()
    assert list(payload) == ["marker", *SLUGS]
    assert payload["helpscout"]["email"] == "Ann@B.example"
    assert payload["intercom-jwt"] == {"intercom_user_jwt": identity["intercom-jwt"].token}
    assert [event.scheme for event in events.named("signed")] == SLUGS


def test_some_schemes_sign_an_id_alone(build: Any, events: Events) -> None:
    identity = build("user-1")
    assert set(identity.payload()) == {"marker", "stigg", "intercom-jwt"}
    assert {(event.scheme, event.reason) for event in events.named("failed")} == {
        ("helpscout", "principal_field"),
        ("disqus", "principal_field"),
        ("pusher", "principal_field"),
    }
    assert not identity.failed


def test_some_schemes_sign_an_address_alone(build: Any, events: Events) -> None:
    identity = build(Principal(email="ann@b.example"))
    assert list(identity.payload()) == ["marker", "helpscout"]
    assert identity["helpscout"].principal_id is None
    assert {event.scheme for event in events.named("failed")} == set(SLUGS) - {"helpscout"}
    assert "ann@b.example" not in str(events)
    assert all(event.principal for event in events)


def test_a_token_is_made_once_per_request(build: Any) -> None:
    signer = signer_of("sigma", header="X")  # valid once, so it differs each time
    config = SigningConfig(signer, lambda source: ANN)
    identity = RequestIdentity(config, {})
    carried = text_headers(config).tokens
    token = identity["sigma"].token
    assert identity["sigma"].token == token
    assert identity.payload()["sigma"][":jwt"] == token
    assert carried(identity) == [("X", token)]
    assert RequestIdentity(config, {})["sigma"].token != token
    assert identity["sigma"].expires_at == int(NOW) + 3600


def test_the_payload_has_the_seconds_that_tokens_are_still_valid() -> None:
    now = [NOW]
    slugs = {"stigg": None, "knock": 300, "ably": None, "intercom-jwt": None}
    signers = [
        signer_of(slug, lifetime=lifetime, clock=lambda: now[0]) for slug, lifetime in slugs.items()
    ]
    identity = RequestIdentity(SigningConfig(signers, lambda source: ANN), {})
    assert list(identity.payload()) == ["marker", *slugs, "expires_in"]
    # NOW is a quarter of a second after a whole one, and an expiry is in whole seconds.
    assert identity.payload()["expires_in"] == {"knock": 299, "ably": 3599}
    assert identity["knock"].expires_in == 299
    assert identity["stigg"].expires_in is None
    assert identity["intercom-jwt"].expires_in is None  # without lifetime=
    now[0] += 299  # in a request that takes that long, such as a websocket
    assert identity.payload()["expires_in"]["knock"] == 0
    now[0] += 3600
    assert identity.payload()["expires_in"] == {"knock": 0, "ably": 0}


def test_the_payload_without_expiring_tokens_has_no_times(build: Any) -> None:
    assert "expires_in" not in build(ANN).payload()


def test_another_principal_in_the_request_gets_other_tokens(build: Any) -> None:
    identity = build(ANN)
    before = identity.payload()
    identity.identify(
        Principal("user-1", email="new@b.example", name="Ann", attributes=ANN.attributes)
    )
    after = identity.payload()
    assert after["stigg"] == before["stigg"]
    assert after["helpscout"]["signature"] != before["helpscout"]["signature"]
    identity.identify(
        Principal("user-1", email="new@b.example", name="Bob", attributes=ANN.attributes)
    )
    assert identity.payload()["disqus"] != after["disqus"]
    identity.forget()
    assert identity.payload() == {}


def test_a_missing_field_that_is_not_signed_is_left_out() -> None:
    assert signer_of("helpscout").issue(Principal(email="a@b.example")).fields.keys() == {
        "email",
        "signature",
    }


def test_the_fields_of_the_page_are_computed_when_the_token_is_signed(events: Events) -> None:
    """Reading never raises, so an invalid value of a field fails when the token is signed."""
    signer = signer_of("novu")
    config = SigningConfig(signer, lambda source: source, on_event=events)
    bad = Principal("user-1", attributes={"context": {"share": 0.5}})
    identity = RequestIdentity(config, bad)
    assert identity.get("novu") is None
    assert identity.payload() == {"marker": identity.marker}
    assert [event.reason for event in events] == ["principal_field"]


@pytest.mark.parametrize(
    "context", [{"kind": "org", "key": "a", "x": object()}, {"kind": "org", "key": "a", "x": 1e999}]
)
def test_a_value_that_json_cannot_hold_is_reported_before_the_page_is_written(
    context: dict[str, Any], events: Events
) -> None:
    who = Principal("user-1", attributes={"context": context})
    config = SigningConfig(signer_of("launchdarkly"), lambda source: who, on_event=events)
    assert set(RequestIdentity(config, {}).payload()) == {"marker"}
    assert [(event.reason, event.scheme) for event in events] == [
        ("principal_field", "launchdarkly")
    ]


def test_attributes_that_cannot_be_compared_make_an_event(events: Events) -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

        __hash__ = None  # type: ignore[assignment]

    def resolve(source: Any) -> Principal:
        return Principal("user-1", attributes={"plan": Odd()})

    identity = RequestIdentity(SigningConfig(signer_of("stigg"), resolve, on_event=events), {})
    assert identity["stigg"].token == signer_of("stigg").sign("user-1")
    assert identity.get("stigg") is None  # comparing the principals fails
    assert ("failed", "signer_raised") in [(event.name, event.reason) for event in events]


def test_fields_that_need_a_missing_value_fail_with_the_token(events: Events) -> None:
    data: dict[str, Any] = {
        "slug": "own",
        "values": {"id": {"refuse_containing": ["@"]}},
        "mac": {"algorithm": "sha256", "message": "{id|email}", "encoding": "hex"},
        "fields": {"u": "{id}", "t": "{token}"},
    }
    signer = Signer(Scheme.from_mapping(data), Keyring(SECRET))
    assert not signer._sign_suffices
    who = Principal(email="a@b.example")
    config = SigningConfig(signer, lambda source: who, on_event=events)
    assert set(RequestIdentity(config, {}).payload()) == {"marker"}
    assert [event.reason for event in events] == ["principal_field"]
    data["fields"]["u"] = "{id?}"
    assert Signer(Scheme.from_mapping(data), Keyring(SECRET))._sign_suffices
    data["values"]["email"] = {"refuse_containing": ["+"]}
    data["fields"]["e"] = "{email?}"
    assert not Signer(Scheme.from_mapping(data), Keyring(SECRET))._sign_suffices


@pytest.mark.parametrize("slug", ["helpscout", "intercom-jwt", "chameleon", "launchdarkly"])
def test_headers_carry_tokens_of_every_form(slug: str) -> None:
    signer = signer_of(slug)
    app = SigningMiddleware(answer(), signers=signer, principal=lambda scope: ANN)
    (start, _) = request(app)
    assert header(start, str(signer.header).encode()) == signer.sign(ANN).encode()


def test_a_scheme_without_a_header_has_none_by_default() -> None:
    assert signer_of("discourse").header is None
    assert signer_of("discourse", header="X-Sso").header == "X-Sso"


def test_an_ambiguous_scheme_is_an_event_of_its_middleware(
    events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    signers = [signer_of("zoho-thrive"), signer_of("stigg")]
    with caplog.at_level(logging.WARNING, logger="countermark"):
        SigningMiddleware(answer(), signers=signers, principal=lambda scope: ANN, on_event=events)
    assert [(event.name, event.reason, event.scheme) for event in events] == [
        ("ambiguous", "scheme", "zoho-thrive")
    ]
    assert "ambiguous: scheme (scheme=zoho-thrive" in caplog.text


def test_a_principal_without_an_id_can_be_impersonated(events: Events) -> None:
    who = Principal(email="a@b.example", actor="staff-1")
    config = SigningConfig(signer_of("helpscout"), lambda source: who, on_event=events)
    assert RequestIdentity(config, {}).payload() == {}
    assert [(event.name, event.reason) for event in events] == [("impersonated", "suppressed")]
    assert events[0].principal


@pytest.mark.parametrize(
    ("slug", "expected"),
    [("stigg", True), ("helpscout", True), ("intercom-hmac", True), ("novu", False)],
)
def test_most_signers_only_compute_a_hash(slug: str, *, expected: bool) -> None:
    assert signer_of(slug)._sign_suffices is expected

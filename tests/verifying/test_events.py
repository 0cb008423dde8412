"""Behind both protocols: what is told, and what is refused at the start."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from countermark import (
    ConfigurationError,
    Keyring,
    Principal,
    Verifier,
    asgi,
    starlette,
    wsgi,
)
from countermark.verifying import Allowance, from_header
from tests.conftest import SECRET, Events
from tests.drivers import answer, wsgi_answer
from tests.verifying.protocols import (
    APP,
    FLOW_VERIFIER,
    GOOD,
    OTHER,
    SIGNER,
    TOKEN,
    VERIFIER,
    Protocol,
    Tenants,
    stigg,
)

# Events


def test_events_have_a_reason_and_a_pseudonym(protocol: Protocol, events: Events) -> None:
    protocol(TOKEN, on_event=events)
    protocol(TOKEN, TOKEN, on_event=events)
    protocol(stigg(secret=OTHER), mode="monitor", on_event=events)
    protocol(on_event=events, allowance=Allowance(1))
    who = VERIFIER.pseudonym("user-1")
    assert [event[:4] for event in events] == [
        ("verified", "current", "stigg", who),
        ("refused", "ambiguous", "stigg", None),
        ("would_refuse", "mismatch", "stigg", who),
        ("allowed", "allowance", "stigg", None),
    ]
    assert [event.correlation is None for event in events] == [True, False, True, True]


def test_the_salt_of_a_pseudonym_is_the_tenants_key(protocol: Protocol, events: Events) -> None:
    tenants = Tenants()
    options: dict[str, Any] = {
        "verifier": tenants, "token": "X-Customer-Key", "on_event": events,
        "tenant": from_header("X-Tenant"),
    }  # fmt: skip
    acme = (b"x-tenant", b"acme")
    protocol(TOKEN, acme, **options)
    assert events[-1].principal == SIGNER.pseudonym("user-1")


def test_the_verdict_on_an_unsigned_request_has_its_claimed_id(
    protocol: Protocol, events: Events
) -> None:
    for principal, claimed in (("user-1", "user-1"), (Principal("user-1"), "user-1"), ("\n", None)):
        visit = protocol(mode="monitor", claimed_id=lambda source, who=principal: who)
        assert visit.verdict is not None
        assert (visit.code, visit.verdict.claimed_id) == ("missing", claimed)


@pytest.mark.parametrize("headers", [[], [stigg("made-up", OTHER)]])
def test_the_service_and_not_the_client_names_the_principal_of_an_invalid_token(
    protocol: Protocol, headers: Any
) -> None:
    verdict = protocol(*headers, mode="monitor", claimed_id=lambda source: "user-1").verdict
    assert verdict is not None
    assert (verdict.claimed_id, verdict.named_by_service) == ("user-1", True)
    verdict = protocol(*headers, mode="monitor", claimed_id=lambda source: None).verdict
    assert verdict is not None
    assert (verdict.claimed_id, verdict.named_by_service) == (None, False)


def test_the_log_has_refusals_and_the_unsigned_but_not_the_verified(
    protocol: Protocol, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "countermark")
    protocol(TOKEN, on_event=Events())
    protocol(mode="monitor")
    protocol(allowance=Allowance(1))
    visit = protocol()
    assert [record.levelname for record in caplog.records] == ["DEBUG", "INFO", "WARNING"]
    correlation = visit.problem["instance"].removeprefix("urn:uuid:")
    assert caplog.messages[-1] == (
        f"refused: missing (scheme=stigg principal=None error=None) correlation={correlation}"
    )


def test_an_event_without_a_reader_is_not_computed(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def pseudonym(self: Verifier, identifier: str) -> str:
        raise AssertionError("it was asked")

    caplog.set_level(logging.INFO, "countermark")
    monkeypatch.setattr(Verifier, "pseudonym", pseudonym)
    assert protocol(TOKEN).status == 200
    assert protocol(stigg(secret=OTHER), mode="monitor").status == 200


def test_no_event_or_message_contains_an_id_or_a_token(
    protocol: Protocol, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "countermark")
    for mode in ("monitor", "enforce"):
        for token in (TOKEN, stigg("user-1", OTHER)):
            visit = protocol(token, mode=mode, on_event=events)
            said = f"{visit} {visit.verdict!r} {events} {caplog.text} {visit.headers}"
            assert "user-1" not in said
            assert GOOD not in said
            assert token[1].decode() not in said


# Construction


@pytest.mark.parametrize("side", [asgi, wsgi], ids=["asgi", "wsgi"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"verifier": "stigg"}, "verifier= takes a Verifier"),
        ({"verifier": SIGNER}, "verifier= takes a Verifier"),
        ({"verifier": FLOW_VERIFIER}, "token= must say where requests carry their token"),
        ({"verifier": FLOW_VERIFIER, "token": "T"}, "say in claimed_id= where the id is"),
        ({"token": 7}, "token= must say where requests carry their token"),
        ({"token": lambda source: GOOD}, "token= must say where requests carry their token"),
        ({"token": "X_Token"}, "letters, digits and hyphens"),
        ({"verifier": Tenants(), "token": "T"}, "tenant= must tell the tenant"),
        (
            {"verifier": Tenants(), "tenant": str},
            "token= must say where requests carry their token",
        ),
        ({"mode": "enforced"}, "mode= must be 'off', 'monitor' or 'enforce'"),
        ({"claimed_id": "user-1"}, "claimed_id= must be a function"),
        ({"tenant": "acme"}, "tenant= must be a function"),
        ({"meter": 7}, "meter= must be a function"),
        ({"on_event": 7}, "on_event= must be a function"),
        ({"allowance": 100}, "allowance= takes an Allowance"),
        ({"origins": APP}, "origins= must be a list"),
        ({"origins": ["http://localhost:3000"]}, "name the verifier's environment="),
    ],
)
def test_options_that_do_not_fit_are_refused_at_the_start(
    side: Any, options: dict[str, Any], message: str
) -> None:
    app: Any = answer() if side is asgi else wsgi_answer()
    defaults = {"verifier": Verifier("stigg", Keyring(SECRET)), "mode": "monitor"}
    with pytest.raises(ConfigurationError, match=message):
        side.VerifyingMiddleware(app, **{**defaults, **options})


async def coroutine(*arguments: Any) -> Any:
    return None


@pytest.mark.parametrize("side", [asgi, wsgi], ids=["asgi", "wsgi"])
@pytest.mark.parametrize("name", ["verifier", "mode", "claimed_id", "tenant", "meter", "on_event"])
def test_an_async_function_is_refused_for_each_option(side: Any, name: str) -> None:
    options: dict[str, Any] = {"verifier": VERIFIER, "mode": "monitor", "token": "T", "tenant": str}
    message = "takes a Verifier" if name == "verifier" else "no coroutine function|not async"
    with pytest.raises(ConfigurationError, match=message):
        side.VerifyingMiddleware(answer(), **{**options, name: coroutine})


@pytest.mark.parametrize("side", [asgi, wsgi, starlette], ids=["asgi", "wsgi", "starlette"])
def test_a_missing_mode_is_an_error(side: Any) -> None:
    with pytest.raises(TypeError, match="required keyword-only argument: 'mode'"):
        side.VerifyingMiddleware(answer(), verifier=VERIFIER)


def test_a_problem_is_json_of_one_line(protocol: Protocol) -> None:
    body = protocol().body
    assert b"\n" not in body
    assert json.loads(body)["status"] == 401

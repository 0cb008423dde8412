"""The options of the leak guard: secrets, the sample and events."""

from __future__ import annotations

import logging
import pickle
import random
from pathlib import Path
from typing import Any

import pytest

from countermark import ConfigurationError, EventCounter, InvalidKey, Keyring, PublicKey, wsgi
from countermark.leaks import secrets_from_env
from countermark.leaks._secrets import variables
from tests.drivers import call, wsgi_answer
from tests.leaks.guarded import RING, SECRET, SECRETS, Exchange, leaks_of, reported, stream
from tests.samples import private_key


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        for suffix in ("", "_FILE", "_PREVIOUS", "_NEXT"):
            monkeypatch.delenv(name + suffix, raising=False)


def test_the_variables_of_secrets_are_without_those_of_public_keys() -> None:
    assert "GITHUB_WEBHOOK_SECRET" in variables()
    assert {"DISCORD_PUBLIC_KEY", "WEBHOOKS_PUBLIC_KEY"}.isdisjoint(variables())


def guard(**options: Any) -> Any:
    return wsgi.LeakGuardMiddleware(wsgi_answer(), **{"mode": "report"} | options)


def test_the_secrets_of_the_environment_are_those_of_both_catalogues(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("the-secret-of-github-in-a-file\n")
    monkeypatch.setenv("STIGG_SIGNING_SECRET", "the-secret-of-stigg-for-tests")
    monkeypatch.setenv("STIGG_SIGNING_SECRET_PREVIOUS", "the-secret-of-stigg-before-that")
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET_FILE", str(file))
    monkeypatch.setenv("META_VERIFY_TOKEN", "the-verify-token-of-meta-for-tests")
    monkeypatch.setenv("PUSHER_APP_SECRET", "")
    monkeypatch.setenv("OTHER_SECRET", "the-secret-of-another-program")
    assert [*secrets_from_env()] == [
        "GITHUB_WEBHOOK_SECRET", "META_VERIFY_TOKEN", "STIGG_SIGNING_SECRET"
    ]  # fmt: skip
    for text, name in (
        ("the-verify-token-of-meta-for-tests", "META_VERIFY_TOKEN"),
        ("the-secret-of-stigg-for-tests", "STIGG_SIGNING_SECRET"),
        ("the-secret-of-stigg-before-that", "STIGG_SIGNING_SECRET"),
        ("the-secret-of-github-in-a-file", "GITHUB_WEBHOOK_SECRET"),
    ):
        (leak,) = leaks_of(reported([text.encode()], secrets=None))
        assert leak.secret == name
    assert reported([b"the-secret-of-another-program"], secrets=None) == []


def test_an_invalid_secret_of_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", "changeme")
    with pytest.raises(InvalidKey, match="STIGG_SIGNING_SECRET"):
        guard()


@pytest.mark.parametrize("secrets", [None, [], {}, [Keyring(PublicKey(private_key("ES256")[1]))]])
def test_a_guard_without_a_secret_is_refused(secrets: Any) -> None:
    with pytest.raises(ConfigurationError, match="no secret to search for"):
        guard(secrets=secrets)


def test_a_secret_of_fewer_than_eight_bytes_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"the secret \w{8} has fewer than 8 bytes"):
        guard(secrets=[Keyring("1234567")])
    with pytest.raises(ConfigurationError, match="of STIGG_SIGNING_SECRET has fewer"):
        guard(secrets={"STIGG_SIGNING_SECRET": Keyring("1234567")})
    assert leaks_of(reported([b"12345678"], secrets=Keyring("12345678")))


@pytest.mark.parametrize("secrets", [[SECRET], SECRET, {"A": SECRET}, {7: RING}, 7])
def test_secrets_of_another_type_are_refused(secrets: Any) -> None:
    with pytest.raises(ConfigurationError, match="secrets= must be keyrings") as refused:
        guard(secrets=secrets)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "enforce"},
        {"mode": None},
        {"sample": 0},
        {"sample": 1.1},
        {"sample": True},
        {"sample": "1"},
        {"sample": float("nan")},
        {"on_event": 7},
    ],
)
def test_other_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=rf"{next(iter(options))}= must"):
        guard(secrets=SECRETS, **options)


def test_a_share_of_the_responses_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = iter([0.0, 0.24, 0.25, 0.9] * 2)
    monkeypatch.setattr(random, "random", lambda: next(shares))
    counter = EventCounter()
    app = wsgi_answer([("X-Debug", SECRET)])
    guarded = wsgi.LeakGuardMiddleware(
        app, mode="report", secrets=SECRETS, sample=0.25, on_event=counter
    )
    for _ in range(4):
        call(guarded)
    assert counter.total("leaked", reason="reported") == 2
    exchanges = [Exchange(stream([SECRET.encode()]), "report", sample=0.25) for _ in range(4)]
    assert [len(exchange.leaks) for exchange in exchanges] == [1, 1, 0, 0]


def test_each_secret_is_reported_once_in_the_head_and_once_in_the_body() -> None:
    secrets = {**SECRETS, "OTHER": Keyring("another-secret-of-this-test")}
    body = f"{SECRET} {SECRET} another-secret-of-this-test {SECRET.encode().hex()}".encode()
    events = reported([body, body], [("X-A", SECRET), ("X-A", SECRET)], secrets=secrets)
    places = sorted((leak.secret, leak.place) for leak in leaks_of(events))
    assert places == [
        ("COGNITO_API_SECRET", "body"),
        ("COGNITO_API_SECRET", "header X-A"),
        ("OTHER", "body"),
    ]


def test_the_log_has_a_line_for_a_leak_without_the_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    reported([b"<p>" + SECRET.encode()])
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage() == (
        "leaked: reported (scheme=None principal=None error=None) leak=COGNITO_API_SECRET"
        f" key={RING.current.key_id} form=raw place=body offset=15"
    )
    attributes = {name: value for name, value in vars(record).items() if "leak_" in name}
    assert attributes == {
        "countermark_leak_secret": "COGNITO_API_SECRET",
        "countermark_leak_key_id": RING.current.key_id,
        "countermark_leak_form": "raw",
        "countermark_leak_place": "body",
        "countermark_leak_offset": 15,
    }


def test_no_repr_of_the_guard_shows_a_secret() -> None:
    guarded = guard(secrets=SECRETS)
    config = guarded._guard
    seen = [guarded, config, config.matcher, *config.matcher.needles]
    assert SECRET[20:40] not in repr(seen)
    assert "COGNITO_API_SECRET" in repr(seen)
    for thing in (config.matcher, config.matcher.needles[0]):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)


def test_a_place_has_no_part_of_a_secret_in_the_name_of_a_header() -> None:
    events = reported([], [(f"X-{SECRET}", SECRET), ("X-Debug", SECRET)])
    assert [leak.place for leak in leaks_of(events)] == ["header", "header X-Debug"]

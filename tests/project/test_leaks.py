"""Canaries: a planted secret and its tokens turn up nowhere, however much is logged."""

from __future__ import annotations

import json
import logging
import os
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest

from countermark import (
    BadToken,
    EventCounter,
    InvalidKey,
    Keyring,
    Principal,
    Signer,
    Verifier,
    WatchedKeyring,
)
from countermark.asgi import Scope, SigningMiddleware, VerifyingMiddleware
from countermark.cli import main
from countermark.rollout import Meter
from countermark.rollout._report import as_dict, as_text
from countermark.rollout.opentelemetry import instrument
from countermark.rollout.prometheus import CountermarkCollector
from tests.drivers import answer, http_scope, request
from tests.samples import private_key

SECRET = "canary-3f9c2b7d51e8406aa9b4c1d0e7f65a28"
USER = "canary-user-1"


@pytest.fixture
def signer() -> Signer:
    return Signer("stigg", Keyring(SECRET, previous="previous-" + SECRET))


def test_logs_events_and_counters(signer: Signer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    counter = EventCounter()
    events: list[Any] = []

    def hook(event: Any) -> None:
        events.append(event)
        counter(event)

    def resolve(scope: Scope) -> Any:
        return scope["principal"]

    public = [(b"cache-control", b"public")]
    for principal in (USER, f"{USER}\n", Principal(USER, actor=USER), f"{USER}-é", 1.5, None):
        for headers in ([], public):
            app = SigningMiddleware(
                answer(headers, before=lambda scope: scope["state"]["countermark"].payload()),
                signers=signer,
                principal=resolve,
                on_event=hook,
            )
            scope = {"type": "http", "method": "GET", "principal": principal}
            request(app, scope)
    assert {event.name for event in events} == {
        "signed", "failed", "withheld", "exposed", "impersonated"
    }  # fmt: skip
    seen = caplog.text + repr([vars(record) for record in caplog.records])
    seen += repr(events) + repr(counter.snapshot())
    for canary in (SECRET, USER, signer.sign(USER).rpartition(":")[2]):
        assert canary not in seen


def test_a_traceback_from_inside_signing_shows_no_key(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        signer.sign(f"{USER}\n")
    except Exception as error:
        caught = error
    shown = traceback.TracebackException.from_exception(caught, capture_locals=True)
    assert SECRET not in "".join(shown.format())
    assert USER not in str(caught)
    assert caught.__context__ is None


def test_representations_and_pickles(signer: Signer) -> None:
    identity_seen: list[Any] = []
    app = SigningMiddleware(
        answer([], before=lambda scope: identity_seen.append(scope["state"]["countermark"])),
        signers=signer,
        principal=lambda scope: USER,
    )
    request(app)
    things = [signer, signer._key, identity_seen[0], signer.issue(USER), app, signer.scheme]
    things += [Principal(USER, email=f"{USER}@a.example", actor=USER), Principal(USER)]
    for thing in things:
        text = repr(thing) + str(thing)
        assert SECRET not in text
        assert USER not in text
        try:
            pickled = pickle.dumps(thing)
        except Exception:
            continue
        assert SECRET.encode() not in pickled


def test_no_attribute_but_the_keys_own_holds_the_secret(signer: Signer) -> None:
    """What a debugger or an error tracker walks through from a signer, two levels deep."""

    def attributes(thing: object) -> list[Any]:
        names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
        return [getattr(thing, name, None) for name in names]

    def is_secret(value: object) -> bool:
        return isinstance(value, str | bytes) and value in (SECRET, SECRET.encode())

    assert any(map(is_secret, attributes(signer._key)))  # else this test sees nothing
    for outer in attributes(signer):
        assert not is_secret(outer)
        if outer is not signer._key:
            assert not any(map(is_secret, attributes(outer)))
    cells = [cell.cell_contents for cell in signer.sign.__closure__ or ()]
    assert not any(cell in (SECRET, SECRET.encode()) for cell in cells)


@pytest.mark.parametrize("damage", ["cut off", "not a key", "of another kind", "claims", "hex"])
def test_what_is_refused_shows_no_key(damage: str) -> None:
    pem, _ = private_key("RS256")
    canary = pem.splitlines()[3]
    build: dict[str, Any] = {
        "cut off": lambda: Signer("knock", Keyring(pem[:900] + "\n-----END PRIVATE KEY-----")),
        "not a key": lambda: Keyring(pem.replace("PRIVATE", "PUBLIC").strip()),
        "of another kind": lambda: Signer("stigg", Keyring(pem)),
        "claims": lambda: Signer("intercom-jwt", Keyring(SECRET), claims=["plan"]).sign(
            Principal("u", attributes={"plan": {object()}})
        ),
        "hex": lambda: Signer("pylon", Keyring(SECRET)),
    }
    try:
        build[damage]()
    except Exception as error:
        caught = error
    assert caught.__context__ is None
    traceback_ = caught.__traceback__
    assert traceback_ is not None
    ours = traceback_.tb_next and traceback_.tb_next.tb_next  # not the test's own frames
    shown = traceback.TracebackException(type(caught), caught, ours, capture_locals=True)
    text = "".join(shown.format())
    assert "countermark" in text
    assert canary not in text
    assert SECRET not in text


@pytest.mark.parametrize("slug", ["stigg", "cognito-flow", "stream-chat"])
def test_verifying_reveals_no_id_token_or_key(slug: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ring = Keyring(SECRET, previous="previous-" + SECRET)
    verifier, token = Verifier(slug, ring), Signer(slug, ring).sign(USER)
    forged = Signer(slug, Keyring("foreign-" + SECRET)).sign(USER)
    seen: list[Any] = []
    for mode in ("monitor", "enforce"):
        app = VerifyingMiddleware(
            answer([], before=lambda scope: seen.extend(scope["state"].values())),
            verifier=verifier,
            mode=mode,
            token="X-Token",
            claimed_id=lambda scope: USER,
            on_event=seen.append,
        )
        for sent in (token, forged, token[:-1], "", f"{token},{token}"):
            seen.extend(request(app, http_scope(headers=[(b"x-token", sent.encode())])))
    text = caplog.text + repr([vars(record) for record in caplog.records]) + repr(seen)
    assert "refused" in caplog.text
    for canary in (SECRET, USER, token[-32:], forged[-32:]):
        assert canary not in text


@pytest.mark.parametrize("slug", ["stigg", "cognito-flow", "stream-chat"])
def test_a_traceback_from_inside_verifying_shows_no_key(slug: str) -> None:
    ring = Keyring(SECRET)
    forged = Signer(slug, Keyring("foreign-" + SECRET)).sign(USER)
    with pytest.raises(BadToken) as refused:
        Verifier(slug, ring).verify(forged, USER)
    shown = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    assert SECRET not in "".join(shown.format())
    good = Signer(slug, ring).sign(USER)  # what would have been right, to send it again
    assert good.rpartition(":")[2] not in "".join(shown.format())
    assert good.rpartition(".")[2] not in "".join(shown.format())


@pytest.mark.parametrize("slug", ["stigg", "cognito-flow", "stream-chat"])
def test_an_error_of_verifying_holds_no_token_in_its_frames(slug: str) -> None:
    ring = Keyring(SECRET)
    token = Signer(slug, ring).sign(USER)
    with pytest.raises(BadToken) as caught:
        Verifier(slug, ring).verify(token, "another-user")
    own = caught.value.__traceback__ and caught.value.__traceback__.tb_next  # not the test's frame
    error = caught.value
    shown = traceback.TracebackException(type(error), error, own, capture_locals=True)
    text = "".join(shown.format())
    assert "countermark" in text
    assert token not in text
    assert USER not in text


def test_metrics_and_reports_contain_no_secret_id_or_token() -> None:
    ring, meter = Keyring(SECRET), Meter()
    valid = Signer("stigg", ring).sign(USER)
    forged = Signer("stigg", Keyring("foreign-" + SECRET)).sign(USER)
    app = VerifyingMiddleware(
        answer([]), verifier=Verifier("stigg", ring), mode="monitor", meter=meter
    )
    for token in (valid, forged, valid[:-1], ""):
        request(app, http_scope(headers=[(b"x-customer-key", token.encode())]))
    registry, reader = CollectorRegistry(), InMemoryMetricReader()
    registry.register(CountermarkCollector(meter))
    provider = MeterProvider([reader])
    instrument(meter, provider)
    observed = reader.get_metrics_data()
    assert observed is not None
    provider.shutdown()
    snapshot = meter.snapshot()
    report = as_dict(snapshot, least="99.9", allowance_left={})
    text = as_text(snapshot, least="99.9", allowance_left={})
    seen = [generate_latest(registry).decode(), observed.to_json(), text, json.dumps(report)]
    seen += [repr(meter), repr(snapshot), pickle.dumps(snapshot).decode("latin-1")]
    for canary in (SECRET, USER, valid[-32:], forged[-32:]):
        assert all(canary not in each for each in seen)
    assert all("mismatch" in each for each in seen[:2])


WRONG_SECRETS = {
    "too short": SECRET[:30],
    "white space": f"{SECRET} ",
    "a publishable key": f"client-{SECRET}",
    "in PEM": f"-----BEGIN CERTIFICATE-----\n{SECRET}",
}


@pytest.mark.parametrize("wrong", WRONG_SECRETS)
def test_a_new_secret_that_is_refused_is_shown_nowhere(
    wrong: str, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    path, seen = tmp_path / "secret", list[Any]()
    monkeypatch.setenv("STIGG_SIGNING_SECRET_FILE", str(path))
    path.write_text("an-" + SECRET)
    keyring = WatchedKeyring("STIGG_SIGNING_SECRET", on_event=seen.append)
    users = [Signer("stigg", keyring), Verifier("stigg", keyring), keyring._watch]
    path.write_text("another-" + SECRET)
    assert keyring.refresh()
    path.write_text(WRONG_SECRETS[wrong])
    assert not keyring.refresh()
    text = repr(seen) + repr([vars(record) for record in caplog.records]) + caplog.text
    assert "keys_refused" in text
    assert SECRET[:30] not in text + repr([keyring, *users])


@pytest.mark.parametrize("wrong", ["white space", "in PEM"])
def test_a_watched_secret_that_is_refused_at_the_start_is_in_no_traceback(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(WRONG_SECRETS[wrong])
    monkeypatch.setenv("STIGG_SIGNING_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(InvalidKey) as caught:
        WatchedKeyring("STIGG_SIGNING_SECRET")
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert "countermark" in "".join(shown.format())
    assert SECRET not in "".join(shown.format())


COMMANDS = {
    "sign": ["sign", "stigg", "--id", "user-1", "--json"],
    "sign a refused id": ["sign", "stigg", "--id", "user\n1"],
    "verify": ["verify", "stigg", "--json", "--token-file", "TOKEN"],
    "verify a claimed id": ["verify", "stigg", "--id", "user-2", "--token-file", "TOKEN"],
    "request": ["request", "stigg", "https://a.example/", "--id", "user-1"],
    "request a webhook": ["request", "webhook:github", "https://a.example/", "--body", "TOKEN"],
    "request a sent secret": ["request", "webhook:stigg", "https://a.example/", "--body", "TOKEN"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_prints_or_logs_the_secret(
    name: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "token").write_text(Signer("stigg", Keyring(SECRET)).sign("user-1"))
    given = [str(tmp_path / "token") if part == "TOKEN" else part for part in COMMANDS[name]]
    descriptor = os.open(tmp_path / "secret", os.O_RDONLY)
    main([*given, "--secret-fd", str(descriptor)])
    out = capsys.readouterr()
    assert out.out + out.err
    assert SECRET not in out.out + out.err + caplog.text


def test_a_traceback_from_inside_a_command_shows_no_secret_and_no_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = Signer("stigg", Keyring(SECRET)).sign(USER)
    (tmp_path / "token").write_text(token)
    (tmp_path / "secret").write_text(SECRET)

    def fail(*given: object, **named: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Verifier, "check", fail)
    descriptor = os.open(tmp_path / "secret", os.O_RDONLY)
    arguments = ["verify", "stigg", "--token-file", str(tmp_path / "token")]
    with pytest.raises(RuntimeError) as caught:
        main([*arguments, "--secret-fd", str(descriptor)])
    error = caught.value
    own = error.__traceback__ and error.__traceback__.tb_next  # not the test's frame
    shown = traceback.TracebackException(type(error), error, own, capture_locals=True)
    text = "".join(shown.format())
    assert "_verify.py" in text
    assert SECRET not in text
    assert token[-32:] not in text

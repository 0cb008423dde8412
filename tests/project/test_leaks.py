"""Canaries: a planted secret and its tokens turn up nowhere, however much is logged."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import Any

import pytest

from countermark import BadToken, EventCounter, Keyring, Principal, Signer, Verifier
from countermark.asgi import Scope, SigningMiddleware, VerifyingMiddleware
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

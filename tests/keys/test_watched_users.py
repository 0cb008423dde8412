"""Signers, verifiers and middlewares with watched keyrings: all of a request is of one state."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import weakref
from typing import Any

import pytest

from countermark import (
    BadToken,
    BadWebhook,
    Keyring,
    Principal,
    Signer,
    Verifier,
    WatchedKeyring,
    asgi,
    wsgi,
)
from countermark.events import Event
from countermark.principal import Signable
from countermark.webhooks import WebhookVerifier
from tests.drivers import answer, call, header, http_scope, request, wsgi_answer
from tests.keys.watching import LONG, NAME, KeyFiles, delivery, secret, wait_for
from tests.samples import private_key

HEADER = b"stigg-customer-token"


def plain(number: int, slug: str = "stigg") -> Signer:
    return Signer(slug, Keyring(secret(number)))


@pytest.mark.parametrize("started", [True, False])
def test_a_signer_and_a_function_taken_from_it_sign_with_the_new_key(
    files: KeyFiles, started: bool
) -> None:
    keyring = files.keyring()
    signer = Signer("stigg", keyring)
    sign = signer.sign
    if started:
        assert sign("user-1") == plain(1).sign("user-1")
    files.put(secret(2))
    assert keyring.refresh()
    assert sign("user-1") == signer.sign("user-1") == plain(2).sign("user-1")
    issued = signer.issue("user-1")
    assert (issued.token, issued.key_id) == (plain(2).sign("user-1"), plain(2).key_id)
    assert signer.marker("user-1") == plain(2).marker("user-1")
    assert signer.pseudonym("user-1") == plain(2).pseudonym("user-1")
    assert plain(2).key_id in repr(signer)


@pytest.mark.parametrize("slug", ["stigg", "intercom-jwt"])
def test_what_was_issued_keeps_its_key(files: KeyFiles, slug: str) -> None:
    keyring = files.keyring()
    signer = Signer(slug, keyring)
    issued = signer.issue("user-1")
    files.put(secret(2))
    assert keyring.refresh()
    again = signer.issue("user-1")
    for one, number in ((issued, 1), (again, 2)):
        assert one.key_id == plain(number, slug).key_id
        assert one.token in one.fields.values()
        assert Verifier(slug, Keyring(secret(number))).check(one.token, "user-1").code == "verified"


class Marked(Signer):
    """A signer with a method of its own."""

    def sign(self, principal: Any) -> str:
        return f"mine:{super().sign(principal)}"


def test_a_subclass_may_override_sign(files: KeyFiles) -> None:
    keyring = files.keyring()
    signer = Marked("stigg", keyring)
    for number in (1, 2):
        files.put(secret(number))
        assert keyring.refresh()
        expected = f"mine:{plain(number).sign('user-1')}"
        assert signer.sign("user-1") == signer.issue("user-1").token == expected
        app = asgi.SigningMiddleware(answer(), signers=signer, principal=lambda scope: "user-1")
        assert header(request(app)[0], HEADER) == expected.encode()


class Prefixed(Signer):
    """Needs an attribute that it sets after the base class has been made."""

    def __init__(self, keyring: Keyring) -> None:
        super().__init__("stigg", keyring)
        self.prefix = "tenant-"

    def sign(self, principal: Signable) -> str:
        return super().sign(f"{self.prefix}{principal}")


def test_a_subclass_may_have_attributes_of_its_own(files: KeyFiles) -> None:
    keyring = files.keyring()
    signer = Prefixed(keyring)
    assert signer.issue("1").token == plain(1).sign("tenant-1")
    app = asgi.SigningMiddleware(answer(), signers=signer, principal=lambda scope: "1")
    for number in (1, 2):
        files.put(secret(number))
        assert keyring.refresh()
        assert header(request(app)[0], HEADER) == plain(number).sign("tenant-1").encode()


def test_a_verifier_takes_new_keys_of_all_roles(files: KeyFiles) -> None:
    keyring = files.keyring()
    verifier = Verifier("stigg", keyring)
    old, new = plain(1).sign("user-1"), plain(2).sign("user-1")
    assert verifier.verify(old).role == "current"
    assert verifier.check(new).code == "mismatch"
    files.put(secret(2), "_NEXT")
    assert keyring.refresh()
    assert verifier.verify(new).role == "next"
    files.put(secret(2))
    files.put(secret(1), "_PREVIOUS")
    files.put(None, "_NEXT")
    assert keyring.refresh()
    assert verifier.verify(new).role == "current"
    assert verifier.verify(old).role == "previous"
    assert verifier.pseudonym("user-1") == plain(2).pseudonym("user-1")
    files.put(None, "_PREVIOUS")
    assert keyring.refresh()
    with pytest.raises(BadToken):
        verifier.verify(old)
    assert verifier.explain(new).outcome == "good"
    assert verifier.explain(old).outcome == "unexplained"


def test_a_verifier_refuses_a_short_secret_later_too(files: KeyFiles) -> None:
    keyring = files.keyring()
    verifier = Verifier("stigg", keyring, allow_short_secret=False)
    files.put(secret(2)[:30])
    assert not keyring.refresh()
    assert "too short to verify with" in str(files.events[-1].hint)
    assert verifier.verify(plain(1).sign("user-1")).role == "current"


def test_the_keys_of_other_environments_may_be_watched(files: KeyFiles) -> None:
    keyring = files.keyring()
    verifier = Verifier(
        "stigg", Keyring(secret(7)), environment="live", other_environments={"sandbox": keyring}
    )
    token = plain(2).sign("user-1")
    assert verifier.check(token).code == "mismatch"
    files.put(secret(2))
    assert keyring.refresh()
    assert verifier.check(token).code == "wrong_environment"
    assert verifier.verify(plain(7).sign("user-1")).role == "current"


def test_a_verifier_starts_all_its_watches(files: KeyFiles) -> None:
    keyrings = [files.keyring() for _ in range(2)]
    verifier = Verifier("stigg", keyrings[0], other_environments={"sandbox": keyrings[1]})
    keyrings[1]._watch.start()
    assert verifier._waits
    assert verifier.check(plain(1).sign("user-1")).code == "verified"
    assert [keyring._watch.is_started for keyring in keyrings] == [True, True]
    assert not verifier._waits


def test_private_keys_are_watched_too(files: KeyFiles) -> None:
    pem, public = private_key("RS256")
    files.put(pem)
    keyring = files.keyring()
    signer = Signer("knock", keyring)
    files.put(secret(2))
    assert not keyring.refresh()
    assert Verifier("knock", Keyring(public)).verify(signer.sign("user-1")).role == "current"


def test_a_webhook_verifier_takes_new_keys(files: KeyFiles) -> None:
    keyring = files.keyring()
    verifier = WebhookVerifier("github", keyring)
    assert verifier.verify(**delivery(1)).role == "current"
    files.put(secret(2))
    files.put(secret(1), "_PREVIOUS")
    assert keyring.refresh()
    assert verifier.verify(**delivery(2)).role == "current"
    assert verifier.verify(**delivery(1)).role == "previous"
    assert verifier.explain(**delivery(2)).outcome == "good"
    with pytest.raises(BadWebhook):
        verifier.verify(**delivery(3))
    assert {event.scheme for event in files.events} == {"webhook:github"}


def test_several_key_ids_may_have_one_watched_keyring() -> None:
    numbers = iter("abc")
    keyring = WatchedKeyring(lambda: "live_secret_" + next(numbers) * 64, interval=9999)
    verifier = WebhookVerifier("cognito", dict.fromkeys(["first", "second"], keyring))
    assert keyring.refresh()
    expected = Keyring("live_secret_" + "b" * 64).current.key_id
    assert {ring.current.key_id for ring in verifier._keys.rings.values()} == {expected}


def test_a_webhook_verifier_refuses_half_of_a_secret(files: KeyFiles) -> None:
    keyring = files.keyring()
    verifier = WebhookVerifier("github", keyring)
    files.put(secret(2)[:5])
    assert not keyring.refresh()
    assert "may be cut off" in str(files.events[-1].hint)
    assert verifier.verify(**delivery(1)).role == "current"


def consistent(number: int, token: bytes | str | None, payload: dict[str, Any]) -> bool:
    """Tell whether a response is of the key of this number alone."""
    expected = plain(number).sign("user-1")
    text = token.decode() if isinstance(token, bytes) else token
    fields = payload["stigg"]
    marker = payload["marker"] == plain(number).marker("id\nuser-1\n\n")
    return text == expected == f"HMAC-SHA256 {fields['customerToken'][12:]}" and marker


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
@pytest.mark.parametrize("first", ["marker", "payload", "header"])
def test_a_request_that_has_begun_keeps_its_keys(
    files: KeyFiles, protocol: str, first: str
) -> None:
    """The keys change after the first read in each request, and again before the headers."""
    keyring = files.keyring()
    signer = Signer("stigg", keyring)
    number, seen = 1, []

    def change() -> None:
        nonlocal number
        number += 1
        files.put(secret(number))
        assert keyring.refresh()

    def view(identity: Any) -> None:
        seen.append(identity)
        if first != "header":
            assert identity.marker if first == "marker" else identity.payload()
            change()
            identity.payload()
            change()

    options: dict[str, Any] = {"signers": signer, "principal": lambda source: "user-1"}
    app = asgi.SigningMiddleware(answer(before=lambda scope: view(scope["countermark"])), **options)
    wrapped = wsgi.SigningMiddleware(
        wsgi_answer(before=lambda environ: view(environ[wsgi.IDENTITY_KEY])), **options
    )
    for _ in range(3):
        began = number
        token: Any
        if protocol == "asgi":
            token = header(request(app, http_scope())[0], HEADER)
        else:
            token = call(wrapped).header(HEADER.decode())
        change()
        assert consistent(began, token, seen[-1].payload())


def test_events_of_a_request_have_the_pseudonym_of_its_key(files: KeyFiles) -> None:
    keyring = files.keyring()
    found: list[Event] = []
    app = asgi.VerifyingMiddleware(
        answer(),
        verifier=Verifier("stigg", keyring),
        mode="enforce",
        on_event=found.append,
    )
    for number in (1, 2):
        files.put(secret(number))
        assert keyring.refresh()
        token = plain(number).sign("user-1")
        request(app, http_scope(headers=[(b"x-customer-key", token.encode())]))
        assert found[-1].name == "verified"
        assert found[-1].principal == plain(number).pseudonym("user-1")


OF_A_TENANT = {"tenant": lambda scope: "acme", "token": "X-Customer-Key"}


@pytest.mark.parametrize(
    "options", [{}, {"origins": None, "mode": lambda context: "enforce"}, OF_A_TENANT]
)
def test_a_verifying_middleware_takes_new_keys(files: KeyFiles, options: dict[str, Any]) -> None:
    keyring = files.keyring()
    verifier = Verifier("stigg", keyring)
    given: Any = (lambda tenant: verifier) if options is OF_A_TENANT else verifier
    app = asgi.VerifyingMiddleware(answer(), verifier=given, **{"mode": "enforce", **options})

    def status(number: int) -> int:
        token = plain(number).sign("user-1")
        scope = http_scope(headers=[(b"x-customer-key", token.encode())])
        found: int = request(app, scope)[0]["status"]
        return found

    assert (status(1), status(2)) == (200, 401)
    files.put(secret(2))
    assert keyring.refresh()
    assert (status(1), status(2)) == (401, 200)


def test_the_signers_of_a_tenant_may_have_watched_keys(files: KeyFiles) -> None:
    keyring = files.keyring()
    signers = [Signer("stigg", keyring), Signer("canny-hash", keyring)]
    seen: list[Any] = []
    app = asgi.SigningMiddleware(
        answer(before=lambda scope: seen.append(scope["countermark"].payload())),
        signers=lambda tenant: signers,
        principal=lambda scope: Principal("user-1", tenant="acme"),
    )
    for number in (1, 2):
        files.put(secret(number))
        assert keyring.refresh()
        assert header(request(app)[0], HEADER) == plain(number).sign("user-1").encode()
        assert plain(number, "canny-hash").sign("user-1") in str(seen[-1])
        assert keyring._watch.is_started


def test_one_keyring_may_have_many_users(files: KeyFiles) -> None:
    keyring = files.keyring()
    signers = [Signer("stigg", keyring), Signer("canny-hash", keyring)]
    app = asgi.SigningMiddleware(answer(), signers=signers, principal=lambda scope: "user-1")
    files.put(secret(2))
    assert keyring.refresh()
    assert {signer.key_id for signer in signers} == {plain(2).key_id}
    assert header(request(app)[0], HEADER) == plain(2).sign("user-1").encode()


def test_a_user_that_is_made_while_keys_change_has_the_new_ones(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = files.keyring()

    def change(*given: object) -> int:
        files.put(secret(2))
        keyring.refresh()
        return 2048

    monkeypatch.setattr("countermark.signing._signer.always_fits_header", change)
    assert Signer("stigg", keyring).sign("user-1") == plain(2).sign("user-1")


def test_the_first_use_in_a_process_reads_the_files_again(files: KeyFiles) -> None:
    """A worker may wait long for its first request."""
    signer = Signer("stigg", files.keyring())
    files.put(secret(2))
    assert signer.sign("user-1") == plain(2).sign("user-1")


def test_the_first_use_in_a_process_calls_the_function_in_the_background() -> None:
    numbers = iter([1, 2, 2])
    keyring = WatchedKeyring(lambda: secret(next(numbers)), interval=9999)
    signer = Signer("stigg", keyring)
    signer.sign("user-1")
    wait_for(lambda: signer.key_id == plain(2).key_id)


def test_nothing_is_kept_alive(files: KeyFiles) -> None:
    keyring = files.keyring(interval=0.001)
    signer = Signer("stigg", keyring)
    app = asgi.SigningMiddleware(answer(), signers=signer, principal=lambda scope: "user-1")
    verifier = Verifier("stigg", keyring)
    request(app)
    assert verifier.verify(signer.sign("user-1")).role == "current"
    gone = [weakref.ref(thing) for thing in (signer, app, verifier, keyring, keyring._watch)]
    users = keyring._watch._users
    del signer, app, verifier
    gc.collect()
    assert not users
    job = keyring._watch._job
    del keyring
    gc.collect()
    # The background may be reading.
    wait_for(lambda: [found() for found in gone] == [None] * len(gone))
    assert job.run_once() is False  # so it rests


FORK = f"""
import os, sys, time
from countermark import Signer, WatchedKeyring
from countermark.asgi import SigningMiddleware

path = os.environ["{NAME}_FILE"]
keyring = WatchedKeyring("{NAME}", interval=0.005)
signer = Signer("stigg", keyring)
if sys.argv[1] == "used before":
    signer.sign("user-1")
    assert keyring._watch.is_started
child = os.fork()
if not child:
    assert not keyring._watch.is_started
    pinned = signer._pinned
    assert "sign" not in vars(pinned)
    before = pinned.sign("user-1")  # as a middleware does
    assert "sign" in vars(pinned)
    with open(path + ".new", "w") as file:
        file.write("{secret(2)}")
    os.replace(path + ".new", path)
    end = time.monotonic() + {LONG}
    while signer.sign("user-1") == before:
        assert time.monotonic() < end
        time.sleep(0.002)
    print(signer.sign("user-1"))
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("used", ["used before", "not used"])
def test_a_forked_child_watches_with_its_first_request(files: KeyFiles, used: str) -> None:
    """A process that only signs: its hot path does not ask whether the watch has started."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, used],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == plain(2).sign("user-1")


def test_from_env_watches_if_asked(files: KeyFiles) -> None:
    signer = Signer.from_env("stigg", watch=True)
    verifier = Verifier.from_env("stigg", watch=True)
    files.put(secret(2))
    for user in (signer, verifier):
        [watch] = user._watches
        assert watch.refresh()
    assert verifier.verify(signer.sign("user-1")).key_id == plain(2).key_id


def test_a_webhook_verifier_from_env_watches_if_asked(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET_FILE", str(files.path()))
    verifier = WebhookVerifier.from_env("github", watch=True)
    [watch] = verifier._watches
    files.put(secret(2))
    assert watch.refresh()
    assert verifier.verify(**delivery(2)).role == "current"


def test_a_leak_guard_searches_for_the_new_secret(files: KeyFiles) -> None:
    keyring, found = files.keyring(), list[Event]()
    app = wsgi.LeakGuardMiddleware(
        wsgi_answer([("x-debug", secret(2))]),
        mode="report",
        secrets={NAME: keyring},
        on_event=found.append,
    )
    call(app)
    assert found == []
    assert keyring._watch.is_started
    files.put(secret(2))
    assert keyring.refresh()
    call(app)
    assert [event.name for event in found] == ["leaked"]
    files.put("tiny")
    assert not keyring.refresh()
    assert "fewer than 8 bytes" in str(files.events[-1].hint)


def test_repr_and_json_of_events_hold_no_secret(files: KeyFiles) -> None:
    keyring = files.keyring()
    Signer("stigg", keyring)
    for text in (secret(2), secret(3)[:20], f" {secret(4)}"):
        files.put(text)
        keyring.refresh()
    shown = repr(files.events) + json.dumps(files.events) + repr(keyring) + repr(keyring._watch)
    assert "number" not in shown
    assert isinstance(keyring, WatchedKeyring)

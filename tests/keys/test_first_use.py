"""The first use of watched keys in a process, which may have waited long for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from countermark import Keyring, Principal, Signer, Verifier, WatchedKeyring, asgi, wsgi
from countermark.events import Event
from countermark.webhooks import WebhookVerifier
from tests.drivers import answer, call, header, http_scope, request, wsgi_answer
from tests.keys.watching import LONG, KeyFiles, delivery, secret

HEADER = "stigg-customer-token"


def token(number: int) -> str:
    return Signer("stigg", Keyring(secret(number))).sign("user-1")


def first_token(keyring: WatchedKeyring, way: str) -> Callable[[], str]:
    """Return a function that signs for the first time, in a way of applications."""
    signer = Signer("stigg", keyring)
    options: dict[str, Any] = {"signers": signer, "principal": lambda source: "user-1"}
    if way == "tenant":
        options["signers"] = lambda tenant: signer
        options["principal"] = lambda source: Principal("user-1", tenant="acme")
    if way == "issue":
        return lambda: signer.issue("user-1").token
    if way == "wsgi":
        wrapped = wsgi.SigningMiddleware(wsgi_answer(), **options)
        return lambda: call(wrapped).header(HEADER) or ""
    app = asgi.SigningMiddleware(answer(), **options)
    return lambda: str(header(request(app)[0], HEADER.encode()) or b"", "ascii")


@pytest.mark.parametrize("way", ["issue", "wsgi", "asgi", "tenant"])
def test_the_first_request_in_a_process_signs_with_the_newest_key(
    files: KeyFiles, way: str
) -> None:
    signs = first_token(files.keyring(), way)
    files.put(secret(2))
    assert signs() == token(2)
    assert signs() == token(2)


@pytest.mark.parametrize("way", ["one", "mode", "tenant"])
def test_the_first_request_in_a_process_is_verified_with_the_newest_key(
    files: KeyFiles, way: str
) -> None:
    verifier = Verifier("stigg", files.keyring())
    options: dict[str, Any] = {
        "one": {"verifier": verifier, "mode": "enforce"},
        "mode": {"verifier": verifier, "mode": lambda context: "enforce"},
        "tenant": {
            "verifier": lambda tenant: verifier,
            "tenant": lambda scope: "acme",
            "mode": "enforce",
            "token": "x-customer-key",
        },
    }[way]
    app = asgi.VerifyingMiddleware(answer(), **options)
    files.put(secret(2))
    for _ in range(2):
        scope = http_scope(headers=[(b"x-customer-key", token(2).encode())])
        assert request(app, scope)[0]["status"] == 200


def test_the_first_delivery_in_a_process_is_verified_with_the_newest_key(files: KeyFiles) -> None:
    verifier = WebhookVerifier("github", files.keyring())
    files.put(secret(2))
    assert verifier.verify(**delivery(2)).role == "current"


def test_threads_that_come_meanwhile_wait_for_the_first_read(files: KeyFiles) -> None:
    threads = 8
    signer = Signer("stigg", files.keyring())
    files.put(secret(2))
    barrier, found = threading.Barrier(threads), []

    def run() -> None:
        barrier.wait(LONG)
        found.append(signer.sign("user-1"))

    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(LONG)
    assert found == [token(2)] * threads


def test_a_hook_that_waits_for_a_thread_that_waits_for_it_comes_to_its_end(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countermark.keys._watch._PATIENCE", 0.05)
    ended: list[str] = []

    def hook(event: Event) -> None:
        other = threading.Thread(target=lambda: ended.append(signer.sign("user-1")))
        other.start()
        other.join(LONG)

    signer = Signer("stigg", files.keyring(on_event=hook))
    files.put(secret(2))
    began = time.monotonic()
    assert signer.sign("user-1") == token(2)
    assert ended == [token(2)]
    assert time.monotonic() - began < LONG


def test_a_disk_that_hangs_delays_no_more_than_one_thread(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countermark.keys._watch._PATIENCE", 0.05)
    signer = Signer("stigg", files.keyring())
    hangs, goes_on = threading.Event(), threading.Event()
    signed = signer._pinned.sign  # the path of a request

    def hang(*given: object) -> bytes:
        hangs.set()
        goes_on.wait(LONG)
        return secret(1).encode()

    monkeypatch.setattr("countermark.keys._sources._content", hang)
    first = threading.Thread(target=signed, args=["user-1"])
    first.start()
    assert hangs.wait(LONG)
    began = time.monotonic()
    assert {signed("user-1") for _ in range(1000)} == {token(1)}
    assert time.monotonic() - began < LONG  # of 50 seconds, if each waited
    goes_on.set()
    first.join(LONG)


def test_keys_that_change_during_a_change_end_in_all_users(files: KeyFiles) -> None:
    """As by a signal handler that calls refresh() while a thread puts keys into use."""
    keyring = files.keyring()
    signers = [Signer("stigg", keyring) for _ in range(3)]
    signers[0].sign("user-1")
    notify, calls = signers[1]._notify, []

    def interrupt() -> None:
        notify()
        calls.append(1)
        if len(calls) == 1:
            files.put(secret(3))
            keyring.refresh()

    vars(signers[1])["_notify"] = interrupt
    files.put(secret(2))
    keyring.refresh()
    keyring.refresh()  # or the next read in the background
    assert {signer.sign("user-1") for signer in signers} == {token(3)}

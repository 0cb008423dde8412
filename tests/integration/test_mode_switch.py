"""The mode of a fleet in a real Redis: changes are followed, and losses change nothing."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ref

import pytest

from countermark import ConfigurationError, Keyring, Verifier
from countermark.redis import RedisStore
from countermark.rollout import set_mode
from countermark.verifying import Enforcement, EnforcePercent, ModeContext, ModeSwitch
from countermark.verifying import _mode_switch as _module
from tests.conftest import SECRET, Events
from tests.integration.redis_server import RedisServer
from tests.integration.silent import mute, outcome
from tests.verifying.protocols import ASGI, WSGI, stigg
from tests.verifying.protocols import OTHER as WRONG

# Its private names are replaced.
module: Any = _module
LIVE = {"environment": "live"}
KEY = "countermark:{stigg/live}:modes"


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    """A Redis with nothing in it."""
    shared_server.client().flushall()
    return shared_server


def switch_of(server: RedisServer, **options: Any) -> ModeSwitch:
    store = RedisStore(server.url, pause=0)
    return ModeSwitch(store, "stigg", **{"interval": 0.02, **LIVE, **options})


def put(server: RedisServer, mode: Any, **options: Any) -> None:
    set_mode(RedisStore(server.url), "stigg", mode, **{"by": "ann", **LIVE, **options})


def asked(switch: ModeSwitch, **context: Any) -> str:
    return str(switch(ModeContext({}, **context)))


def wait_until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.005)


def test_a_change_is_followed_and_reported(server: RedisServer, events: Events) -> None:
    put(server, "monitor")
    switch = switch_of(server, on_event=events)
    assert (asked(switch), repr(switch)) == ("monitor", "<ModeSwitch stigg mode=monitor>")
    for mode in (EnforcePercent(10), "enforce", "off"):
        put(server, mode)
        wait_until(lambda expected=str(mode): asked(switch) == expected)  # type: ignore[misc]
    wait_until(lambda: len(events) == 3)
    assert {event.name for event in events} == {"mode_changed"}
    assert [event.reason for event in events] == ["enforce", "enforce", "off"]
    assert events[0].change == ("monitor", "enforce 10%", 0, "live", "ann")


def test_a_tenant_may_have_a_mode_of_its_own(server: RedisServer, events: Events) -> None:
    put(server, "monitor")
    put(server, "enforce", tenant="acme")
    switch = switch_of(server, on_event=events)
    assert (asked(switch, tenant="acme"), asked(switch, tenant="brick")) == ("enforce", "monitor")
    put(server, None, tenant="acme")
    wait_until(lambda: asked(switch, tenant="acme") == "monitor" and bool(events))
    assert [event.change for event in events] == [("monitor", "monitor", 1, "live", "ann")]


@pytest.mark.parametrize(("own", "expected"), [("enforce", "enforce"), ("off", "monitor")])
def test_a_tenant_that_cannot_be_read_may_be_the_enforced_one(
    server: RedisServer, own: str, expected: str
) -> None:
    put(server, "monitor")
    put(server, own, tenant="acme")
    verifier = Verifier("stigg", Keyring(SECRET), environment="live")
    enforcement = Enforcement(verifier, mode=switch_of(server), tenant=lambda source: source["x"])
    verdict = enforcement.judge({"headers": []})
    assert verdict is not None
    assert (verdict.mode, verdict.code) == (expected, "unknown_tenant")


def test_a_mode_of_a_tenant_is_reported_if_no_request_has_a_tenant(
    server: RedisServer, events: Events
) -> None:
    put(server, "monitor")
    put(server, "enforce", tenant="acme")
    switch = switch_of(server)
    verifier = Verifier("stigg", Keyring(SECRET), environment="live")
    lacking = Enforcement(verifier, mode=switch, on_event=events)
    reading = Enforcement(verifier, mode=switch, tenant=lambda source: "acme", on_event=events)
    for enforcement in (lacking, lacking, reading):
        assert enforcement.judge({"type": "http", "headers": []}) is not None
    assert [event.reason for event in events.named("failed")] == ["mode_ineffective"]


def test_a_change_to_the_same_mode_is_no_event(server: RedisServer, events: Events) -> None:
    put(server, "monitor")
    switch = switch_of(server, on_event=events)
    asked(switch)
    put(server, "monitor", by="bob")
    wait_until(lambda: switch.stored is not None and switch.stored.by == "bob")
    assert events == []
    stored, read_at = switch.stored, switch._asked_at
    wait_until(lambda: switch._asked_at > read_at)
    assert switch.stored is stored  # it is not sent again


def test_a_probe_sees_the_first_mode_although_there_are_no_requests(
    server: RedisServer, events: Events
) -> None:
    switch = switch_of(server, on_event=events)
    assert switch.stored is None
    put(server, "monitor")
    wait_until(lambda: switch.stored is not None)
    assert [event.name for event in events] == ["failed", "mode_changed"]


def test_a_process_that_starts_without_a_mode_enforces(server: RedisServer, events: Events) -> None:
    switch = switch_of(server, on_event=events)
    assert (asked(switch), switch.stored) == ("enforce", None)
    assert repr(switch) == "<ModeSwitch stigg mode=enforce, as none is known>"
    put(server, "monitor")
    wait_until(lambda: asked(switch) == "monitor" and len(events) == 2)
    assert [(event.name, event.reason) for event in events] == [
        ("failed", "mode_missing"),
        ("mode_changed", "monitor"),
    ]


def test_a_process_that_starts_without_redis_enforces_until_it_is_back(
    redis_server: RedisServer, events: Events
) -> None:
    put(redis_server, "monitor")
    redis_server.kill()
    switch = switch_of(redis_server, on_event=events)
    assert asked(switch) == "enforce"
    redis_server.start()
    wait_until(lambda: asked(switch) == "monitor")
    assert [(event.reason, event.error) for event in events.named("failed")] == [
        ("mode_unavailable", "ConnectionError")
    ]
    redis_server.kill()
    wait_until(lambda: len(events.named("failed")) == 2)
    assert [asked(switch) for _ in range(50)] == ["monitor"] * 50
    redis_server.start()
    put(redis_server, "enforce")
    wait_until(lambda: asked(switch) == "enforce")
    assert len(events.named("failed")) == 2


def garbage(client: Any, **fields: Any) -> None:
    client.hset(KEY, mapping={"revision": "999999999999999", **fields})


LOSSES: dict[str, tuple[Callable[[Any], object], str]] = {
    "emptied": (lambda client: client.flushall(), "mode_missing"),
    "deleted": (lambda client: client.delete(KEY), "mode_missing"),
    "another type": (lambda client: client.set(KEY, "off"), "mode_unavailable"),
    "not text": (lambda client: garbage(client, by=b"\xff"), "mode_unavailable"),
    "an unknown mode": (lambda client: garbage(client, mode="open"), "mode_invalid"),
    "0 percent": (lambda client: garbage(client, mode="enforce 0%"), "mode_invalid"),
    "no mode": (lambda client: client.hdel(KEY, "mode", "revision"), "mode_invalid"),
    "no revision": (lambda client: client.hdel(KEY, "revision"), "mode_invalid"),
    "a huge revision": (lambda client: garbage(client, revision="9" * 16), "mode_invalid"),
    "an odd revision": (lambda client: garbage(client, revision="-1", mode="off"), "mode_invalid"),
    "an unknown field": (lambda client: garbage(client, x="1"), "mode_invalid"),
    "a tenant": (lambda client: garbage(client, **{"tenant:acme": "no"}), "mode_invalid"),
    "two lines": (lambda client: garbage(client, by="ann\nroot"), "mode_invalid"),
    "older": (lambda client: garbage(client, revision="7", mode="off"), "mode_older"),
}


@pytest.mark.parametrize(
    ("loss", "mode"),
    [*((loss, "enforce") for loss in LOSSES), ("emptied", "monitor"), ("older", "monitor")],
)
def test_a_loss_in_redis_changes_no_mode_and_is_one_event(
    server: RedisServer, events: Events, loss: str, mode: str
) -> None:
    put(server, mode)
    switch = switch_of(server, on_event=events)
    assert asked(switch) == mode
    lose, reason = LOSSES[loss]
    lose(server.client())
    wait_until(lambda: bool(events))
    read_at = switch._asked_at
    wait_until(lambda: switch._asked_at > read_at)
    assert asked(switch) == mode
    assert [(event.name, event.reason) for event in events] == [("failed", reason)]
    server.client().delete(KEY)
    put(server, "off")
    wait_until(lambda: asked(switch) == "off")


def test_a_redis_that_never_answers_does_not_delay_a_request(
    server: RedisServer, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = threading.Event()
    read, waits, store = module.read_stored, [], RedisStore(server.url, timeout=20)

    def slow(given: RedisStore, *arguments: Any) -> Any:
        if given is not store:
            return read(given, *arguments)
        waits.append(True)
        asking.set()
        try:
            return read(store, *arguments)
        finally:
            waits.pop()

    for mode, status in (("monitor", 200), ("enforce", 401)):
        put(server, mode)
        switch = ModeSwitch(store, "stigg", environment="live", interval=0.02)
        verifier = Verifier("stigg", Keyring(SECRET), environment="live")
        monkeypatch.setattr(module, "read_stored", slow)
        server.freeze()
        try:
            asked(switch)
            assert asking.wait(20)
            for protocol in (ASGI, WSGI):
                for _ in range(100):
                    visit = protocol(stigg(secret=WRONG), verifier=verifier, mode=switch)
                    assert visit.status == status
            assert waits == [True]  # it has waited for its first answer all the time
        finally:
            server.thaw()
        wait_until(lambda: not waits)
        asking.clear()
        monkeypatch.undo()


def test_a_silent_redis_at_the_start_costs_its_timeout_once_and_enforces(events: Events) -> None:
    with mute() as port:
        store = RedisStore(f"redis://127.0.0.1:{port}/0", timeout=0.1, pause=60)
        switch = outcome(lambda: ModeSwitch(store, "stigg", on_event=events))
        assert asked(switch) == "enforce"
    assert [event.reason for event in events] == ["mode_unavailable"]


def readers_of(switch: ModeSwitch, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of each thread that reads the modes from now on."""
    names: list[str] = []
    read = module.read_stored

    def recorded(store: Any, *arguments: Any) -> Any:
        if store is switch._store:
            names.append(threading.current_thread().name)
        return read(store, *arguments)

    monkeypatch.setattr(module, "read_stored", recorded)
    return names


def test_the_first_request_of_an_idle_process_reads_an_old_mode_again(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server, "monitor")
    switches = [switch_of(server, interval=60) for _ in range(2)]
    put(server, "enforce")
    assert asked(switches[0]) == "monitor"  # it is not old yet
    monkeypatch.setattr(module, "_FRESH", -1.0)
    assert asked(switches[1]) == "enforce"


def test_the_first_request_of_an_idle_process_reads_a_mode_that_could_not_be_read(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    switches = [switch_of(server, interval=60) for _ in range(2)]
    put(server, "monitor")
    assert asked(switches[0]) == "enforce"
    monkeypatch.setattr(module, "_FRESH", -1.0)
    assert asked(switches[1]) == "monitor"


def test_a_process_that_enforces_does_not_read_in_a_request(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server, "enforce")
    switch = switch_of(server, interval=60)
    monkeypatch.setattr(module, "_FRESH", -1.0)
    readers = readers_of(switch, monkeypatch)
    assert asked(switch) == "enforce"
    wait_until(lambda: bool(readers))
    assert readers == ["countermark-mode"]


def test_of_threads_that_begin_together_one_reads_and_none_has_the_old_mode(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server, "monitor")
    switch = switch_of(server, interval=60)
    put(server, "enforce")
    monkeypatch.setattr(module, "_FRESH", -1.0)
    readers = readers_of(switch, monkeypatch)
    barrier = threading.Barrier(4)
    found: list[str] = []

    def request() -> None:
        barrier.wait(20)
        found.append(asked(switch))

    threads = [threading.Thread(target=request, name="request") for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == ["enforce"] * 4
    assert readers.count("request") == 1


_FORKED = """
import os, sys, time
from countermark.redis import RedisStore
from countermark.rollout import set_mode
from countermark.verifying import ModeContext, ModeSwitch
from countermark.verifying import _mode_switch

_mode_switch._FRESH = 0
store = RedisStore(sys.argv[1])
set_mode(store, "stigg", "monitor", by="ann")
switch = ModeSwitch(store, "stigg", interval=0.02)
assert switch(ModeContext({})) == "monitor"
set_mode(store, "stigg", "enforce", by="ann")
child = os.fork()
if child:
    os.waitpid(child, 0)
else:
    first = switch(ModeContext({}))
    set_mode(store, "stigg", "off", by="ann")
    for _ in range(1_000):
        if switch(ModeContext({})) == "off":
            break
        time.sleep(0.01)
    print(first, switch(ModeContext({})), flush=True)
"""


def test_a_forked_child_reads_before_its_first_request_and_follows(server: RedisServer) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _FORKED, server.url],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.stdout.split() == ["enforce", "off"]


def test_a_switch_that_is_dropped_asks_no_more(server: RedisServer) -> None:
    put(server, "monitor")
    switch = switch_of(server)
    asked(switch)
    job = ref(switch._job)
    wait_until(partial(getattr, switch._job, "started"))
    del switch
    gc.collect()
    wait_until(lambda: job() is None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"store": "redis://localhost"}, "store= takes a countermark.redis.RedisStore, not str"),
        ({"interval": 0}, "interval= must be a number of seconds"),
        ({"interval": True}, "interval= must be a number of seconds"),
        ({"interval": 61}, "interval= must be a number of seconds"),
        ({"on_event": "log"}, "on_event= must be a function"),
        ({"scheme": None}, "scheme must be the name of a scheme"),
        ({"scheme": "stig"}, "similar: stigg"),
        ({"environment": 3}, "environment= must be that of the verifier"),
    ],
)
def test_an_invalid_option_is_refused(
    server: RedisServer, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ModeSwitch(**{"store": RedisStore(server.url), "scheme": "stigg", **options})


def test_a_switch_of_other_requests_is_refused(server: RedisServer) -> None:
    put(server, "monitor")
    ring = Keyring(SECRET)
    switch = switch_of(server)
    Enforcement(Verifier("stigg", ring, environment="live"), mode=switch)
    others = Verifier("stigg", ring), Verifier("intercom-hmac", ring, environment="live")
    for verifier in others:
        with pytest.raises(ConfigurationError, match="of another scheme or environment"):
            Enforcement(verifier, mode=switch, token="X-Token", claimed_id=lambda source: "user-1")
    enforcement = Enforcement(
        lambda tenant: Verifier("stigg", ring),
        mode=switch,
        tenant=lambda source: "acme",
        token="X-Token",
    )
    verdict = enforcement.judge({"headers": []})
    assert verdict is not None
    assert verdict.code == "unknown_tenant"

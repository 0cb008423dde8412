"""The command ``countermark mode``, and its Python functions, with a real Redis."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from redis.crc import key_slot

from countermark import ConfigurationError
from countermark.cli import main
from countermark.errors import ModeNotSet, StoreUnavailable
from countermark.redis import RedisStore
from countermark.rollout import DAY, Meter, mode_history, read_modes, set_mode
from countermark.rollout import _mode_control as _module
from countermark.verifying import EnforcePercent
from countermark.verifying._stored_modes import ModeGroup
from tests.integration.redis_server import RedisServer
from tests.integration.test_meter_redis import NEVER
from tests.rollout.verdicts import Clock, unverified, verified

module: Any = _module

KEYS = ["countermark:{stigg/live}:modes", "countermark:{stigg/live}:mode-changes"]


@pytest.fixture
def server(shared_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """A Redis with nothing in it, for the command and the functions."""
    shared_server.client().flushall()
    monkeypatch.setenv("COUNTERMARK_REDIS_URL", shared_server.url)
    return shared_server


@pytest.fixture
def store(server: RedisServer) -> RedisStore:
    return RedisStore(server.url)


class Command:
    """Runs ``countermark mode`` for stigg in "live"."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, action: str, *arguments: str) -> tuple[int, str, str]:
        """Return the exit code, and what was printed to standard output and standard error."""
        given = ["mode", action, "stigg", *arguments]
        code = main(given if "--environment" in arguments else [*given, "--environment", "live"])
        shown = self._capsys.readouterr()
        return code, shown.out, shown.err

    def set(self, *arguments: str) -> tuple[int, str, str]:
        return self("set", *arguments, "--by", "ann")


@pytest.fixture
def mode(server: RedisServer, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def put(store: RedisStore, mode: Any, **options: Any) -> Any:
    return set_mode(store, "stigg", mode, **{"by": "ann", "environment": "live", **options})


def count(store: RedisStore, *verdicts: Any, days: float = 8.5) -> None:
    clock = Clock(time.time() - days * DAY)
    meter = Meter(store=store, clock=clock, interval=NEVER)
    meter(verified("user-1", environment="live"))
    clock.now = time.time()
    for verdict in verdicts:
        meter(verdict)
    assert meter.flush()


# The command


def test_the_command_shows_what_was_set(mode: Command) -> None:
    nothing = "stigg, environment live: no mode is set, so each ModeSwitch enforces\n"
    assert mode("show") == (1, nothing, "")
    assert mode("show", "--json") == (1, "null\n", "")
    code, out, err = mode.set("monitor")
    assert (code, err) == (0, "")
    assert out.startswith("stigg, environment live: none -> monitor, revision ")
    assert mode.set("enforce", "--percent", "0.5")[0] == 0
    assert mode.set("off", "--tenant", "acme")[0] == 0
    assert mode.set("enforce", "--percent", "0.5")[1].splitlines()[1:] == [
        "tenants that keep a mode of their own: 1"
    ]
    code, out, err = mode("show")
    assert (code, err) == (0, "")
    first, tenant, revision = out.splitlines()
    assert (first, tenant) == ("stigg, environment live: enforce 0.5%", "tenant acme: off")
    data = json.loads(mode("show", "--json")[1])
    assert revision == f"revision {data.pop('revision')}, set by ann"
    assert data == {"mode": "enforce 0.5%", "tenants": {"acme": "off"}, "by": "ann"}
    assert "tenant acme off -> default" in mode.set("default", "--tenant", "acme")[1]
    assert "acme" not in mode("show")[1]


def test_a_scheme_without_an_environment_has_modes_of_its_own(mode: Command) -> None:
    assert mode.set("enforce", "--environment", "")[1].startswith("stigg: none -> enforce")
    assert mode("show", "--environment", "")[1].startswith("stigg: enforce\n")
    assert mode("show")[0] == 1


def test_the_history_has_who_when_and_why(mode: Command) -> None:
    assert mode("history") == (0, "", "")
    before = time.time()
    mode.set("monitor", "--reason", "the first day")
    mode.set("enforce", "--percent", "10")
    mode.set("monitor", "--tenant", "acme", "--reason", "an old client")
    code, out, _ = mode("history")
    lines = [line.split("UTC  ")[1] for line in out.splitlines()]
    assert (code, lines) == (
        0,
        [
            "tenant acme default -> monitor  by ann: an old client",
            "monitor -> enforce 10%  by ann",
            "none -> monitor  by ann: the first day",
        ],
    )
    latest, *_, first = json.loads(mode("history", "--json")[1])
    assert abs(latest.pop("at") - before) < 60
    assert latest.pop("revision") > first["revision"]
    assert latest == {
        "tenant": "acme", "before": None, "after": "monitor", "by": "ann",
        "reason": "an old client", "checked": False,
    }  # fmt: skip
    assert mode("history", "--most", "1")[1].splitlines() == out.splitlines()[:1]


@pytest.mark.parametrize(("percent", "shown"), [("100", "enforce"), ("99.99", "enforce 99.99%")])
def test_the_percentage_100_enforces_for_all(mode: Command, percent: str, shown: str) -> None:
    assert f"none -> {shown}," in mode.set("enforce", "--percent", percent)[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["enforce", "--percent", "0"], "a number above 0 and below 100"),
        (["enforce", "--percent", "101"], "a number above 0 and below 100"),
        (["monitor", "--percent", "5"], "--percent is for enforce"),
        (["monitor", "--if-ready"], "is for enforce"),
        (["default"], "for a tenant"),
        (["monitor", "--reason", "two\nlines"], "reason= must be a line"),
        (["monitor", "--reason", "x" * 501], "reason= must be a line"),
        (["monitor", "--tenant", "acme"], "the scheme has no mode yet"),
    ],
)
def test_a_misuse_sets_nothing(mode: Command, arguments: list[str], message: str) -> None:
    code, out, err = mode.set(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert mode("show")[0] == 1


def test_a_percentage_that_is_no_number_is_refused(
    mode: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        mode.set("enforce", "--percent", "half")
    assert "give a number above 0, up to 100" in capsys.readouterr().err


def test_the_login_name_is_recorded(mode: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "bob")
    assert mode("set", "monitor")[0] == 0
    assert "set by bob" in mode("show")[1]

    def unknown() -> str:
        raise KeyError("uid")

    monkeypatch.setattr("getpass.getuser", unknown)
    code, _, err = mode("set", "monitor")
    assert (code, err) == (2, "your login name is unknown; pass --by NAME\n")


def test_a_redis_that_is_away_is_an_error(redis_server: RedisServer, mode: Command) -> None:
    redis_server.kill()
    for action in (["show"], ["set", "monitor", "--by", "ann"], ["history"]):
        code, out, err = mode(*action, "--redis", redis_server.url)
        assert (code, out) == (2, "")
        assert err.startswith("asking Redis failed")
        assert ("may have been set" in err) is (action[0] == "set")


def test_a_url_of_a_cluster_needs_a_node_of_one(redis_server: RedisServer, mode: Command) -> None:
    url = redis_server.url.replace("redis://", "redis+cluster://").removesuffix("/0")
    code, out, err = mode("show", "--redis", url)
    assert (code, out) == (2, "")
    assert err.endswith("; the server is not a node of a Cluster, so begin the URL with redis://\n")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{}/99", "redis+sentinel://127.0.0.1:{}/name"])
def test_a_server_that_refuses_the_connection_is_no_reason_to_delete_the_modes(
    url: str, server: RedisServer, mode: Command
) -> None:
    """The server has no database 99, and is not a Sentinel."""
    code, out, err = mode("show", "--redis", url.format(server.port))
    assert (code, out, err) == (2, "", "asking Redis failed: ResponseError\n")


def test_a_missing_url_is_an_error(mode: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERMARK_REDIS_URL")
    message = "no URL of Redis; pass --redis URL or set COUNTERMARK_REDIS_URL\n"
    assert mode("show") == (2, "", message)


def test_modes_that_are_invalid_are_an_error_with_a_way_out(
    server: RedisServer, mode: Command
) -> None:
    client: Any = server.client()
    client.set(KEYS[0], "off")
    way_out = f"delete the key {KEYS[0]} and set them again\n"
    for action in (["show"], ["set", "monitor", "--by", "ann"]):
        found = mode(*action)[::2]
        assert found == (2, f"the modes in Redis are of another type; {way_out}")
    client.delete(KEYS[0])
    client.hset(KEYS[0], "mode", "monitor")
    assert mode("show")[2] == f"the modes in Redis are invalid; {way_out}"
    client.delete(KEYS[0])
    assert mode.set("monitor")[0] == 0
    for entry in ("{", "[]", '{"revision": null}', '{"revision": "1"}'):
        client.lpush(KEYS[1], entry)
        assert mode("history")[::2] == (
            2,
            "the list of mode changes in Redis has an invalid entry\n",
        )
        client.lpop(KEYS[1])


# Readiness


def test_a_ready_scheme_is_enforced_and_an_other_one_is_not(
    mode: Command, store: RedisStore
) -> None:
    mode.set("monitor")
    none = "- the meters have counted no request of stigg, environment live\n"
    head = "not set, as the requests are not ready to be enforced:\n"
    assert mode.set("enforce", "--if-ready") == (1, "", head + none)
    count(store, *[verified("user-2", environment="live")] * 98)
    assert mode.set("enforce", "--percent", "10", "--if-ready")[0] == 0
    assert mode("history")[1].splitlines()[0].endswith("by ann, ready")
    count(store, unverified("user-3", environment="live"))
    code, out, err = mode.set("enforce", "--if-ready")
    assert (code, out) == (1, "")
    assert err == (
        f"{head}- stigg, environment live: 98.98 % of the requests were verified; 99.9 % are"
        " needed\n- stigg, environment live: 1 principal had unverified requests only\n"
    )
    assert "enforce 10%" in mode("show")[1]
    assert mode.set("enforce", "--if-ready", "--least", "90", "--days", "30")[0] == 1
    assert mode.set("enforce")[0] == 0


def test_a_change_that_comes_while_readiness_is_found_out_stays(
    mode: Command, store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode.set("enforce", "--percent", "10")
    count(store, *[verified("user-2", environment="live")] * 98)
    read_snapshot = module.read_snapshot

    def read_slowly(*arguments: Any) -> Any:
        set_mode(store, "stigg", "monitor", environment="live", by="on-call")
        return read_snapshot(*arguments)

    monkeypatch.setattr(module, "read_snapshot", read_slowly)
    message = "not set: the modes were changed meanwhile; look at them again\n"
    assert mode.set("enforce", "--if-ready") == (1, "", message)
    assert "monitor" in mode("show")[1]


def test_readiness_is_that_of_the_tenant_whose_mode_is_set(
    mode: Command, store: RedisStore
) -> None:
    mode.set("monitor")
    count(store, unverified("user-3", environment="live", tenant="brick"))
    acme = [verified("user-2", environment="live", tenant="acme")] * 3
    count(store, *acme)
    count(store, unverified("user-4", environment="test", tenant="acme"))
    _, _, err = mode.set("enforce", "--if-ready", "--tenant", "acme")
    assert err.splitlines()[1:] == [
        "- stigg, environment live, tenant acme: the first request came 0.0 days ago; 7 are needed"
    ]
    _, _, err = mode.set("enforce", "--if-ready", "--tenant", "other")
    assert "no request of stigg, environment live, tenant 'other'" in err
    _, _, err = mode.set("enforce", "--if-ready")
    assert {line.split(":")[0] for line in err.splitlines()[1:]} == {
        "- stigg, environment live, tenant acme",
        "- stigg, environment live, tenant brick",
    }


# Changes at once


def test_of_two_changes_at_once_one_sees_the_other(store: RedisStore) -> None:
    put(store, "monitor")
    modes = ["off", "monitor", "enforce", EnforcePercent(10)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: put(store, modes[number % 4]), range(64)))
    history = mode_history(store, "stigg", environment="live")
    assert sorted(made) == sorted(history[:-1])
    assert all(new.before == old.after for new, old in pairwise(history))
    assert len({change.revision for change in history}) == 65
    stored = read_modes(store, "stigg", environment="live")
    assert stored is not None
    assert (stored.revision, str(stored.mode)) == (history[0].revision, history[0].after)


def test_of_changes_to_one_revision_a_single_one_is_made(store: RedisStore) -> None:
    revision = put(store, "monitor", if_revision=0).revision

    def try_it(number: int) -> bool:
        try:
            put(store, "enforce", by=f"ann-{number}", if_revision=revision)
        except ModeNotSet as error:
            assert error.code == "changed"
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_it, range(16))) == 1
    assert len(mode_history(store, "stigg", environment="live")) == 2


def test_the_command_sets_nothing_at_another_revision(mode: Command) -> None:
    mode.set("monitor", "--if-revision", "0")
    assert mode.set("off", "--if-revision", "7") == (
        1,
        "",
        "not set: the modes were changed meanwhile; look at them again\n",
    )
    assert json.loads(mode("show", "--json")[1])["mode"] == "monitor"


# Limits


def test_the_last_changes_are_kept(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_CHANGES", 5)
    for number in range(9):
        put(store, "monitor", reason=f"{number}")
    history = mode_history(store, "stigg", environment="live")
    assert [change.reason for change in history] == ["8", "7", "6", "5", "4"]


def test_a_limited_number_of_tenants_has_a_mode(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_TENANTS", 2)
    put(store, "monitor")
    for tenant in ("a", "b", "a"):
        put(store, "enforce", tenant=tenant)
    with pytest.raises(ConfigurationError, match="2 tenants have a mode of their own"):
        put(store, "enforce", tenant="c")
    put(store, None, tenant="a")
    put(store, "enforce", tenant="c")


def test_the_revision_grows_after_a_loss_and_after_a_clock_step(
    store: RedisStore, server: RedisServer
) -> None:
    first = put(store, "monitor").revision
    client: Any = server.client()
    client.flushall()
    assert put(store, "monitor").revision > first
    ahead = first + 3_600_000  # the clock of Redis was an hour ahead
    client.hset(KEYS[0], "revision", ahead)
    assert put(store, "monitor").revision == ahead + 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "on"}, "mode= must be 'off', 'monitor' or 'enforce', or an EnforcePercent"),
        ({"mode": "enforce 10%"}, "mode= must be 'off'"),
        ({"by": ""}, "by= must be a line"),
        ({"by": "a\nb"}, "by= must be a line"),
        ({"by": "x" * 101}, "by= must be a line"),
        ({"by": None}, "by= must be a line"),
        ({"reason": None}, "reason= must be a line"),
        ({"if_revision": "1"}, "if_revision= must be a whole number"),
        ({"if_revision": -1}, "if_revision= must be a whole number"),
        ({"environment": 1}, "environment= must be that of the verifier"),
    ],
)
def test_an_invalid_argument_is_refused(
    store: RedisStore, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        put(store, **{"mode": "monitor", **options})
    assert read_modes(store, "stigg", environment="live") is None


def test_the_keys_of_a_scheme_are_in_one_slot_of_a_cluster(store: RedisStore) -> None:
    for environment in ("live", None, "a {b} c"):
        group = ModeGroup.of(store, "stigg", environment)
        assert len({key_slot(key.encode()) for key in (group.modes, group.changes)}) == 1
    put(store, "monitor")
    assert list(ModeGroup.of(store, "stigg", "live"))[2:] == KEYS


def test_a_change_that_redis_loses_at_once_is_an_error(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LIST", "return {}")
    with pytest.raises(StoreUnavailable, match="has lost the change"):
        put(store, "monitor")


def test_a_group_that_does_not_count_is_no_reason(mode: Command, store: RedisStore) -> None:
    mode.set("monitor")
    clock = Clock(time.time() - 20 * DAY)
    meter = Meter(store=store, clock=clock, interval=NEVER)
    meter(unverified("user-1", environment="live", tenant="gone"))
    clock.now = time.time()
    meter(unverified("user-1", environment="live"))
    assert meter.flush()
    _, _, err = mode.set("enforce", "--if-ready")
    assert "gone" not in err
    assert "stigg, environment live: " in err


def test_a_script_that_redis_refuses_is_unavailable(store: RedisStore, server: RedisServer) -> None:
    client: Any = server.client()
    client.set(KEYS[1], "a text")
    with pytest.raises(StoreUnavailable):
        put(store, "monitor")
    assert read_modes(store, "stigg", environment="live") is None

"""All uses of Redis as an ACL user with the rights that the page lists, and with no others."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from countermark import StoreUnavailable
from countermark.redis import NotAcknowledged, RedisStore
from countermark.rollout import mode_history, read_modes, set_mode
from countermark.verifying import Allowance
from countermark.webhooks._deduplication import DeliveriesInRedis
from tests.integration.allowance_worker import key_of
from tests.integration.redis_access import AclServer
from tests.integration.redis_cluster import ClusterGroup
from tests.integration.redis_server import RedisServer
from tests.integration.test_redis_topologies import works

PAGE = (Path(__file__).resolve().parents[2] / "docs/redis.md").read_text()
USER, PASSWORD = "countermark", "a-password-of-the-tests"
RULES = re.findall(rf"^ACL SETUSER {USER} on >\S+ (.+)$", PAGE, re.MULTILINE)[0].split()


def allow_sessions(store: RedisStore) -> None:
    allowance = Allowance(1, session=key_of, store=store)
    assert [allowance.admit("g", key) for key in "aba"] == [True, False, True]
    assert allowance.left("g") == 0


def handle_deliveries(store: RedisStore) -> None:
    deliveries = DeliveriesInRedis(store)
    assert [deliveries.begin("a", "1"), deliveries.begin("a", "2")] == ["new", "busy"]
    deliveries.fail("a", "1")
    assert deliveries.begin("a", "3") == "new"
    deliveries.succeed("a")
    assert deliveries.begin("a", "4") == "done"


def follow_modes(store: RedisStore) -> None:
    assert read_modes(store, "stigg") is None


def set_modes(store: RedisStore) -> None:
    set_mode(store, "stigg", "monitor", by="ann")
    for mode in ("enforce", None):
        set_mode(store, "stigg", mode, by="ann", tenant="acme")
    assert len(mode_history(store, "stigg")) == 3


#: The uses, by their names in the table of the page.
USES: dict[str, Callable[[RedisStore], None]] = {
    "`Allowance`": allow_sessions,
    "webhooks": handle_deliveries,
    "`ModeSwitch`": follow_modes,
    "`countermark mode`": set_modes,
}


def row_of(start: str) -> list[str]:
    """Return the other cells of a row of a table of the page."""
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[2:-1]]


def commands_of(server: RedisServer) -> set[str]:
    """Return the commands that were called since the statistics were reset."""
    client: Any = server.client()
    stats = client.info("commandstats")
    own = {"config|resetstat", "info", "auth", "eval", "evalsha"}
    return {name.removeprefix("cmdstat_") for name in stats} - own


@pytest.mark.parametrize("use", USES)
def test_a_use_needs_the_commands_and_keys_of_its_row(
    use: str, acl_server: Callable[[list[str]], AclServer]
) -> None:
    keys, commands = row_of(use)
    listed = set(re.findall(r"[a-z]+", commands.lower()))
    patterns = [f"~{pattern}" for pattern in re.findall("`([^`]+)`", keys)]
    rules = ["-@all", "+eval", "+evalsha", *patterns, *(f"+{each}" for each in listed)]
    server = acl_server(rules)
    client: Any = server.client()
    client.config_resetstat()
    store = RedisStore(server.url, timeout=5)
    USES[use](store)
    assert commands_of(server) == listed
    assert listed <= {rule.removeprefix("+") for rule in RULES}
    for each in sorted(listed):
        client.execute_command("ACL SETUSER", AclServer.USER, f"-{each}")
        client.flushall()
        with pytest.raises(StoreUnavailable, match="NoPermissionError; ACL LOG shows the right"):
            USES[use](store)
        client.execute_command("ACL SETUSER", AclServer.USER, f"+{each}")
    store.close()


@pytest.mark.parametrize("lacking", ["hset", "hdel", "lpush", "ltrim"])
def test_a_change_that_a_right_prevents_is_not_in_the_history(
    lacking: str, acl_server: Callable[[list[str]], AclServer]
) -> None:
    server = acl_server(RULES)
    store = RedisStore(server.url, timeout=5)
    for tenant in (None, "acme"):
        set_mode(store, "stigg", "monitor", by="ann", tenant=tenant)
    before = read_modes(store, "stigg"), mode_history(store, "stigg")
    client: Any = server.client()
    client.execute_command("ACL SETUSER", AclServer.USER, f"-{lacking}")
    with pytest.raises(StoreUnavailable, match="NoPermissionError"):
        set_mode(store, "stigg", None, by="bob", tenant="acme")
    stored, history = read_modes(store, "stigg"), mode_history(store, "stigg")
    assert before[0] is not None
    assert stored is not None
    assert (stored.mode, stored.tenants, history) == (*before[0][1:3], before[1])
    store.close()


def test_the_rights_of_the_user_are_those_of_the_rows() -> None:
    table = PAGE.partition("| use | keys |")[2].partition("\n\n")[0].splitlines()[2:]
    uses = [re.split(r"(?<!\\)\|", line)[1].strip() for line in table]
    assert set(USES) <= set(uses)
    listed = {each for use in uses for each in re.findall("[a-z]+", row_of(use)[1].lower())}
    allowed = {rule.removeprefix("+") for rule in RULES if rule.startswith("+")}
    assert allowed == listed | {"eval", "evalsha"}


def test_the_user_of_the_page_may_do_all_and_nothing_with_other_keys(
    acl_server: Callable[[list[str]], AclServer],
) -> None:
    server = acl_server(RULES)
    store = RedisStore(server.url, timeout=5)
    for use in USES.values():
        use(store)
    works(store)
    client: Any = server.client()
    assert client.execute_command("ACL LOG") == []
    other = RedisStore(server.url, prefix="another:", timeout=5)
    with pytest.raises(StoreUnavailable, match="NoPermissionError; ACL LOG shows the right"):
        allow_sessions(other)
    with pytest.raises(StoreUnavailable, match="NoPermissionError"):
        store.ask(lambda client: client.keys())


def test_without_the_right_to_wait_no_write_is_acknowledged(
    acl_server: Callable[[list[str]], AclServer],
) -> None:
    server = acl_server([*RULES, "-wait"])
    store = RedisStore(server.url, timeout=5, replicas=1)
    script, key = "return redis.call('HINCRBY', KEYS[1], 'n', 1)", store.key("g", "allowance")
    with pytest.raises(NotAcknowledged, match=r"has the right \+wait"):
        store.run(script, [key], durable=1)
    assert store.run(script, [key], durable="another answer") == 2
    store.close()


def test_the_user_of_the_page_may_use_a_cluster(redis_cluster: ClusterGroup) -> None:
    [more] = row_of("in a Cluster")
    rules = re.findall(r"\+[a-z|]+", more.replace("\\", ""))
    clients: list[Any] = [node.client() for node in redis_cluster.nodes]
    for client in clients:
        client.execute_command("ACL SETUSER", USER, "on", f">{PASSWORD}", *RULES, *rules)
        client.execute_command("ACL LOG RESET")
    url = redis_cluster.url.replace("://", f"://{USER}:{PASSWORD}@")
    store = RedisStore(url, timeout=5)
    try:
        for use in USES.values():
            use(store)
        works(store)
        assert [client.execute_command("ACL LOG") for client in clients] == [[]] * len(clients)
    finally:
        store.close()
        for client in clients:
            client.execute_command("ACL DELUSER", USER)

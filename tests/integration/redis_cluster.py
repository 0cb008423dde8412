"""A Redis Cluster of three primaries and three replicas on loopback."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import redis
from redis.cluster import ClusterNode
from redis.crc import key_slot

from tests.integration.redis_sentinel import REPLICATED
from tests.integration.redis_server import RedisServer, wait_until
from tests.integration.servers import free_port

SLOTS = 16384
_PRIMARIES = 3


class ClusterGroup:
    """Three servers that share the slots, each with one replica.

    Attributes:
        nodes: The servers, the primaries of the start first.
        url: The address for a store, with the primaries of the start.
    """

    def __init__(self, binary: str, folder: Path) -> None:
        self.nodes: list[RedisServer] = []
        for number in range(2 * _PRIMARIES):
            own = folder / f"node-{number}"
            own.mkdir()
            cluster = [
                "--cluster-enabled", "yes", "--cluster-port", str(free_port()),
                "--cluster-node-timeout", "2000",
                "--cluster-config-file", "nodes.conf",
            ]  # fmt: skip
            self.nodes.append(RedisServer(binary, own, [*REPLICATED, *cluster]))
        addresses = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:_PRIMARIES])
        self.url = f"redis+cluster://{addresses}"

    def start(self) -> None:
        """Start the nodes and make a cluster of them, or start those of a cluster again."""
        new = not self.nodes[0].log_exists()
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_until_ready()
        if new:
            self._create()
        self.wait_until_ready()

    def _create(self) -> None:
        clients: list[Any] = [node.client() for node in self.nodes]
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        share = SLOTS // _PRIMARIES
        for number, client in enumerate(clients[:_PRIMARIES]):
            last = SLOTS - 1 if number == _PRIMARIES - 1 else (number + 1) * share - 1
            client.execute_command("CLUSTER ADDSLOTSRANGE", number * share, last)
        for node in self.nodes[1:]:
            bus = node.client().config_get("cluster-port")["cluster-port"]
            clients[0].execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus)
        for client in clients:
            wait_until(partial(self._knows_all, client), "nodes that know each other")
        for primary, replica in zip(clients[:_PRIMARIES], clients[_PRIMARIES:], strict=True):
            replica.execute_command("CLUSTER REPLICATE", primary.cluster("MYID"))

    def _knows_all(self, client: Any) -> bool:
        nodes = client.cluster("NODES").values()
        return len(nodes) == len(self.nodes) and all(
            node["connected"] and "handshake" not in node["flags"] for node in nodes
        )

    def stop(self) -> None:
        """End all processes."""
        for node in self.nodes:
            node.kill()

    def running(self) -> list[RedisServer]:
        """Return the nodes that have not been killed."""
        return [node for node in self.nodes if node.running]

    def primary_of(self, key: str) -> RedisServer:
        """Return the running primary that serves *key*, as the nodes see it."""
        slot = slot_of(key)
        for node in self.running():
            with contextlib.suppress(redis.RedisError):
                client: Any = node.client()
                own = client.cluster("NODES")
                [entry] = [each for each in own.values() if "myself" in each["flags"]]
                if "master" in entry["flags"] and _serves(entry, slot):
                    return node
        raise LookupError(f"no running node serves slot {slot}")

    def replica_of(self, primary: RedisServer) -> RedisServer:
        """Return a running replica that is connected to *primary*."""
        role: Any = primary.client().role()
        ports = {int(replica[1]) for replica in role[2]}
        return next(node for node in self.running() if node.port in ports)

    def promote(self, replica: RedisServer) -> None:
        """Let *replica* take the place of its primary without a loss; returns when it has."""
        client: Any = replica.client()
        # Soon after another election of the same primary, the others do not vote: ask again.
        for _ in range(4):
            client.execute_command("CLUSTER FAILOVER")
            with contextlib.suppress(AssertionError):
                wait_until(lambda: client.role()[0] == "master", "a promoted replica", 6)
                break
        self.wait_until_ready()
        assert client.role()[0] == "master"

    def wait_for_another_primary(self, key: str, before: RedisServer) -> None:
        """Wait until another node than *before* serves *key* and the cluster is well."""

        def promoted() -> bool:
            with contextlib.suppress(LookupError):
                return self.primary_of(key) is not before and self._is_ok()
            return False

        wait_until(promoted, "another primary")

    def wait_until_ready(self) -> None:
        """Wait until the slots are served and each running replica follows its primary."""
        wait_until(lambda: self._is_ok() and self._all_follow(), "a cluster that is ok")

    def _is_ok(self) -> bool:
        clients: list[Any] = [node.client() for node in self.running()]
        return all(client.cluster("INFO")["cluster_state"] == "ok" for client in clients)

    def _all_follow(self) -> bool:
        roles: list[Any] = [node.client().role() for node in self.running()]
        primaries = [role for role in roles if role[0] == "master"]
        replicas = [role for role in roles if role[0] == "slave"]
        return (
            len(primaries) == _PRIMARIES
            and all(role[3] == "connected" for role in replicas)
            and sum(len(role[2]) for role in primaries) == len(replicas)
        )

    def begin_move(self, key: str, target: RedisServer) -> RedisServer:
        """Begin to move the slot of *key* to the primary *target*; returns its present primary."""
        source, slot = self.primary_of(key), slot_of(key)
        one, other = (self._identity(node) for node in (source, target))
        target_client, source_client = target.client(), source.client()
        target_client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", one)  # type: ignore[no-untyped-call]
        source_client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", other)  # type: ignore[no-untyped-call]
        return source

    def move_keys(self, key: str, source: RedisServer, target: RedisServer) -> int:
        """Move the keys that the slot of *key* has at the time; returns their number."""
        client: Any = source.client()
        moved = 0
        while keys := client.execute_command("CLUSTER GETKEYSINSLOT", slot_of(key), 10):
            client.migrate("127.0.0.1", target.port, keys, 0, 5000)
            moved += len(keys)
        return moved

    def end_move(self, key: str, target: RedisServer) -> None:
        """Give the slot of *key* to *target* for good."""
        identity = self._identity(target)
        others = [node for node in self.running() if node is not target]
        for node in [target, *others]:
            client: Any = node.client()
            if client.role()[0] == "master":
                client.execute_command("CLUSTER SETSLOT", slot_of(key), "NODE", identity)
        wait_until(partial(self._agree_on, slot_of(key), identity), "nodes of one opinion")

    def _agree_on(self, slot: int, identity: str) -> bool:
        """Return true if all name that node for *slot*, with one epoch, so that all would vote."""
        clients: list[Any] = [node.client() for node in self.running()]
        opinions = {
            (entry["node_id"], entry["epoch"])
            for client in clients
            for entry in client.cluster("NODES").values()
            if _serves(entry, slot)
        }
        return len(opinions) == 1 and opinions.pop()[0] == identity

    def move(self, key: str, target: RedisServer) -> int:
        """Move the slot of *key* to *target* while it is in use; returns its number of keys."""
        source = self.begin_move(key, target)
        moved = self.move_keys(key, source, target)
        self.end_move(key, target)
        return moved

    def client(self) -> redis.RedisCluster:
        """Return a client for the test itself."""
        nodes: list[Any] = [
            ClusterNode("127.0.0.1", node.port)  # type: ignore[no-untyped-call]
            for node in self.running()
        ]
        return redis.RedisCluster(
            startup_nodes=nodes, decode_responses=True, socket_timeout=10, protocol=2
        )

    def _identity(self, node: RedisServer) -> str:
        client: Any = node.client()
        identity: str = client.cluster("MYID")
        return identity


def slot_of(key: str) -> int:
    """Return the slot of *key*, by its hash tag if it has one."""
    return key_slot(key.encode())


def _serves(entry: dict[str, Any], slot: int) -> bool:
    return any(int(first) <= slot <= int(last) for first, last in _ranges(entry["slots"]))


def _ranges(slots: list[list[str]]) -> list[tuple[str, str]]:
    return [(each[0], each[-1]) for each in slots]

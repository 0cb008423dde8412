"""A primary, its replicas and the sentinels that watch them, on loopback."""

from __future__ import annotations

import secrets
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import redis
from redis.sentinel import Sentinel

from tests.integration.redis_server import RedisServer, wait_until
from tests.integration.servers import free_port

_PASSWORD = "a-password-of-the-tests"
_USERS = ("replica", "sentinel")
REPLICATED = [
    # Users of their own, so that a test can cut a node off from the others but not from clients.
    *(part for user in _USERS
      for part in ("--user", user, "on", f">{_PASSWORD}", "~*", "&*", "+@all")),
    "--masteruser", "replica", "--masterauth", _PASSWORD,
    # Data survives a killed process without waiting for the disk.
    "--appendfsync", "no",
    "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
    "--enable-debug-command", "local",
]  # fmt: skip


def cut_off(node: RedisServer, *users: str) -> None:
    """Cut a node off from ``replica``, ``sentinel`` or both, but not from clients."""
    client: Any = node.client()
    for user in users or _USERS:
        client.execute_command("ACL SETUSER", user, "-@all")
        client.execute_command("CLIENT KILL", "USER", user)


def reconnect(node: RedisServer) -> None:
    """Undo :func:`cut_off`."""
    for user in _USERS:
        client: Any = node.client()
        client.execute_command("ACL SETUSER", user, "+@all")


_EAGER = ("SENTINEL DEBUG", "info-period", "500", "publish-period", "500")


class SentinelGroup:
    """A primary and a replica of the service ``main``, watched by three sentinels.

    Attributes:
        nodes: The servers; the first is the primary at the start.
        sentinel_ports: The ports of the sentinels.
        url: The address for a store.
    """

    SERVICE = "main"

    def __init__(self, binary: str, folder: Path) -> None:
        self._binary, self._folder = binary, folder
        self.nodes = [
            RedisServer(binary, _made(folder / f"node-{number}"), REPLICATED) for number in range(2)
        ]
        self.sentinel_ports = [free_port() for _ in range(3)]
        self._ids = [secrets.token_hex(20) for _ in self.sentinel_ports]
        self._processes: list[subprocess.Popen[bytes]] = []
        addresses = ",".join(f"127.0.0.1:{port}" for port in self.sentinel_ports)
        self.url = f"redis+sentinel://{addresses}/{self.SERVICE}/0"

    def start(self) -> None:
        """Start all, and wait until the replica follows and the sentinels know all."""
        primary, replica = self.nodes
        primary.start()
        replica.start()
        replica.client().replicaof("127.0.0.1", primary.port)
        for number in range(len(self.sentinel_ports)):
            self._start_sentinel(number)
        for client in self.sentinel().sentinels:
            # Otherwise a node that comes back is asked for its role after 10 seconds only.
            wait_until(partial(client.execute_command, *_EAGER), "a sentinel")
        self.wait_until_ready()

    def _start_sentinel(self, number: int) -> None:
        path = self._folder / f"sentinel-{number}.conf"
        watched = f"{self.SERVICE} 127.0.0.1"
        others = [
            f"sentinel known-sentinel {watched} {port} {identity}"
            for other, (port, identity) in enumerate(
                zip(self.sentinel_ports, self._ids, strict=True)
            )
            if other != number
        ]
        # Sentinels find each other by themselves, but only after some seconds.
        lines = [
            f"port {self.sentinel_ports[number]}",
            "bind 127.0.0.1",
            f"dir {_made(self._folder / f'sentinel-{number}')}",
            f"sentinel myid {self._ids[number]}",
            f"sentinel monitor {watched} {self.nodes[0].port} 2",
            f"sentinel down-after-milliseconds {self.SERVICE} 1000",
            f"sentinel failover-timeout {self.SERVICE} 4000",
            f"sentinel parallel-syncs {self.SERVICE} 1",
            f"sentinel auth-user {self.SERVICE} sentinel",
            f"sentinel auth-pass {self.SERVICE} {_PASSWORD}",
            f"sentinel known-replica {watched} {self.nodes[1].port}",
            *others,
        ]
        path.write_text("\n".join(lines) + "\n")
        with (self._folder / f"sentinel-{number}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen([self._binary, str(path), "--sentinel"], stdout=log, stderr=log)
            )

    def stop(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.kill()
            process.wait(timeout=20)
        self._processes.clear()
        for node in self.nodes:
            node.kill()

    def primary(self) -> RedisServer:
        """Return the node that the sentinels call the primary."""
        return self._node_of(self.sentinel().discover_master(self.SERVICE))

    def replicas(self) -> list[RedisServer]:
        """Return the other nodes."""
        primary = self.primary()
        return [node for node in self.nodes if node is not primary]

    def kill_primary(self) -> RedisServer:
        """Kill the primary as a crash does, and return it. The sentinels promote a replica."""
        primary = self.primary()
        primary.kill()
        return primary

    def promote(self) -> None:
        """Let the sentinels promote a replica now; returns when clients are sent to it."""
        before = self.primary()
        client: Any = self.sentinel().sentinels[0]
        wait_until(lambda: client.execute_command("SENTINEL FAILOVER", self.SERVICE), "a promise")
        self.wait_for_another_primary(before)

    def wait_for_another_primary(self, before: RedisServer) -> None:
        """Wait until all sentinels name another primary than *before*, and it takes writes."""

        def promoted() -> bool:
            addresses = {
                client.sentinel_get_master_addr_by_name(self.SERVICE)
                for client in self.sentinel().sentinels
            }
            if len(addresses) != 1:
                return False
            node = self._node_of(addresses.pop())
            role: Any = node.client().role()
            return node is not before and role[0] == "master"

        wait_until(promoted, "another primary")

    def wait_until_ready(self) -> None:
        """Wait until each running replica follows the primary, and each sentinel knows all."""
        replicas = len(self.nodes) - 1

        def ready() -> bool:
            role: Any = self.primary().client().role()
            others = sum(node.running for node in self.nodes) - 1
            if role[0] != "master" or len(role[2]) < others:
                return False
            for client in self.sentinel().sentinels:
                state: Any = client.sentinel_master(self.SERVICE)
                known = state["num-slaves"], state["num-other-sentinels"]
                if known != (replicas, len(self.sentinel_ports) - 1) or "down" in state["flags"]:
                    return False
            return True

        wait_until(ready, "a primary with its replicas, and all sentinels")

    def sentinel(self) -> Any:
        """Return a client of the sentinels."""
        options = {"socket_timeout": 5, "decode_responses": True, "protocol": 2}
        addresses = [("127.0.0.1", port) for port in self.sentinel_ports]
        return Sentinel(addresses, sentinel_kwargs=options, **options)  # type: ignore[no-untyped-call]

    def client(self) -> redis.Redis:
        """Return a client of the primary, whichever it is at the time."""
        client: redis.Redis = self.sentinel().master_for(self.SERVICE)
        return client

    def _node_of(self, address: tuple[str, int]) -> RedisServer:
        return next(node for node in self.nodes if node.port == int(address[1]))


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder

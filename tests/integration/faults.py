"""The faults that tests and ``fault_figures`` cause while a fleet of workers runs.

Each function causes a fault and ends it. It takes the servers and the fleet.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import redis

from tests.integration.fleet import Fleet
from tests.integration.redis_cluster import ClusterGroup
from tests.integration.redis_sentinel import SentinelGroup, cut_off, reconnect
from tests.integration.redis_server import RedisServer
from tests.integration.tcp_proxy import TcpProxy

#: How long a fault of a single server lasts, in seconds; longer than the timeout of the workers.
LASTS = 0.7


class Site(NamedTuple):
    """A server, and the proxy through which the workers reach it."""

    server: RedisServer
    proxy: TcpProxy


def kill(site: Site, fleet: Fleet) -> None:
    """Kill the server, and start it again with its data."""
    site.server.kill()
    time.sleep(LASTS)
    site.server.start()


def freeze(site: Site, fleet: Fleet) -> None:
    """Stop the process of the server, and let it continue."""
    site.server.freeze()
    time.sleep(LASTS)
    site.server.thaw()


def fill(site: Site, fleet: Fleet) -> None:
    """Let Redis refuse writes, as at its ``maxmemory`` with ``noeviction``."""
    site.server.client().config_set("maxmemory", "1")
    time.sleep(LASTS)
    site.server.client().config_set("maxmemory", "0")


def block(site: Site, fleet: Fleet) -> None:
    """Block the server with a slow script of somebody else."""
    script = """
    local function now()
      local time = redis.call('TIME')
      return time[1] + time[2] / 1000000
    end
    local finish = now() + tonumber(ARGV[1])
    while now() < finish do end
    """
    site.server.client().eval(script, 0, str(LASTS))


def drop(site: Site, fleet: Fleet) -> None:
    """Close all connections, and each new one."""
    site.proxy.drop()
    time.sleep(LASTS)
    site.proxy.resume()


def stall(site: Site, fleet: Fleet) -> None:
    """Pass nothing on, and keep connections open."""
    site.proxy.stall()
    time.sleep(LASTS)
    site.proxy.resume()


def lose_answers(site: Site, fleet: Fleet) -> None:
    """Pass commands on, and close the connection in place of each answer."""
    site.proxy.lose_answers()
    time.sleep(LASTS)
    site.proxy.resume()


def kill_workers(site: Site, fleet: Fleet) -> None:
    """Kill each worker once, as ``kill -9`` does; others take their places."""
    for process in fleet.pids():
        time.sleep(LASTS / 8)
        fleet.kill_worker(process)


def kill_workers_and_server(site: Site, fleet: Fleet) -> None:
    """Kill the server, and each worker while it is away, so that new ones begin without it."""
    site.server.kill()
    kill_workers(site, fleet)
    site.server.start()


def delete_all(site: Site, fleet: Fleet) -> None:
    """Delete all that Redis has, and kill a worker, so that a new one finds nothing."""
    site.server.client().flushall()
    fleet.kill_worker(fleet.pids()[0])
    time.sleep(LASTS)


def kill_primary(group: SentinelGroup, fleet: Fleet) -> None:
    """Kill the primary; it is started again when a replica has been promoted."""
    killed = group.kill_primary()
    group.wait_for_another_primary(killed)
    killed.start()


def part_primary(group: SentinelGroup, fleet: Fleet) -> None:
    """Cut the primary off from Sentinels and replicas, while the workers still reach it."""
    old = group.primary()
    cut_off(old)
    group.wait_for_another_primary(old)
    reconnect(old)


def kill_replica(group: SentinelGroup, fleet: Fleet) -> None:
    """Kill the only replica, so that no write is acknowledged, and start it again."""
    [replica] = group.replicas()
    replica.kill()
    time.sleep(3 * LASTS)
    replica.start()


def kill_node(cluster: ClusterGroup, fleet: Fleet) -> None:
    """Kill the primary of the allowance; it is started again when its replica has its place."""
    key = keys_of(cluster, fleet, "allowance")[0]
    primary = cluster.primary_of(key)
    primary.kill()
    cluster.wait_for_another_primary(key, primary)
    primary.start()


def kill_unreplicated_node(cluster: ClusterGroup, fleet: Fleet) -> None:
    """Cut the replica off, let writes go on without it, and kill the primary.

    The replica takes its place. The killed one is started again, and follows it.
    """
    key = keys_of(cluster, fleet, "allowance")[0]
    primary = cluster.primary_of(key)
    cut_off(primary, "replica")
    time.sleep(LASTS)
    primary.kill()
    cluster.wait_for_another_primary(key, primary)
    primary.start()


def freeze_node(cluster: ClusterGroup, fleet: Fleet) -> None:
    """Stop the primary of the allowance, and let it continue when its replica has its place.

    Commands wait in its sockets, and it takes itself for the primary when it continues.
    """
    key = keys_of(cluster, fleet, "allowance")[0]
    primary = cluster.primary_of(key)
    primary.freeze()
    cluster.wait_for_another_primary(key, primary)
    primary.thaw()


def move_slots(cluster: ClusterGroup, fleet: Fleet) -> None:
    """Move the slots of the allowance, the meter and some deliveries to other primaries."""
    for group in ("allowance", "meter", "webhook"):
        for key in keys_of(cluster, fleet, group)[:3]:
            _move_slowly(cluster, key)


def all_in_turn(cluster: ClusterGroup, fleet: Fleet) -> None:
    """Cause three of these faults, and kill a worker after each."""
    for fault in (kill_unreplicated_node, move_slots, freeze_node):
        fault(cluster, fleet)
        fleet.kill_worker(fleet.pids()[0])
        cluster.wait_until_ready()


def _move_slowly(cluster: ClusterGroup, key: str) -> None:
    """Move a slot, with pauses in which some of its keys have moved."""
    source = cluster.primary_of(key)
    roles: list[tuple[RedisServer, Any]] = [(node, node.client().role()) for node in cluster.nodes]
    primaries = [node for node, role in roles if role[0] == "master"]
    target = next(node for node in primaries if node is not source)
    cluster.begin_move(key, target)
    time.sleep(0.1)
    cluster.move_keys(key, source, target)
    time.sleep(0.1)
    cluster.move_keys(key, source, target)
    cluster.end_move(key, target)


def keys_of(cluster: ClusterGroup, fleet: Fleet, group: str) -> list[str]:
    """Return the keys of the workers that have *group* in their name."""
    client = cluster.client()
    try:
        pattern = f"{fleet.prefix}*{group}*"
        primaries = redis.RedisCluster.PRIMARIES
        return sorted(set(client.scan_iter(match=pattern, target_nodes=primaries)))
    finally:
        client.close()

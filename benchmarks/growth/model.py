"""The load of one Redis primary by a fleet, computed from the measured costs of single steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.growth.redis_costs import Costs

_DAY = 86_400

# Many clients in turn cost Redis more than one client alone, with which the steps are measured:
# 1.6 to 1.8 times as much processor time with 1,000 connections.
_CROWD = 2


@dataclass(frozen=True, slots=True)
class Fleet:
    """The assumptions.

    Attributes:
        workers: Worker processes.
        connections: Connections of a worker: one for each ``RedisStore``, if no two threads wait
            for the same one at once. A meter has a store of its own.
        requests: Requests with a valid token, a second and worker.
        unsigned: Requests without a token that ask the allowance, a second and worker.
        deliveries: Deliveries of webhooks, a second and worker.
        polls: Reads of the mode, a second and worker. A switch reads about each 0.75 s.
        groups: The schemes, environments and tenants that each worker sees between two writes.
        principals: The principals that each worker sees in a day.
        interval: Seconds between two writes of a meter.
        remembered: The principals that a worker remembers as written today.
        stored: The principals of all groups that Redis keeps.
    """

    workers: int
    connections: int = 2
    requests: float = 100
    unsigned: float = 1
    deliveries: float = 0.1
    polls: float = 1.33
    groups: int = 10
    principals: int = 10_000
    interval: float = 2.0
    remembered: int = 50_000
    stored: int = 1_000_000


class Load(NamedTuple):
    """The load of the primary.

    Attributes:
        commands: Commands a second, those within scripts included.
        busy: The share of the time in which the main thread works; above 1 it does not keep up.
        transferred: Bytes a second, in both directions.
        connections: Connections.
        memory: Bytes of connections and principals.
    """

    commands: float
    busy: float
    transferred: float
    connections: int
    memory: float


def load_of(fleet: Fleet, costs: Costs) -> Load:
    """Return the load by *fleet*: how often each step happens in a second, times its cost.

    The processor time is doubled, because many clients cost more than the one that was measured.
    """
    writes = fleet.workers / fleet.interval
    steps = [
        (writes, costs.write),
        (writes * (fleet.groups - 1), costs.group),
        (_reports(fleet), costs.principal),
        (fleet.workers * fleet.unsigned, costs.unsigned),
        (fleet.workers * fleet.deliveries, costs.delivery),
        (fleet.workers * fleet.polls, costs.poll),
    ]
    return Load(
        sum(times * cost.commands for times, cost in steps),
        sum(times * cost.seconds * _CROWD for times, cost in steps),
        sum(times * cost.transferred for times, cost in steps),
        fleet.workers * fleet.connections,
        fleet.workers * fleet.connections * costs.connection
        + fleet.stored * costs.principal.stored,
    )


def most_workers(fleet: Fleet, costs: Costs) -> int:
    """Return how many workers like those of *fleet* keep the main thread busy half of the time.

    All rates grow with the workers, so the share does too.
    """
    return int(fleet.workers * 0.5 / load_of(fleet, costs).busy)


def _reports(fleet: Fleet) -> float:
    """Return how many principals are written in a second: each once a day by each worker.

    A worker that sees more than it remembers writes most of them again: at worst each request.
    """
    if fleet.principals > fleet.remembered:
        return fleet.workers * fleet.requests
    return fleet.workers * min(fleet.requests, fleet.principals / _DAY)

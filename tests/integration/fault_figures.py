"""Measures faults again and again, for the table of docs/redis-faults.md.

python -m tests.integration.fault_figures --times 5
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from shutil import which
from statistics import median
from typing import Any

from tests.integration import faults
from tests.integration.fault_run import Outcome, run_through
from tests.integration.faults import Site
from tests.integration.fleet import EVERY
from tests.integration.redis_cluster import ClusterGroup
from tests.integration.redis_sentinel import SentinelGroup
from tests.integration.redis_server import RedisServer
from tests.integration.tcp_proxy import proxied

Run = Callable[[Path, dict[str, Any]], Outcome]

SERVER = [
    faults.kill, faults.freeze, faults.fill, faults.block, faults.drop, faults.stall,
    faults.lose_answers, faults.kill_workers, faults.kill_workers_and_server, faults.delete_all,
]  # fmt: skip
SENTINEL = [faults.kill_primary, faults.part_primary, faults.kill_replica]
CLUSTER = [
    faults.kill_node, faults.kill_unreplicated_node, faults.freeze_node, faults.move_slots,
    faults.all_in_turn,
]  # fmt: skip

#: So few sessions that there is room in the allowance until the last fault.
SLOWLY = {**EVERY, "session": 50}


def runs(binary: str) -> dict[str, Run]:
    """Return a function for each fault, which runs it once with servers of its own."""
    groups: list[tuple[Any, list[Any]]] = [
        (partial(one_server, binary), SERVER),
        (partial(group_of, SentinelGroup, binary), SENTINEL),
        (partial(group_of, ClusterGroup, binary), CLUSTER),
    ]
    return {
        fault.__name__: partial(run, started, fault)
        for started, all_of in groups
        for fault in all_of
    }


def run(started: Any, fault: Any, folder: Path, store: dict[str, Any]) -> Outcome:
    """Start servers, and run a fleet through a fault."""
    with started(folder) as (servers, url, reader):
        every = SLOWLY if fault is faults.all_in_turn else EVERY
        return run_through(
            url, folder, partial(fault, servers), reader=reader, store=store, every=every, before=10
        )


@contextmanager
def one_server(binary: str, folder: Path) -> Iterator[tuple[Site, str, str]]:
    """Run a server behind a proxy."""
    own = folder / "server"
    own.mkdir()
    server = RedisServer(binary, own)
    with ExitStack() as stack:
        stack.callback(server.kill)
        server.start()
        proxy = stack.enter_context(proxied(server.port))
        yield Site(server, proxy), f"redis://127.0.0.1:{proxy.port}/0", server.url


@contextmanager
def group_of(kind: Any, binary: str, folder: Path) -> Iterator[tuple[Any, str, str]]:
    """Run a group of servers."""
    own = folder / "servers"
    own.mkdir()
    group = kind(binary, own)
    try:
        group.start()
        yield group, group.url, group.url
    finally:
        group.stop()


def summary(outcomes: list[Outcome]) -> str:
    """Return the figures of several runs as a row of a table."""
    answers = [outcome.answers for outcome in outcomes]
    lost, judged = sum(each.lost_counts for each in outcomes), sum(each.judged for each in answers)
    cells = [
        f"{len(outcomes)}",
        spread([len(each.admitted) for each in answers]),
        spread([outcome.lost_places for outcome in outcomes]),
        f"{lost} of {judged}",
        str(sum(sum(times > 1 for times in each.handled.values()) for each in answers)),
        str(sum(len(each.taken_back) for each in answers)),
        str(sum(each.forged_passed + each.valid_refused for each in answers)),
        spread([round(outcome.away, 2) for outcome in outcomes]),
        spread([round(outcome.normal_after, 2) for outcome in outcomes]),
        spread([round(each.slowest("valid", "forged") * 1000) for each in answers]),
    ]
    return " | ".join(cells)


HEAD = [
    "fault", "runs", "admitted of 100", "places lost", "counts lost", "handled twice",
    "taken back", "forged passed or valid refused", "away, s", "normal after, s",
    "slowest token, ms",
]  # fmt: skip


def spread(values: list[float]) -> str:
    """Return the median and the extremes."""
    return f"{median(values):g} ({min(values):g} to {max(values):g})"


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="by default all")
    parser.add_argument("--server", default="redis-server", help="or the path of valkey-server")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--replicas", type=int, help="of RedisStore; by default its own default")
    options = parser.parse_args(arguments)
    all_runs = runs(which(options.server) or options.server)
    store = {} if options.replicas is None else {"replicas": options.replicas}
    sys.stdout.write(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}\n")
    for name in options.faults or all_runs:
        outcomes = []
        for _ in range(options.times):
            with tempfile.TemporaryDirectory() as folder:
                outcomes.append(all_runs[name](Path(folder), store))
        sys.stdout.write(f"| {name} | {summary(outcomes)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

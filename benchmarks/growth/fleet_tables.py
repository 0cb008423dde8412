"""The tables of a fleet: what was measured, and what the model says of larger ones."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks.growth.fleet import KINDS, Window, compared, quartiles, workers
from benchmarks.growth.model import Fleet, load_of, most_workers
from benchmarks.growth.redis_costs import Costs, measure
from benchmarks.growth.redis_server import is_installed, running
from benchmarks.measure import Verdict
from benchmarks.report import Table

_LIMIT = 1.3


def tables(*, quick: bool) -> tuple[list[Table], list[Verdict]]:
    """Measure what needs a Redis; without a redis-server there is one table that tells so."""
    if not is_installed():
        rows = [("skipped: there is no redis-server on the path; install it to run this part",)]
        return [Table("A fleet", ("what",), rows)], []
    fleet_table, verdicts = _fleet(quick=quick)
    with running() as server:
        costs = measure(server, quick=quick)
    found = [fleet_table, _steps(costs), _measured_model(costs, quick=quick), _model(costs)]
    return found, verdicts


def _fleet(*, quick: bool) -> tuple[Table, list[Verdict]]:
    counts, latencies = ((2,), (0, 10)) if quick else ((2, 4, 8), (0, 1, 10))
    rows: list[tuple[str, ...]] = []
    verdicts = []
    for count in counts:
        windows = compared(
            count, latencies, rounds=1 if quick else 5, seconds=0.2 if quick else 1.0
        )
        rows += [
            _row(kind, count, latency, windows[kind, latency], windows[kind, 0])
            for kind in KINDS
            for latency in latencies
        ]
        verdicts.append(_verdict(count, windows["verified", 10], windows["verified", 0]))
    head = (
        "requests",
        "workers",
        "ms to Redis",
        "requests a second",
        "ratio to 0 ms",
        "processor time, ratio to 0 ms",
        "Redis commands a request",
    )
    return Table("A fleet with one Redis, medians of rounds", head, rows), verdicts


def _row(
    kind: str, count: int, latency: float, there: list[Window], here: list[Window]
) -> tuple[str, ...]:
    rates = quartiles([each.rate for each in there], [each.rate for each in here])
    seconds = quartiles([each.seconds for each in there], [each.seconds for each in here])
    return (
        kind,
        str(count),
        f"{latency:g}",
        f"{statistics.median(each.rate for each in there):,.0f}",
        " / ".join(f"{ratio:.2f}" for ratio in rates),
        " / ".join(f"{ratio:.2f}" for ratio in seconds),
        f"{statistics.median(each.commands for each in there):.4f}",
    )


def _verdict(count: int, there: list[Window], here: list[Window]) -> Verdict:
    # Processor time and not the rate: the neighbours on the machine change that.
    ratio = min(each.seconds for each in there) / min(each.seconds for each in here)
    by_round = quartiles([each.seconds for each in there], [each.seconds for each in here])
    return Verdict(
        f"verified by {count} workers, Redis 10 ms away / 0 ms, processor time",
        f"≤ {_LIMIT:.2f}",
        f"{ratio:.3f}",
        " / ".join(f"{each:.3f}" for each in by_round),
        ratio <= _LIMIT,
    )


def _steps(costs: Costs) -> Table:
    names = {
        "write": "write of a meter with one group, nothing new in it",
        "group": "further group in a write",
        "principal": "principal in a write, the first time on a day",
        "unsigned": "request without a token that asks the allowance",
        "delivery": "delivery of a webhook",
        "poll": "read of a mode that has not changed",
    }
    rows = [
        (
            what,
            f"{cost.commands:.1f}",
            f"{cost.seconds * 1e6:.1f}",
            f"{cost.transferred:,.0f}",
            f"{cost.stored:,.0f}",
        )
        for name, what in names.items()
        for cost in [getattr(costs, name)]
    ]
    rows.append(("connection", "", "", "", f"{costs.connection:,.0f}"))
    head = ("step", "commands", "µs of Redis", "bytes transferred", "bytes stored")
    return Table("The cost of a step in Redis", head, rows)


def _measured_model(costs: Costs, *, quick: bool) -> Table:
    """Let meters of a few processes stand for as many workers, and compare with the model."""
    processes, seconds, interval = (1, 1, 0.2) if quick else (4, 10, 2.0)
    rows = []
    for count in (20,) if quick else (100, 1_000):
        fleet = Fleet(count, 1, 0, 0, 0, 0, groups=1, principals=0, interval=interval, stored=0)
        said = load_of(fleet, costs)
        with workers(processes, meters=count // processes, interval=interval) as standing:
            standing.run("metered", interval + 0.5)
            _, spent = standing.run("metered", seconds)
            connections = standing.server.connections()
        rows.append(
            (
                f"{count:,}",
                f"{said.commands:,.0f}",
                f"{spent.commands / seconds:,.0f}",
                f"{said.busy:.1%}",
                f"{spent.seconds / seconds:.1%}",
                f"{connections:,}",
            )
        )
    head = (
        "meters",
        "commands a second, model",
        "measured",
        "main thread busy, model",
        "measured",
        "connections",
    )
    return Table("Meters in a few processes, each like a worker to Redis", head, rows)


def _model(costs: Costs) -> Table:
    head = (
        "fleet",
        "commands a second",
        "main thread busy",
        "MB a second",
        "connections",
        "MB in Redis",
        "workers at half a core",
    )
    return Table("What the model says", head, list(_model_rows(costs)))


def _model_rows(costs: Costs) -> Iterator[tuple[str, ...]]:
    fleets = {
        "8 workers": Fleet(8),
        "100 workers": Fleet(100),
        "1,000 workers": Fleet(1_000),
        "1,000 workers, each sees 100,000 principals a day": Fleet(1_000, principals=100_000),
        "1,000 workers, each writes 100 groups": Fleet(1_000, groups=100),
        "the same, `Meter(interval=10)`": Fleet(1_000, groups=100, interval=10),
        "1,000 workers, 20 requests a second each ask the allowance": Fleet(1_000, unsigned=20),
    }
    for name, fleet in fleets.items():
        load = load_of(fleet, costs)
        yield (
            name,
            f"{load.commands:,.0f}",
            f"{load.busy:.1%}",
            f"{load.transferred / 1e6:.1f}",
            f"{load.connections:,}",
            f"{load.memory / 1e6:,.0f}",
            f"{most_workers(fleet, costs):,}",
        )

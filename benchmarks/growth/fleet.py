"""A fleet of worker processes that verify, with a Redis that is 0, 1 and 10 ms away."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.growth.latency import delayed
from benchmarks.growth.redis_server import Counters, Server, running

KINDS = ("verified", "unsigned")


@dataclass(frozen=True, slots=True)
class Window:
    """What a fleet did in one round.

    Attributes:
        rate: Requests a second of all workers.
        seconds: Processor time of the workers for one request.
        commands: Commands that Redis executed for one request.
    """

    rate: float
    seconds: float
    commands: float


class Workers:
    """Worker processes with one Redis of their own, *latency* milliseconds away."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]], server: Server) -> None:
        self._processes, self.server = processes, server

    def run(self, kind: str, seconds: float) -> tuple[list[dict[str, float]], Counters]:
        """Run requests of a kind in all workers; return their answers, and what Redis counted."""
        before = self.server.counters()
        for process in self._processes:
            _write(process, f"{kind} {seconds}")
        answers = [json.loads(_read(process)) for process in self._processes]
        return answers, self.server.counters() - before

    def window(self, kind: str, seconds: float) -> Window:
        """Run requests of a kind in all workers, and return what came of them."""
        answers, spent = self.run(kind, seconds)
        requests = sum(answer["requests"] for answer in answers)
        used = sum(answer["seconds"] for answer in answers)
        return Window(requests / seconds, used / requests, spent.commands / requests)


@contextmanager
def workers(
    count: int, latency: float = 0, *, meters: int = 0, interval: float = 0.5
) -> Iterator[Workers]:
    """Start a Redis and *count* workers, and stop them in the end.

    Args:
        count: The number of processes.
        latency: The milliseconds that each command takes to Redis.
        meters: The meters of each process, for requests of the kind ``metered``.
        interval: Seconds between two writes of a meter. The default of meters is 2; windows can
            be shorter with a quarter of that.
    """
    with ExitStack() as stack:
        server = stack.enter_context(running())
        port = stack.enter_context(delayed(server.port, latency))
        url = f"redis://127.0.0.1:{port}/0"
        command = [sys.executable, "-m", "benchmarks.growth.worker", url]
        command += [str(meters), str(interval)]
        processes = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(count)
        ]
        for process in processes:
            assert _read(process) == "ready\n"
        yield Workers(processes, server)
        for process in processes:  # all at once, as each writes what is left when it ends
            assert process.stdin is not None
            process.stdin.close()


def compared(
    count: int, latencies: Sequence[float], *, rounds: int, seconds: float
) -> dict[tuple[str, float], list[Window]]:
    """Run *count* workers at each latency, one latency after the other in each round."""
    windows: dict[tuple[str, float], list[Window]] = {
        (kind, latency): [] for kind in KINDS for latency in latencies
    }
    with ExitStack() as stack:
        fleets = {each: stack.enter_context(workers(count, each)) for each in latencies}
        for kind in KINDS:
            for fleet in fleets.values():
                fleet.window(kind, seconds / 4)  # connects, and reports the principals
            for _ in range(rounds):
                for latency, fleet in fleets.items():
                    windows[kind, latency].append(fleet.window(kind, seconds))
    return windows


def quartiles(of: Sequence[float], against: Sequence[float]) -> tuple[float, float, float]:
    """Return the quartiles of the ratios by round."""
    ratios = [a / b for a, b in zip(of, against, strict=True)]
    if len(ratios) < 2:
        return ratios[0], ratios[0], ratios[0]
    lower, median, upper = statistics.quantiles(ratios, n=4, method="inclusive")
    return lower, median, upper


def _write(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()

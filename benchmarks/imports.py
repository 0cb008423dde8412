"""How long importing the package takes in a fresh interpreter, in processor time."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

from benchmarks.measure import Verdict

_LIMIT = 25
_WITHOUT = "import hmac, hashlib"
_WITH = f"{_WITHOUT}, countermark"


def verdicts(rounds: int) -> list[Verdict]:
    """Time both imports in turn, and compare the minima."""
    without, with_ = [], []
    for _ in range(max(5, rounds // 10)):
        without.append(_milliseconds(_WITHOUT))
        with_.append(_milliseconds(_WITH))
    added = min(with_) - min(without)
    quartiles = statistics.quantiles(b - a for a, b in zip(without, with_, strict=True))
    return [
        Verdict(
            f"`import countermark` more than `{_WITHOUT}`, ms of processor time",
            f"< {_LIMIT}",
            f"{added:.1f}",
            " / ".join(f"{quartile:.1f}" for quartile in quartiles),
            added < _LIMIT,
        )
    ]


def _milliseconds(code: str) -> float:
    # Not what a clock shows: that is also what the neighbours on the machine do.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)

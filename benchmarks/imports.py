"""How long importing the package takes in a fresh interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

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
            f"`import countermark` more than `{_WITHOUT}`, ms",
            f"< {_LIMIT}",
            f"{added:.1f}",
            " / ".join(f"{quartile:.1f}" for quartile in quartiles),
            added < _LIMIT,
        )
    ]


def _milliseconds(code: str) -> float:
    before = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    return 1000 * (time.perf_counter() - before)

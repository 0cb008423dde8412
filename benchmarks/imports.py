"""How long importing the package takes in a fresh interpreter, in processor time."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from tempfile import TemporaryDirectory

from benchmarks.measure import Verdict

_LIMIT = 25
_WITHOUT = "import hmac, hashlib"
_WITH = f"{_WITHOUT}, countermark"


def verdicts(rounds: int) -> list[Verdict]:
    """Time both imports in turn, and compare the minima."""
    with TemporaryDirectory() as folder:
        # Installed packages are compiled. A checkout need not be, and compiling takes longer
        # than importing.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        _milliseconds(_WITH, environment)
        without, with_ = [], []
        for _ in range(max(5, rounds // 10)):
            without.append(_milliseconds(_WITHOUT, environment))
            with_.append(_milliseconds(_WITH, environment))
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


def _milliseconds(code: str, environment: dict[str, str]) -> float:
    # Not what a clock shows: that is also what the neighbours on the machine do.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)

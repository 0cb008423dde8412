"""The resident memory of one more tenant, scheme, key and principal.

Each is weighed in a fresh process that makes many: the growth of its resident memory, divided by
their number. Not tracemalloc, which does not see what OpenSSL allocates for the state of a hash.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.asgi_peers import answer
from benchmarks.growth.keys import keyring
from benchmarks.growth.requests import answered, secret_of, token_of, token_scope
from benchmarks.measure import Verdict
from benchmarks.report import Table
from benchmarks.scheme_count import numbered_scheme
from benchmarks.subject import KEYRING, SECRET_TEXT
from countermark import Keyring, Signer, Verifier
from countermark.asgi import VerifyingMiddleware
from countermark.redis import RedisStore
from countermark.rollout import Meter

_STATM = Path("/proc/self/statm")


def weigh(*, quick: bool) -> tuple[Table, list[Verdict]]:
    """Weigh all kinds. Systems without /proc have an empty table."""
    rows, verdicts = [], []
    for name, (what, make, count, limit) in _KINDS.items() if _STATM.exists() else ():
        del make
        weighed = _weighed_in_a_process(name, count // 10 if quick else count)
        rows.append((what, f"{count:,}", f"{weighed:,}"))
        if limit is not None:
            bar = f"≤ {limit:,}"
            verdicts.append(
                Verdict(f"{what}, bytes", bar, f"{weighed:,}", "", quick or weighed <= limit)
            )
    head = ("resident memory of one more", "made to weigh it", "bytes of one")
    return Table("Memory", head, rows), verdicts


def _weighed_in_a_process(name: str, count: int) -> int:
    command = [sys.executable, "-m", "benchmarks.growth.memory", name, str(count)]
    done = subprocess.run(command, check=True, timeout=300, stdout=subprocess.PIPE)
    return int(done.stdout)


def _resident() -> int:
    gc.collect()
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _signers(count: int) -> object:
    return [Signer("stigg", Keyring(secret_of(number))) for number in range(count)]


def _verifiers(count: int) -> object:
    return [Verifier("stigg", Keyring(secret_of(number))) for number in range(count)]


def _schemes(count: int) -> object:
    return [Signer(numbered_scheme(number), KEYRING) for number in range(count)]


def _keys(count: int) -> object:
    """Return verifiers of 8 keys each, together *count* keys."""
    return [Verifier("stigg", keyring(8)) for _ in range(count // 8)]


def _principals(count: int, meter: Meter | None = None) -> object:
    meter = meter or Meter()
    verifier = Verifier("stigg", KEYRING)
    app = VerifyingMiddleware(answer, verifier=verifier, mode="enforce", meter=meter)
    for number in range(count):
        answered(app, token_scope(token_of(SECRET_TEXT, f"customer-{number:08d}")))
    return app


_KINDS: dict[str, tuple[str, Callable[[int], object], int, int | None]] = {
    "signers": ("`Signer` of a tenant", _signers, 20_000, None),
    "verifiers": ("`Verifier` of a tenant", _verifiers, 20_000, None),
    "schemes": ("scheme, with its `Signer`", _schemes, 2_000, None),
    "keys": ("previous key of a `Verifier`", _keys, 16_000, None),
    "principals": ("principal in a `Meter`", _principals, 50_000, None),
}


if __name__ == "__main__":
    _, kind, number = sys.argv
    make = _KINDS[kind][1]
    make(8)
    before = _resident()
    made = make(int(number))
    print((_resident() - before) // int(number))

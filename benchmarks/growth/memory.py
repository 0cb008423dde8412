"""The resident memory of one more tenant, scheme, key and principal.

Each kind is weighed in a fresh process that makes many: the growth of its resident memory, divided
by their number. tracemalloc would not see what OpenSSL allocates for the state of a hash. A quick
run makes few in one process, which only shows that it works.
"""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

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


class Kind(NamedTuple):
    """Something to weigh.

    Attributes:
        what: Its name in the table.
        make: Makes a number of them, and returns what holds them.
        number: How many are made.
        limit: The most bytes of one; None: there is no such promise.
    """

    what: str
    make: Callable[[int], object]
    number: int
    limit: int | None = None


def weigh(*, quick: bool) -> tuple[Table, list[Verdict]]:
    """Weigh all kinds. Systems without /proc have an empty table."""
    rows, verdicts = [], []
    for name, kind in _KINDS.items() if _STATM.exists() else ():
        made = kind.number // 50 if quick else kind.number
        weighed = _weighed(name, made) if quick else _weighed_in_a_process(name, made)
        rows.append((kind.what, f"{made:,}", f"{weighed:,}"))
        if kind.limit is not None:
            what, bar = f"{kind.what}, bytes", f"≤ {kind.limit:,}"
            verdicts.append(Verdict(what, bar, f"{weighed:,}", "", weighed <= kind.limit))
    head = ("resident memory of one more", "made to weigh it", "bytes of one")
    return Table("Memory", head, rows), verdicts


def _weighed_in_a_process(name: str, count: int) -> int:
    command = [sys.executable, "-m", "benchmarks.growth.memory", name, str(count)]
    done = subprocess.run(command, check=True, timeout=300, stdout=subprocess.PIPE)
    return int(done.stdout)


def _weighed(name: str, count: int) -> int:
    make = _KINDS[name].make
    make(8)  # imports, and what all have in common
    before = _resident()
    made = make(count)
    weighed = (_resident() - before) // count
    del made
    return weighed


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


def _principals(count: int) -> object:
    return _counted(Meter(), count)


def _waiting(count: int) -> object:
    """Return a meter with principals that wait for a Redis that does not answer."""
    return _counted(Meter(store=RedisStore("redis://127.0.0.1:1/0"), interval=3600), count)


def _counted(meter: Meter, count: int) -> object:
    verifier = Verifier("stigg", KEYRING)
    app = VerifyingMiddleware(answer, verifier=verifier, mode="enforce", meter=meter)
    for number in range(count):
        answered(app, token_scope(token_of(SECRET_TEXT, f"customer-{number:08d}")))
    return app


_KINDS = {
    "signers": Kind("`Signer` of a tenant", _signers, 20_000, 4_000),
    "verifiers": Kind("`Verifier` of a tenant", _verifiers, 20_000, 6_000),
    "schemes": Kind("scheme, with its `Signer`", _schemes, 2_000),
    "keys": Kind("key of a `Verifier` with 8", _keys, 16_000),
    "principals": Kind("principal in a `Meter`, up to 50,000", _principals, 50_000, 200),
    "waiting": Kind("the same, while it waits for Redis, up to 10,000", _waiting, 10_000),
}


if __name__ == "__main__":
    logging.disable()  # the meter reports that its Redis does not answer
    print(_weighed(sys.argv[1], int(sys.argv[2])))

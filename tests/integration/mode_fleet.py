"""A fleet of forked workers under load, which record the mode of each of their verdicts.

``python -m tests.integration.mode_fleet URL FOLDER`` builds the application, as a server with
preloading does, and forks the workers. Each appends to a file of its own in FOLDER: the time, the
principal and the mode, whenever a verdict has another mode than the last one on this principal.
They end when FOLDER has a file ``stop``, with a last line: the number of requests.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from countermark import Keyring, Verdict, Verifier
from countermark.redis import RedisStore
from countermark.verifying import ModeSwitch
from countermark.wsgi import VerifyingMiddleware
from tests.conftest import SECRET

WORKERS = 8
ENVIRONMENT = "live"
#: A principal that 50 % chooses, and one that it does not.
CHOSEN, OTHER = "user-1", "user-0"


class Record:
    """Writes the changes of the modes of verdicts, as a meter does with verdicts."""

    def __init__(self) -> None:
        self.requests = 0
        self._modes: dict[str | None, str] = {}
        self._file: Any = None

    def open(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8")

    def __call__(self, verdict: Verdict) -> None:
        self.requests += 1
        if self._modes.get(verdict.claimed_id) != verdict.mode:
            self._modes[verdict.claimed_id] = verdict.mode
            self._file.write(f"{time.time()} {verdict.claimed_id} {verdict.mode}\n")

    def close(self) -> None:
        self._file.write(f"{self.requests}\n")
        self._file.close()


def main(url: str, folder: Path) -> None:
    """Fork the workers, and wait until they have ended."""
    record = Record()
    switch = ModeSwitch(RedisStore(url), "stigg", environment=ENVIRONMENT)
    verifier = Verifier("stigg", Keyring(SECRET), environment=ENVIRONMENT)
    app = VerifyingMiddleware(_page, verifier=verifier, mode=switch, meter=record)
    children = []
    for number in range(WORKERS):
        child = os.fork()
        if child == 0:
            record.open(folder / f"{number}")
            _work(app, folder)
            record.close()
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def _work(app: Any, folder: Path) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and not (folder / "stop").exists():
        for _ in range(20):
            for person in (CHOSEN, OTHER):
                token = f"HMAC-SHA256 {person}:{'0' * 64}"
                environ = {"REQUEST_METHOD": "GET", "HTTP_X_CUSTOMER_KEY": token}
                list(app(environ, lambda *answer: None))
            time.sleep(0.001)


def _page(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"ok"]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

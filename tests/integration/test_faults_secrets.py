"""A secret file that is replaced under eight workers: half, empty, missing, and well."""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path

from tests.integration.fault_run import check_that_nothing_is_lost, run_through
from tests.integration.fleet import Fleet
from tests.integration.fleet_worker import SECRET
from tests.integration.redis_server import RedisServer

NEW = "the-next-secret-of-the-tests-with-enough-bytes"
BROKEN = {
    "half": SECRET[: len(SECRET) // 2].encode(),
    "empty": b"",
    "two lines": f"{SECRET}\n{SECRET}\n".encode(),
    "not a text": b"\xff\xfe" * 20,
    "a placeholder": b"changeme" * 5,
}


def put(file: Path, content: bytes) -> None:
    """Replace a file as a secret mount does: at once."""
    new = file.with_name("new")
    new.write_bytes(content)
    new.replace(file)


def break_and_rotate(file: Path, fleet: Fleet) -> None:
    """Put all kinds of broken files in place, each for several reads, and then a new secret."""
    for content in BROKEN.values():
        put(file, content)
        time.sleep(0.25)
    file.unlink()
    time.sleep(0.25)
    file.mkdir()
    time.sleep(0.25)
    file.rmdir()
    put(file.with_name(f"{file.name}-previous"), SECRET.encode())
    put(file, NEW.encode())


def test_no_state_of_a_secret_file_opens_or_closes_anything(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    file = tmp_path / "secrets" / "stigg"
    file.parent.mkdir()
    put(file, SECRET.encode())
    outcome = run_through(
        redis_server.url,
        tmp_path,
        partial(break_and_rotate, file),
        secret_file=file,
        store={"timeout": 20},
    )
    check_that_nothing_is_lost(outcome)
    assert outcome.answers.unavailable_since(0) == 0
    assert outcome.roles == {"current", "previous", None}
    shutil.rmtree(file.parent)

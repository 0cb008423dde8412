"""The meters of many processes with a real Redis, which is sometimes unavailable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from countermark import StoreUnavailable
from countermark.redis import RedisStore
from countermark.rollout import DAY, GroupStats, Meter, Principals, read_snapshot
from countermark.rollout._redis_reader import stranded_among
from tests.integration.redis_server import RedisServer, wait_until
from tests.integration.servers import ROOT, fetch, free_port, running
from tests.rollout.verdicts import NOON, Clock, unverified, verified

NEVER = 3600.0  # seconds: such a meter writes only when it is flushed, or when its process exits


def store_of(server: RedisServer) -> RedisStore:
    """Return a store without a pause, with a timeout for busy machines."""
    return RedisStore(server.url, pause=0, timeout=5)


def only(store: RedisStore, days: int = 7, clock: Callable[[], float] = time.time) -> GroupStats:
    (stats,) = read_snapshot(store, days, clock=clock).groups
    return stats


def contents(server: RedisServer) -> str:
    """Return all keys and their contents as text."""
    client: Any = redis.Redis.from_url(server.url)
    read = {
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": client.zrange,
        b"string": client.get,
    }
    held = []
    for key in client.keys("*"):
        assert client.ttl(key) > 0, "all keys must expire"
        kind = client.type(key)
        held.append((key, read[kind](key, *([0, -1] if kind == b"zset" else []))))
    return repr(held)


class Losing(RedisStore):
    """A store that runs commands, but loses the next *lose* answers."""

    lose = 0

    def run(self, *args: Any, **options: Any) -> Any:
        answer = super().run(*args, **options)
        if self.lose:
            self.lose -= 1
            raise StoreUnavailable("the answer was lost")
        return answer


def test_the_snapshot_from_redis_equals_that_of_the_meter(redis_server: RedisServer) -> None:
    store, clock = store_of(redis_server), Clock()
    meter = Meter(store=store, clock=clock, interval=NEVER)
    for day in range(9):
        clock.now = NOON + day * DAY
        for number in range(5):
            meter(verified(f"user-{number}", origin="https://a.example", tenant="acme"))
            meter(unverified(f"user-{number + day}", code="mismatch", tenant="acme"))
            meter(unverified(None, by=None))
        if day % 2:
            assert meter.flush()
    assert meter.flush()
    for days in (1, 3, 7, 30):
        assert read_snapshot(store, days, clock=clock) == meter.snapshot(days)
    assert meter.flush()
    clock.now += 38 * DAY
    assert read_snapshot(store, clock=clock).groups == ()


def test_a_clock_that_is_ahead_past_midnight_hides_no_requests_of_today(
    redis_server: RedisServer,
) -> None:
    store, clock = store_of(redis_server), Clock(NOON + DAY / 2 - 60)
    meter = Meter(store=store, interval=NEVER, clock=clock)
    for ahead in (0, 3600, 0):
        clock.now = NOON + DAY / 2 - 60 + ahead
        meter(verified())
        assert meter.flush()
    assert only(store, clock=clock).requests == 2
    clock.now += 3600
    assert only(store, clock=clock).requests == 3


def test_a_principal_in_two_meters_is_counted_once(
    redis_server: RedisServer,
) -> None:
    store = store_of(redis_server)
    for names in (("user-1", "user-2"), ("user-2", "user-1")):
        meter = Meter(store=store, interval=NEVER)
        meter(verified(names[0]))
        meter(unverified(names[1]))
        assert meter.flush()
    assert only(store).principals == Principals(verified=2, affected=2, stranded=0)


def test_redis_contains_no_ids_tokens_or_keys(redis_server: RedisServer) -> None:
    meter = Meter(store=store_of(redis_server), interval=NEVER)
    meter(verified("canary-user-1", key_id="canary-key", correlation_id="canary-correlation"))
    meter(unverified("canary-user-2", code="malformed", tenant="acme"))
    assert meter.flush()
    text = contents(redis_server)
    assert "acme" in text
    assert "canary" not in text


COUNT = """
import sys
from countermark.rollout import Meter
from countermark.redis import RedisStore
from tests.rollout.verdicts import unverified, verified

process = int(sys.argv[2])
meter = Meter(store=RedisStore(sys.argv[1], timeout=5, pause=0), interval=0.05)
for number in range(2_000):
    meter(verified(f"user-{number % 100}", tenant=f"t{number % 3}"))
    meter(unverified(f"user-{process}-{number % 10}", tenant=f"t{number % 3}"))
"""


def script(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *arguments], cwd=ROOT)


def test_all_requests_of_eight_processes_are_added_up(redis_server: RedisServer) -> None:
    processes = [script(COUNT, redis_server.url, str(number)) for number in range(8)]
    assert [process.wait(timeout=120) for process in processes] == [0] * 8
    groups = read_snapshot(store_of(redis_server)).groups
    assert [stats.tenant for stats in groups] == ["t0", "t1", "t2"]
    assert sum(stats.requests for stats in groups) == 8 * 4_000
    assert sum(stats.verified for stats in groups) == 8 * 2_000
    for stats in groups:
        assert stats.principals == Principals(verified=100, affected=80, stranded=80)


FORK = """
import os, sys
from countermark.rollout import Meter
from countermark.redis import RedisStore
from tests.rollout.verdicts import unverified, verified

meter = Meter(store=RedisStore(sys.argv[1], timeout=5, pause=0), interval=3600)
for number in range(10):
    meter(verified(f"user-{number}"))
children = []
for child in range(4):
    process = os.fork()
    if not process:
        for number in range(child + 1):
            meter(unverified(f"user-{number}"))
        sys.exit(0)
    children.append(process)
sys.exit(any(os.waitpid(process, 0)[1] for process in children))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_parent_and_children_write_their_own_counts_when_they_exit(
    redis_server: RedisServer,
) -> None:
    assert script(FORK, redis_server.url).wait(timeout=60) == 0
    stats = only(store_of(redis_server))
    assert stats.by("verdict") == {"verified": 10, "missing": 1 + 2 + 3 + 4}
    assert stats.principals == Principals(verified=10, affected=4, stranded=0)


SERVED = """
import os
import signal
from countermark.rollout import Meter
from countermark.redis import RedisStore
from tests.rollout.verdicts import verified

meter = Meter(store=RedisStore(os.environ["REDIS_OF_TEST"], timeout=5), interval=0.2)

def app(environ, start_response):
    meter(verified(environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Gunicorn is not for Windows")
def test_workers_of_gunicorn_that_fork_after_loading_the_application_count_all_requests(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "served.py").write_text(SERVED)
    monkeypatch.setenv("REDIS_OF_TEST", redis_server.url)
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--threads", "2",
        "--bind", f"127.0.0.1:{port}", "--pythonpath", f"{ROOT},{tmp_path}", "served:app",
    ]  # fmt: skip
    with running(command, port, tmp_path / "log") as url:
        for number in range(60):
            assert fetch(f"{url}/?user-{number % 20}").status == 200
    stats = only(store_of(redis_server))
    assert stats.requests == 60
    assert stats.principals == Principals(verified=20)


def test_no_counts_are_lost_while_redis_is_killed_and_restarted(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    meter = Meter(store=store_of(redis_server), interval=0.02)
    for number in range(3_000):
        meter(verified(f"user-{number % 50}"))
        if number in {1_000, 2_000}:
            redis_server.kill()
            assert not meter.flush()
            assert not meter.flush()
        if number in {1_500, 2_500}:
            redis_server.start()
            assert meter.flush()
    assert meter.flush()
    stats = only(store_of(redis_server))
    assert (stats.requests, stats.principals) == (3_000, Principals(verified=50))
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2, messages
    assert all("failed: meter_unavailable" in message for message in messages)
    assert all("error=ConnectionError" in message for message in messages)


def test_no_request_is_counted_twice_if_redis_freezes_during_a_write(
    redis_server: RedisServer,
) -> None:
    store = RedisStore(redis_server.url, timeout=0.05, pause=0)
    meter = Meter(store=store, interval=0.005)
    for number in range(200):
        if number % 20 == 5:
            redis_server._process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
        if number % 20 == 15:
            redis_server._process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
        for _ in range(10):
            meter(verified(f"user-{number}"))
        time.sleep(0.01)
    redis_server._process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
    assert any(meter.flush() for _ in range(100))
    assert only(store_of(redis_server)).requests == 2_000


def test_a_write_counts_once_if_its_answer_is_lost(redis_server: RedisServer) -> None:
    for lost in range(1, 8):
        store = Losing(redis_server.url, prefix=f"after-{lost}:", pause=0, timeout=5)
        meter = Meter(store=store, interval=NEVER)
        meter(verified("user-1", tenant="acme", origin="https://a.example"))
        store.lose = lost
        for _ in range(lost):
            assert not meter.flush()
            meter(unverified("user-1", tenant="acme"))
        assert meter.flush()
        assert only(store).requests == 1 + lost
        assert only(store).verified == 1


SALT = "countermark:{meter}:meter:salt"


def test_after_redis_is_emptied_a_process_writes_its_last_batches_again(
    redis_server: RedisServer,
) -> None:
    store, client = store_of(redis_server), redis_server.client()
    meter = Meter(store=store, interval=NEVER)
    meter(verified("user-1"))
    assert meter.flush()
    salt = client.get(SALT)
    client.flushall()
    for _ in range(2):
        meter(verified("user-1"))
        meter(unverified("user-1"))
        assert meter.flush()
    assert client.get(SALT) == salt
    assert only(store).requests == 5
    assert only(store).principals == Principals(verified=1, affected=1, stranded=0)
    assert meter.lost == 0


def test_older_batches_that_redis_has_lost_are_counted_and_no_group_is_complete(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("countermark.rollout._redis_queue.HELD", 0)
    store = store_of(redis_server)
    meter, other = (Meter(store=store, interval=NEVER) for _ in range(2))
    for number in range(3):
        meter(verified("user-1"))
        other(verified(f"user-{number}", tenant="acme"))
        assert meter.flush()
        assert other.flush()
    redis_server.client().flushall()
    for _ in range(2):
        meter(verified("user-1"))
        meter(unverified("user-1"))
        assert meter.flush()
    assert (meter.lost, other.lost) == (3, 0)
    (stats,) = read_snapshot(store).groups
    assert (stats.requests, stats.complete) == (4, False)
    assert (stats.principals.verified, stats.principals.stranded) == (1, 0)
    messages = [record.getMessage() for record in caplog.records]
    assert [message for message in messages if "meter_lost" in message] == [
        "failed: meter_lost (scheme=None principal=None error=None)"
    ]
    other(verified("user-1", tenant="acme"))
    assert other.flush()
    assert other.lost == 3
    assert not any(stats.complete for stats in read_snapshot(store).groups)


def test_processes_share_the_limits_of_tenants_and_origins(redis_server: RedisServer) -> None:
    store = store_of(redis_server)
    meters = [Meter(store=store, max_tenants=4, max_origins=2, interval=NEVER) for _ in range(3)]
    for rounds in range(3):
        for number, meter in enumerate(meters):
            for other in range(6):
                tenant = f"t{(number * 3 + other) % 9}"
                meter(verified("user-1", tenant=tenant, origin=f"https://{tenant}.example"))
            assert meter.flush()
        groups = read_snapshot(store).groups
        assert [stats.tenant for stats in groups] == ["other", "t0", "t1", "t2", "t3"]
        assert {row.origin for stats in groups for row in stats.counts} == {
            "other", "https://t0.example", "https://t1.example"
        }  # fmt: skip
        assert sum(stats.requests for stats in groups) == 18 * (rounds + 1)
        if not rounds:
            before = [stats.requests for stats in groups]
    # A meter learns the labels of other meters with its first write.
    assert [stats.requests - first for stats, first in zip(groups, before, strict=True)] == [
        20, 4, 4, 4, 4
    ]  # fmt: skip


def test_the_number_of_rows_of_a_group_in_redis_is_limited(redis_server: RedisServer) -> None:
    store = store_of(redis_server)
    for code in ("missing", "mismatch", "expired", "malformed"):
        meter = Meter(store=store, max_origins=400, interval=NEVER)
        for origin in range(400):
            meter(unverified(None, code, origin=f"https://{origin}.example"))
        assert meter.flush()
    stats = only(store)
    assert stats.requests == 1_600
    assert 1_000 <= len(stats.counts) <= 1_004


def test_above_the_limit_the_numbers_of_principals_in_redis_are_lower_bounds(
    redis_server: RedisServer,
) -> None:
    store, clock = store_of(redis_server), Clock()
    meter = Meter(store=store, max_principals=20, clock=clock, interval=NEVER)
    for number in range(20):
        meter(unverified(f"user-{number}"))
    assert meter.flush()
    assert only(store, clock=clock).principals == Principals(affected=20, stranded=20)
    for number in range(15, 25):
        meter(unverified(f"user-{number}"))
        meter(verified(f"user-{number}"))
    assert meter.flush()
    # The HyperLogLog has no limit.
    assert only(store, clock=clock).principals == Principals(10, 25, 15, exact=False)
    clock.now += 8 * DAY
    meter(verified("user-1"))
    assert meter.flush()
    assert only(store, clock=clock).principals == Principals(verified=1)


def test_the_number_of_waiting_principals_is_limited_while_redis_is_unavailable(
    redis_server: RedisServer,
) -> None:
    store = store_of(redis_server)
    meter = Meter(store=store, interval=NEVER)
    redis_server.kill()
    for number in range(10_100):
        meter(unverified(f"user-{number}"))
        meter(verified("user-1"))
    assert not meter.flush()
    redis_server.start()
    assert meter.flush()
    stats = only(store)
    assert stats.requests == 20_200
    assert stats.principals.stranded == 9_999
    assert not stats.principals.exact


def test_60_000_principals_can_be_written_in_several_batches(redis_server: RedisServer) -> None:
    store = store_of(redis_server)
    meter = Meter(store=store, interval=NEVER, max_principals=80_000)
    for number in range(60_000):
        meter(verified(f"user-{number}"))
        if number % 9_000 == 0:
            assert meter.flush()
    assert meter.flush()
    stats = only(store)
    assert stats.principals.exact
    assert abs(stats.principals.verified - 60_000) < 60_000 * 0.04


def test_a_late_write_does_not_replace_a_later_day_by_an_earlier_one(
    redis_server: RedisServer,
) -> None:
    store, clock = store_of(redis_server), Clock()
    late, punctual = (Meter(store=store, clock=clock, interval=NEVER) for _ in range(2))
    late(verified("user-1"))
    clock.now += 2 * DAY
    punctual(verified("user-1"))
    punctual(unverified("user-1"))
    assert punctual.flush()
    assert late.flush()
    stats = only(store, 1, clock)
    assert stats.principals == Principals(verified=1, affected=1, stranded=0)
    assert (stats.first_seen, stats.last_seen) == (NOON, NOON + 2 * DAY)
    assert stats.complete


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_first_and_last_times_do_not_depend_on_the_order_of_writes(
    redis_server: RedisServer, order: tuple[int, ...]
) -> None:
    store, clock = store_of(redis_server), Clock()
    for minutes in order:
        clock.now = NOON + minutes * 60
        meter = Meter(store=store, clock=clock, interval=NEVER)
        meter(verified())
        assert meter.flush()
    stats = only(store, clock=clock)
    assert (stats.first_seen, stats.last_seen) == (NOON, NOON + 120)


def test_a_window_over_two_periods_includes_both(redis_server: RedisServer) -> None:
    store, clock = store_of(redis_server), Clock((20_832 + 31) * DAY)  # the last of 32 days
    meter = Meter(store=store, clock=clock, interval=NEVER)
    meter(verified("user-1"))
    meter(unverified("user-2"))
    clock.now += 2 * DAY
    meter(unverified("user-1"))
    meter(verified("user-2"))
    meter(unverified("user-3"))
    assert meter.flush()
    assert only(store, 7, clock).principals == Principals(verified=2, affected=3, stranded=1)
    assert only(store, 1, clock).principals == Principals(verified=1, affected=2, stranded=2)
    client: Any = redis_server.client()
    assert len(client.keys("*last_verified:*")) == 2


def test_the_meter_writes_rests_and_writes_again(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countermark.rollout._redis_queue.HELD", 0.05)
    store = store_of(redis_server)
    meter = Meter(store=store, interval=0.01)
    writer: Any = meter._write_behind
    for requests in (1, 2, 3):
        meter(verified())
        wait_until(lambda: not (writer._job.started or writer._run()), "a rest")
        assert only(store).requests == requests


def test_a_process_exits_although_redis_is_unavailable(redis_server: RedisServer) -> None:
    redis_server.kill()
    assert script(COUNT, redis_server.url, "1").wait(timeout=60) == 0


def test_stranded_among_returns_the_stranded_ids(redis_server: RedisServer) -> None:
    store = store_of(redis_server)
    meter = Meter(store=store, interval=NEVER)
    meter(unverified("user-1"))
    meter(unverified("user-2"))
    meter(verified("user-2"))
    meter(unverified("user-3", tenant="acme"))
    assert meter.flush()
    no_tenant, acme = read_snapshot(store).groups
    people = [(None, f"user-{number}") for number in range(5)]
    assert stranded_among(store, no_tenant, people) == ["user-1"]
    assert stranded_among(store, acme, people) == []
    assert stranded_among(store, acme, [("acme", "user-3"), ("brick", "user-3")]) == ["user-3"]


def test_reading_a_snapshot_without_redis_is_an_error(redis_server: RedisServer) -> None:
    redis_server.kill()
    with pytest.raises(StoreUnavailable):
        read_snapshot(store_of(redis_server))

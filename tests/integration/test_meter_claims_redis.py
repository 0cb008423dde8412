"""Claimed ids in a real Redis: bounded, and counted separately from known principals."""

from __future__ import annotations

from pathlib import Path

import pytest

from countermark.cli import main
from countermark.redis import RedisStore
from countermark.rollout import DAY, Meter, is_ready, read_snapshot, readiness
from tests.integration.redis_server import RedisServer
from tests.integration.test_meter_redis import NEVER, only, store_of
from tests.rollout.verdicts import Clock, claim, unverified, verified


def nine_good_days(store: RedisStore, clock: Clock) -> None:
    meter = Meter(store=store, clock=clock, interval=NEVER)
    for _ in range(9):
        for number in range(40):
            meter(verified(f"user-{number}"))
        clock.now += DAY
    assert meter.flush()


def test_one_made_up_id_does_not_keep_several_processes_from_enforcing(
    redis_server: RedisServer,
) -> None:
    store, clock = store_of(redis_server), Clock()
    nine_good_days(store, clock)
    assert is_ready(read_snapshot(store, clock=clock))
    other = Meter(store=store, clock=clock, interval=NEVER)
    other(claim("made-up-id"))
    assert other.flush()
    assert is_ready(read_snapshot(store, clock=clock))
    principals = only(store, clock=clock).principals
    assert (principals.stranded, principals.claimed, principals.claims_exact) == (0, 1, True)


def test_100_000_claims_do_not_change_the_numbers_of_known_principals(
    redis_server: RedisServer,
) -> None:
    store, clock = store_of(redis_server), Clock()
    nine_good_days(store, clock)
    meter = Meter(store=store, clock=clock, interval=NEVER, max_principals=1_000)
    meter(unverified("customer-of-a-function"))
    assert meter.flush()
    before = only(store, clock=clock)
    for number in range(100_000):
        meter(claim(f"made-up-{number}"))
        if number % 20_000 == 0:
            assert meter.flush()
    # Another process has verified this principal, so the claim needs no room.
    meter(claim("user-7"))
    assert meter.flush()
    after = only(store, clock=clock)
    assert (after.principals.verified, after.principals.exact) == (40, True)
    assert after.principals.stranded == before.principals.stranded == 1
    assert (after.principals.claimed, after.principals.claims_exact) == (1_000, False)
    assert after.verified == before.verified
    assert after.claims == 100_001
    assert after.complete


def test_if_claims_exceed_the_limit_a_list_of_customers_is_not_exact(
    redis_server: RedisServer,
) -> None:
    store, clock = store_of(redis_server), Clock()
    nine_good_days(store, clock)
    meter = Meter(store=store, clock=clock, interval=NEVER, max_principals=1_000)
    for number in range(1_000):
        meter(claim(f"made-up-{number}"))
    meter(claim("customer-1"))
    assert meter.flush()
    assert is_ready(read_snapshot(store, clock=clock))
    listed = read_snapshot(store, known={"customer-1"}, clock=clock)
    assert not is_ready(listed)
    (reason,) = readiness(listed, listed.groups[0]).reasons
    assert "raise max_principals= or max_tenants= of the meter" in reason


def test_a_list_of_customers_is_not_exact_for_tenants_counted_as_other(
    redis_server: RedisServer,
) -> None:
    store, clock = store_of(redis_server), Clock()
    meter = Meter(store=store, clock=clock, interval=NEVER, max_tenants=1)
    for _ in range(9):
        for number in range(40):
            meter(verified(f"user-{number}", tenant="1"))
            meter(verified(f"user-{number}", tenant="2"))
        clock.now += DAY
    meter(claim("customer-1", tenant="2"))
    assert meter.flush()
    assert is_ready(read_snapshot(store, clock=clock))
    assert not is_ready(read_snapshot(store, known={"customer-1"}, clock=clock))


def test_a_principal_verified_before_by_another_process_is_known(redis_server: RedisServer) -> None:
    store, clock = store_of(redis_server), Clock()
    nine_good_days(store, clock)
    clock.now += 10 * DAY
    meter = Meter(store=store, clock=clock, interval=NEVER)
    for number in range(1, 40):
        meter(verified(f"user-{number}"))
    meter(claim("user-0"))
    assert meter.flush()
    principals = only(store, clock=clock).principals
    assert (principals.affected, principals.stranded, principals.claimed) == (1, 1, 0)


@pytest.mark.parametrize(
    "content",
    ["user-8\nuser-9\n", "id,name\nuser-9,Ann\n", '"user-9","a ""b"""\r\n\r\n', "\ufeffuser-9,x"],
    ids=["lines", "columns", "quotes", "byte order mark"],
)
def test_the_command_reads_a_file_of_customers(
    redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    store = store_of(redis_server)
    meter = Meter(store=store, interval=NEVER)
    meter(verified("user-1"))
    meter(claim("user-9"))
    assert meter.flush()
    path = tmp_path / "customers.csv"
    path.write_bytes(content.encode())
    for arguments, stranded in (([], False), (["--customers", str(path)], True)):
        assert main(["rollout", "--redis", redis_server.url, *arguments]) == 1
        shown = capsys.readouterr().out
        assert ("1 principal had unverified requests only" in shown) is stranded
        assert "user-9" not in shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file of --customers contains no id; write one in each line"),
        (b'user-1\n"user-2', "is not valid CSV at line 2; close its quotes"),
        (b"\xe4", "cannot be read: it is not UTF-8 text; give a file of UTF-8 text"),
    ],
)
def test_an_invalid_file_of_customers_is_an_error(
    redis_server: RedisServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes,
    message: str,
) -> None:
    import re

    path = tmp_path / "customers.csv"
    path.write_bytes(content)
    assert main(["rollout", "--redis", redis_server.url, "--customers", str(path)]) == 2
    assert re.search(message, capsys.readouterr().err)

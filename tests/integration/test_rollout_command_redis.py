"""The command ``countermark rollout`` with counts in a real Redis."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from countermark.cli import main
from countermark.redis import RedisStore
from countermark.rollout import DAY, Meter, is_ready, read_snapshot
from countermark.rollout._redis_keys import GroupKeys
from countermark.verifying import Allowance
from countermark.verifying._allowance import allowance_group
from countermark.wsgi import RolloutPage
from tests.drivers import call
from tests.integration.redis_server import RedisServer
from tests.integration.test_meter_redis import NEVER, store_of
from tests.rollout.pages import Page
from tests.rollout.verdicts import NOON, Clock, unverified, verified


@pytest.fixture
def counted(redis_server: RedisServer) -> RedisServer:
    """A Redis in which stigg is ready to be enforced in one environment, and not in another."""
    clock = Clock(time.time() - 8.5 * DAY)
    meter = Meter(store=store_of(redis_server), clock=clock, interval=NEVER)
    for environment in ("live", "test"):
        meter(verified("user-1", environment=environment))
    clock.now = time.time()
    for number in range(1_000):
        meter(verified(f"user-{number}", environment="live"))
    meter(unverified("user-1", environment="live"))
    meter(unverified("user-8", environment="test"))
    meter(unverified("user-9", environment="test", tenant="acme"))
    assert meter.flush()
    return redis_server


def rollout(server: RedisServer, *arguments: str) -> int:
    return main(["rollout", "--redis", server.url, *arguments])


@pytest.mark.parametrize(
    ("arguments", "code", "groups"),
    [
        ([], 1, 3),
        (["--environment", "live"], 0, 1),
        (["--environment", "live", "--scheme", "stigg"], 0, 1),
        (["--environment", "live", "--least", "100"], 1, 1),
        (["--environment", "live", "--days", "9"], 1, 1),
        (["--environment", "live", "--days", "3"], 0, 1),
        (["--environment", "test"], 1, 2),
        (["--environment", "test", "--tenant", "acme"], 1, 1),
        (["--tenant", "brick"], 1, 0),
        (["--scheme", "knock"], 1, 0),
        (["--prefix", "another:"], 1, 0),
    ],
)
def test_the_command_exits_with_0_if_all_groups_are_ready(
    counted: RedisServer,
    arguments: list[str],
    code: int,
    groups: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert rollout(counted, *arguments, "--json") == code
    report = json.loads(capsys.readouterr().out)
    assert report["ready"] is (code == 0)
    assert len(report["groups"]) == groups
    assert rollout(counted, *arguments) == code
    last = capsys.readouterr().out.rstrip().partition("ready to enforce: ")[2]
    assert last.startswith("yes" if code == 0 or groups == 3 else "no")


def test_a_filter_without_a_match_lists_the_groups_of_the_store(
    counted: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rollout(counted, "--scheme", "stig") == 1
    shown = capsys.readouterr().err
    assert shown.startswith("no request matches these options; the store has stigg, ")
    assert "environment test" in shown


def test_an_empty_environment_option_selects_verifiers_without_an_environment(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    meter = Meter(store=RedisStore(redis_server.url), interval=60)
    meter(verified("user-1", environment=None))
    meter(unverified("user-2", environment="test"))
    assert meter.flush()
    assert rollout(redis_server, "--environment", "") == 1
    out = capsys.readouterr().out
    assert "stigg:" in out
    assert "environment test" not in out


def test_the_command_reads_the_url_from_a_variable(
    counted: RedisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUNTERMARK_REDIS_URL", counted.url)
    assert main(["rollout", "--environment", "live"]) == 0
    assert "ready to enforce: yes" in capsys.readouterr().out
    counted.kill()
    assert main(["rollout", "--environment", "live"]) == 2
    assert capsys.readouterr().err.startswith("asking Redis failed")


def test_the_command_shows_the_rest_of_the_allowance(
    counted: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    allowance = Allowance(100, store=store_of(counted))
    allowance.admit(allowance_group("stigg", "live"), {})
    assert rollout(counted, "--environment", "live", "--allowance", "100") == 0
    assert "allowance left            99\n" in capsys.readouterr().out
    assert rollout(counted, "--environment", "live") == 0
    assert "allowance left" not in capsys.readouterr().out


def test_the_command_writes_a_page(
    counted: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "page.html"
    assert rollout(counted, "--html", str(file)) == 1
    assert capsys.readouterr().out == ""
    page = Page(file.read_text(encoding="utf-8"))
    assert [row[0] for row in page.tables["All groups"][1:]] == [
        "stigg, environment live",
        "stigg, environment test",
        "stigg, environment test, tenant acme",
    ]
    assert "user-" not in page.text
    assert page.all("script") == []
    assert rollout(counted, "--environment", "live", "--allowance", "3", "--html", "-") == 0
    page = Page(capsys.readouterr().out)
    assert page.all("h1", class_="yes")
    assert "allowance left 3" in page.text
    shares = [row[3] for row in page.tables["Requests by day"]]
    assert shares[1] == "99.90 %"
    assert shares.count("none") == 7


def test_a_page_that_cannot_be_written_is_an_error(
    counted: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rollout(counted, "--html", str(tmp_path / "none" / "page.html")) == 2
    message = "the file of --html cannot be written (FileNotFoundError)\n"
    assert capsys.readouterr().err == message


def test_the_applications_read_the_counts_of_all_processes(counted: RedisServer) -> None:
    app = RolloutPage(store_of(counted), authorize=lambda environ: True)
    page = Page(b"".join(call(app).body).decode())
    assert page.tables["All groups"][1][1:] == ["1,001", "99.90 %", "0", "ready"]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], ["user-8", "user-9"]),
        (["--environment", "live"], []),
        (["--tenant", "acme"], ["user-9"]),
        (["--tenant", "brick"], []),
    ],
)
def test_the_command_prints_the_stranded_ones_of_given_ids(
    counted: RedisServer,
    arguments: list[str],
    found: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ids = "".join(f"user-{number}\r\n" for number in range(20))
    (tmp_path / "ids").write_bytes(ids.encode())
    code = rollout(counted, *arguments, "--which-of", str(tmp_path / "ids"))
    assert (code, capsys.readouterr().out.split()) == (1 if found else 0, found)


def test_the_page_of_the_command_lists_the_stranded_ones_of_given_ids(
    counted: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ids").write_text("user-1\nuser-8\nuser-9\nuser-10\n", encoding="utf-8")
    arguments = ("--html", "-", "--which-of", str(tmp_path / "ids"))
    assert rollout(counted, "--environment", "test", *arguments) == 1
    page = Page(capsys.readouterr().out)
    assert page.text.count("Found in the list of ids that was given: 1 of 1.") == 2
    assert re.findall(r"user-\d+", page.text) == ["user-8", "user-9"]
    assert rollout(counted, "--environment", "live", *arguments) == 0
    assert "user-" not in Page(capsys.readouterr().out).text
    assert rollout(counted, "--json", "--which-of", str(tmp_path / "ids")) == 2
    assert "--which-of prints ids, not JSON" in capsys.readouterr().err


def test_the_command_reads_ids_from_standard_input(
    counted: RedisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"user-1\r\nuser-8\n")))
    assert rollout(counted, "--which-of", "-") == 1
    assert capsys.readouterr().out == "user-8\n"


def test_a_tenant_counted_as_other_can_be_selected(
    redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meter = Meter(store=store_of(redis_server), max_tenants=1, interval=NEVER)
    for tenant in ("acme", "brick", "clay"):
        meter(unverified(f"user-of-{tenant}", tenant=tenant))
    assert meter.flush()
    (tmp_path / "ids").write_text("user-of-acme\nuser-of-brick\nuser-of-clay")
    for tenant in ("acme", "brick", "clay"):
        assert rollout(redis_server, "--tenant", tenant, "--which-of", str(tmp_path / "ids")) == 1
        assert capsys.readouterr().out == f"user-of-{tenant}\n"


def test_an_unreadable_file_of_ids_is_an_error(
    counted: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "latin").write_bytes(b"\xe4")
    for name in ("latin", "missing"):
        assert rollout(counted, "--which-of", str(tmp_path / name)) == 2
    assert "No such file or directory" in capsys.readouterr().err


def test_a_tenant_with_the_id_other_is_selected_by_its_quoted_name(
    redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meter = Meter(store=store_of(redis_server), max_tenants=1, interval=NEVER)
    for tenant in ("other", "brick"):
        meter(unverified(f"user-of-{tenant}", tenant=tenant))
    assert meter.flush()
    (tmp_path / "ids").write_text("user-of-other\nuser-of-brick")
    for arguments in (["--tenant", "'other'"], []):
        assert rollout(redis_server, *arguments, "--which-of", str(tmp_path / "ids")) == 1
        assert capsys.readouterr().out == "user-of-other\n"
    assert rollout(redis_server, "--tenant", "'other'", "--json") == 1
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert (group["tenant"], group["requests"]) == ("'other'", 1)


def test_after_a_loss_the_command_warns_that_more_ids_may_be_stranded(
    counted: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ids").write_text("user-8\nuser-9")
    client: Any = counted.client()
    keys = GroupKeys(RedisStore(counted.url), ("stigg", "test", "acme"))
    for lost, warning in (("nothing", ""), ("last_unverified", "there may be more")):
        for key in client.keys(f"{keys.of_day(lost, 0)[:-1]}*"):
            client.delete(key)
        assert rollout(counted, "--which-of", str(tmp_path / "ids")) == 1
        shown = capsys.readouterr()
        assert shown.out.startswith("user-8\n")
        assert shown.err.startswith(warning)
        assert bool(shown.err) == bool(warning)


@pytest.mark.parametrize("hours", [8, 12, 20])
def test_a_window_of_30_days_works_at_any_time_of_the_day(
    redis_server: RedisServer, hours: int
) -> None:
    store, clock = store_of(redis_server), Clock()
    meter = Meter(store=store, clock=clock, interval=NEVER)
    for day in range(40):
        for hour in (9, 17):
            if day % 7 < 5:  # no requests at the weekend
                clock.now = NOON + (day - 0.5) * DAY + hour * 3600
                meter(verified())
    assert meter.flush()
    for day in range(40, 47):
        clock.now = NOON + (day - 0.5) * DAY + hours * 3600
        assert is_ready(read_snapshot(store, 30, clock=clock))
        assert is_ready(meter.snapshot(30))


def test_a_closed_pipe_causes_no_traceback(counted: RedisServer) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "countermark", "rollout", "--redis", counted.url, "--json"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (1, b"")

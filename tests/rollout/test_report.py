"""Readiness to enforce: the rule, the report and the command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from countermark.cli import main
from countermark.rollout import (
    DAY,
    DayCount,
    GroupStats,
    KeyUse,
    Principals,
    RequestCount,
    Snapshot,
    is_ready,
    readiness,
)
from countermark.rollout._readiness import left_out, percent
from countermark.rollout._report import allowance_left, allowance_left_now, as_dict, as_text
from countermark.verifying import Allowance
from countermark.verifying._allowance import allowance_group
from tests.rollout.verdicts import NOON

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/rollout.md").read_text(encoding="utf-8")
ASK_LATER = "ask 7 days after it became the previous one"


def row(verdict: str, requests: int, **changes: Any) -> RequestCount:
    facts = {
        "scheme": "stigg",
        "environment": "live",
        "tenant": None,
        "origin": None,
        "key_role": "current" if verdict == "verified" else None,
        "verdict": verdict,
        "admitted_by": "token" if verdict == "verified" else "monitor",
        "requests": requests,
    }
    return RequestCount(**(facts | changes))


def stats(
    verified: int = 1_000,
    missing: int = 0,
    principals: Principals = Principals(verified=10),  # noqa: B008  # cannot be changed
    age: float = 7 * DAY,
    **changes: Any,
) -> GroupStats:
    counts = tuple(r for r in (row("missing", missing), row("verified", verified)) if r.requests)
    facts = {
        "scheme": "stigg",
        "environment": "live",
        "tenant": None,
        "counts": counts,
        "principals": principals,
        "days_seen": 7,
        "first_seen": NOON - age,
        "last_seen": NOON - 1,
    }
    return GroupStats(**(facts | changes))


def snapshot(*groups: GroupStats, days: int = 7) -> Snapshot:
    return Snapshot(NOON, days, groups)


@pytest.mark.parametrize(
    ("seen", "reasons"),
    [
        (stats(), []),
        (stats(verified=999, missing=1), []),
        (stats(verified=9_989, missing=11), ["99.89 % of the requests were verified; 99.9"]),
        (stats(verified=998_999, missing=1_001), ["99.89 % of the requests"]),
        (stats(verified=0, missing=1), ["0.00 % of the requests were verified"]),
        (stats(verified=0), ["there was no request in the last 7 days"]),
        (stats(age=7 * DAY - 1), ["the first request came 6.9 days ago; 7 are needed"]),
        (stats(age=0), ["the first request came 0.0 days ago; 7 are needed"]),
        (stats(age=30 * DAY), []),
        (stats(principals=Principals(9, 3, 0)), []),
        (stats(principals=Principals(9, 3, 1)), ["1 principal had unverified requests only"]),
        (stats(principals=Principals(9, 3, 2)), ["2 principals had unverified requests only"]),
        (stats(principals=Principals(9, 3, 0, exact=False)), ["there were more principals"]),
        (
            stats(principals=Principals(9, 3, 2, exact=False)),
            ["at least 2 principals had", "there were more principals"],
        ),
        (stats(principals=Principals()), []),
        (
            stats(verified=0, missing=5, age=DAY, principals=Principals(0, 5, 5)),
            ["the first request", "0.00 %", "5 principals"],
        ),
    ],
)
def test_a_group_is_ready_if_there_is_no_reason_against_it(
    seen: GroupStats, reasons: list[str]
) -> None:
    result = readiness(snapshot(seen), seen)
    assert result.ready == (not reasons) == is_ready(snapshot(seen))
    assert len(result.reasons) == len(reasons)
    for reason, beginning in zip(result.reasons, reasons, strict=True):
        assert reason.startswith(beginning)


@pytest.mark.parametrize(
    ("least", "verified", "missing", "ready"),
    [
        (100, 1_000, 0, True),
        (100, 999_999, 1, False),
        ("99.99", 9_999, 1, True),
        (99.99, 9_998, 2, False),
        (33.3, 333, 667, True),
        (0, 0, 5, True),
    ],
)
def test_the_share_is_exact(least: float | str, verified: int, missing: int, ready: bool) -> None:
    seen = stats(verified, missing)
    assert readiness(snapshot(seen), seen, least=least).ready is ready


def test_a_longer_window_needs_an_earlier_first_request() -> None:
    seen = stats(age=10 * DAY)
    assert readiness(snapshot(seen, days=10), seen).ready
    assert not readiness(snapshot(seen, days=11), seen).ready


def test_all_groups_must_be_ready_and_there_must_be_at_least_one() -> None:
    assert not is_ready(snapshot())
    assert is_ready(snapshot(stats(), stats(environment="test")))
    assert not is_ready(snapshot(stats(), stats(environment="test", age=DAY)))


def test_groups_without_recent_requests_do_not_count_unless_there_are_no_others() -> None:
    live, dormant = stats(), stats(verified=0, environment="staging", age=17 * DAY)
    both = snapshot(live, dormant)
    assert is_ready(both)
    assert left_out(both) == {dormant[:3]: "there was no request in the last 7 days"}
    assert not readiness(both, dormant).ready
    assert not is_ready(snapshot(dormant))
    assert left_out(snapshot(dormant)) == {}
    assert not is_ready(snapshot(dormant, stats(missing=2)))


def test_unknown_tenants_do_not_count_unless_there_are_no_others() -> None:
    unknown = stats(0, 50, scheme="unknown", environment=None, tenant="other")
    assert is_ready(snapshot(stats(), unknown))
    assert not is_ready(snapshot(unknown))
    assert not is_ready(snapshot(unknown, stats(verified=0)))
    assert as_dict(snapshot(stats(), unknown))["groups"][1]["counts_for_all"] is False


def test_the_report_lists_the_groups_that_do_not_count() -> None:
    unknown = stats(0, 50, scheme="unknown", environment=None, tenant="other")
    dormant = stats(verified=0, environment="staging", age=17 * DAY)
    text = as_text(snapshot(stats(), dormant, unknown))
    assert text.endswith(
        "all of these ready to enforce: yes\n"
        "- stigg, environment staging does not count: there was no request in the last 7 days\n"
        "- unknown, tenant other does not count: these tenants are unknown"
    )


def test_a_group_with_losses_is_not_ready_and_its_numbers_are_lower_bounds() -> None:
    lost = stats(principals=Principals(9, 3, 0, exact=False), complete=False)
    (reason,) = readiness(snapshot(lost), lost).reasons
    assert "maxmemory-policy to noeviction" in reason
    assert "with unverified requests  at least 3\n" in as_text(snapshot(lost))
    assert as_dict(snapshot(lost))["groups"][0]["complete"] is False


def test_only_all_requests_are_100_percent() -> None:
    assert percent(999_999, 1_000_000) == "99.99"
    assert percent(1_000_000, 1_000_000) == "100.00"
    assert percent(1, 30_000) == "0.00"


MIXED = GroupStats(
    "stigg",
    "live",
    "acme\x1b[2J",
    (
        row("expired", 3, origin="https://a.example"),
        row("missing", 2, admitted_by=None),
        row("missing", 1_005, admitted_by="allowance"),
        row("retired_key", 1, key_role="retired"),
        row("verified", 40, key_role="previous"),
        row("verified", 12_300, origin="https://a.example"),
    ),
    Principals(321, 7, 2),
    days_seen=8,
    first_seen=NOON - 9.5 * DAY,
    last_seen=NOON - 60,
    key_use=KeyUse(current=NOON - 120, previous=NOON - DAY),
)

TEXT = """\
stigg, environment live, tenant acme?[2J: the last 7 days and today

verdict                   requests    share
verified                    12,340  92.42 %
missing                      1,007   7.54 %
expired                          3   0.02 %
retired_key                      1   0.00 %

key                       requests    share
current                     12,300  92.12 %
no key of the keyring        1,010   7.56 %
previous                        40   0.29 %
retired                          1   0.00 %

admitted by               requests    share
token                       12,340  92.42 %
allowance                    1,005   7.52 %
monitor                          4   0.02 %
nothing: refused                 2   0.01 %

origin                    requests  verified
https://a.example           12,303   99.97 %
none                         1,048    3.81 %

requests                  13,351
would be refused now      1,011 (7.57 %)
were refused              2
principals verified       321
with unverified requests  7
with no others            2
days with requests        8
first seen                2027-01-06 00:00 UTC
last seen                 2027-01-15 11:59 UTC
current key last used     2027-01-15 11:58 UTC
previous key last used    2027-01-14 12:00 UTC
allowance left            1,234

previous key still used: yes (40 requests, the last one at 2027-01-14 12:00 UTC)

ready to enforce: no
- 92.42 % of the requests were verified; 99.9 % are needed
- 2 principals had unverified requests only"""


def test_the_report_of_one_group() -> None:
    assert as_text(snapshot(MIXED), allowance_left={MIXED[:3]: 1_234}) == TEXT


def test_the_report_of_several_groups_shows_if_all_are_ready() -> None:
    text = as_text(snapshot(stats(), stats(scheme="knock", environment=None)))
    assert text.count("ready to enforce: yes") == 3
    assert text.endswith("\n\n\nall of these ready to enforce: yes")
    assert "\n\n\nknock: the last 7 days and today\n" in text
    text = as_text(snapshot(stats(), stats(age=0)))
    assert text.endswith("all of these ready to enforce: no")


def test_without_recent_requests_the_report_has_no_table() -> None:
    text = as_text(snapshot(stats(verified=0)))
    assert "share" not in text
    assert "would be refused now      0\n" in text
    assert as_text(snapshot()) == "no requests were counted\n\nready to enforce: no"


def test_the_report_as_json() -> None:
    mixed = MIXED._replace(by_day=(DayCount(86_400, 5, 4, current=4),))
    report = json.loads(json.dumps(as_dict(snapshot(mixed, stats()), least="99.5")))
    counts, other_counts = (group.pop("counts") for group in report["groups"])
    by_day, _ = (group.pop("by_day") for group in report["groups"])
    none = {"claimed": 0, "claims_exact": True}
    principals = {"verified": 321, "affected": 7, "stranded": 2, "exact": True, **none}
    assert report == {
        "version": 1,
        "ready": False,
        "taken_at": NOON,
        "days": 7,
        "least": 99.5,
        "groups": [
            {
                "scheme": "stigg",
                "environment": "live",
                "tenant": "acme\x1b[2J",
                "ready": False,
                "counts_for_all": True,
                "reasons": [
                    "92.42 % of the requests were verified; 99.5 % are needed",
                    "2 principals had unverified requests only",
                ],
                "complete": True,
                "requests": 13_351,
                "verified": 12_340,
                "claims": 0,
                "would_be_refused": 1_011,
                "refused": 2,
                "admitted": {"token": 12_340, "monitor": 4, "allowance": 1_005},
                "principals": principals,
                "days_seen": 8,
                "first_seen": NOON - 9.5 * DAY,
                "last_seen": NOON - 60,
                "allowance_left": None,
                "key_use": {"current": NOON - 120, "previous": NOON - DAY, "next": None},
                "previous_key": {
                    "used": True,
                    "reason": "40 requests, the last one at 2027-01-14 12:00 UTC",
                },
            },
            {
                "scheme": "stigg",
                "environment": "live",
                "tenant": None,
                "ready": True,
                "counts_for_all": True,
                "reasons": [],
                "complete": True,
                "requests": 1_000,
                "verified": 1_000,
                "claims": 0,
                "would_be_refused": 0,
                "refused": 0,
                "admitted": {"token": 1_000},
                "principals": {
                    "verified": 10,
                    "affected": 0,
                    "stranded": 0,
                    "exact": True,
                    **none,
                },
                "days_seen": 7,
                "first_seen": NOON - 7 * DAY,
                "last_seen": NOON - 1,
                "allowance_left": None,
                "key_use": {"current": None, "previous": None, "next": None},
                "previous_key": {
                    "used": False,
                    "reason": f"no request in the last 7 days; {ASK_LATER}",
                },
            },
        ],
    }
    assert by_day == [DayCount(86_400, 5, 4, current=4)._asdict()]
    assert counts[0] == row("expired", 3, origin="https://a.example")._asdict()
    assert [count["requests"] for count in other_counts] == [1_000]


@pytest.mark.parametrize(
    ("seen", "used", "reason"),
    [
        (stats(), False, f"no request in the last 7 days; {ASK_LATER}"),
        (
            stats(key_use=KeyUse(previous=NOON - 8 * DAY)),
            False,
            "no request in the last 7 days, the last one at 2027-01-07 12:00 UTC",
        ),
        (stats(counts=(row("verified", 1, key_role="previous"),)), True, "1 request"),
        (stats(counts=(row("expired", 1, key_role="previous"),)), False, "no request"),
        (stats(complete=False), None, "Redis has lost or evicted some of the counts"),
        (stats(verified=0), None, "there was no request in the last 7 days"),
        (stats(age=6 * DAY), None, "the requests were counted for less than 7 days"),
    ],
)
def test_the_report_tells_whether_the_previous_key_is_still_used(
    seen: GroupStats, used: bool | None, reason: str
) -> None:
    [group] = as_dict(snapshot(seen))["groups"]
    assert group["previous_key"]["used"] is used
    assert group["previous_key"]["reason"].startswith(reason)
    answer = {True: "yes", False: "no", None: "unknown"}[used]
    assert f"\n\nprevious key still used: {answer} ({reason}" in as_text(snapshot(seen))


def test_the_rest_of_the_allowance_is_reported_by_group() -> None:
    allowance = Allowance(3)
    allowance.admit(allowance_group("stigg", "live"), {})
    allowance.admit(allowance_group("stigg", "live", "other"), {})
    tenants = (None, "acme", "other", "'other'")
    groups = [stats(tenant=tenant) for tenant in tenants]
    left = {
        ("stigg", "live", None): 2,
        ("stigg", "live", "acme"): 3,
        ("stigg", "live", "'other'"): 2,
    }
    assert allowance_left(allowance, groups) == allowance_left_now(allowance, groups) == left
    assert allowance_left_now(None, groups) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        ["--days", "0"],
        ["--days", "31"],
        ["--days", "x"],
        ["--least", "100.1"],
        ["--least", "nan"],
        ["--least", "all"],
        ["--allowance", "-1"],
        ["--json", "--html", "page.html"],
    ],
)
def test_an_invalid_argument_exits_with_2(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["rollout", "--redis", "redis://127.0.0.1:1/0", *wrong])
    assert error.value.code == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--days", "0"], "argument --days: give a whole number from 1 to 30"),
        (["--days", "week"], "argument --days: give a whole number from 1 to 30"),
        (["--least", "101"], "argument --least: give a number from 0 to 100"),
        (["--allowance", "-1"], "argument --allowance: give a whole number from 0 on"),
    ],
)
def test_an_invalid_argument_has_a_clear_message(
    wrong: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["rollout", *wrong])
    assert f": {message}; see countermark rollout --help\n" in capsys.readouterr().err


def test_the_help_recommends_a_variable_for_passwords(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["rollout", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "Set COUNTERMARK_REDIS_URL instead if the URL has a password" in text


@pytest.mark.skipif(sys.platform == "win32", reason="its pipes break in another way")
@pytest.mark.parametrize("command", [["schemes", "stigg"], ["schemes", "--markdown"]])
def test_a_closed_pipe_causes_no_traceback(command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "countermark", *command],
        env={name: os.environ[name] for name in os.environ if name != "PYTHONUNBUFFERED"},
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (1, b"")


def test_without_a_url_of_redis_the_command_names_the_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNTERMARK_REDIS_URL", raising=False)
    assert main(["rollout"]) == 2
    assert "--redis URL" in capsys.readouterr().err
    assert main(["rollout", "--redis", "canary-password@nowhere"]) == 2
    monkeypatch.setenv("COUNTERMARK_REDIS_URL", "redis://:canary-password@127.0.0.1:1/0")
    assert main(["rollout"]) == 2
    shown = capsys.readouterr()
    assert "asking Redis failed" in shown.err
    assert shown.out == ""
    assert "canary" not in shown.err


def test_without_redis_py_the_command_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['redis'] = None\n"
        "from countermark.cli import main\n"
        "raise SystemExit(main(['rollout', '--redis', 'redis://127.0.0.1:1/0']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 2
    assert "pip install 'countermark[redis]'" in ran.stderr


@pytest.mark.parametrize(
    "code", re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
)
def test_the_code_of_the_page_runs(code: str) -> None:
    exec(compile(code, "rollout.md", "exec"), {"__name__": "page"})


def test_the_report_on_the_page_equals_the_output_of_the_command() -> None:
    seen = MIXED._replace(
        tenant=None,
        counts=(
            row("mismatch", 4),
            row("missing", 4, origin="https://app.example"),
            row("missing", 1_003),
            row("verified", 12_299, origin="https://app.example"),
            row("verified", 41),
        ),
        key_use=KeyUse(current=NOON - 60, previous=NOON - 9 * DAY),
    )
    assert (
        f"$ countermark rollout --scheme stigg --environment live\n{as_text(snapshot(seen))}"
        in PAGE
    )

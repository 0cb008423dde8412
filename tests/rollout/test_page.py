"""The report as a page: its numbers, its markup and its policy."""

from __future__ import annotations

import re
import shlex
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from countermark.rollout import DAY, GroupStats, Meter, Principals, Snapshot, as_html
from countermark.rollout._snapshot import DayCount
from tests.rollout.pages import Page
from tests.rollout.verdicts import NOON, Clock, claim, unverified, verified

HOSTILE = "</title></style><script>alert('1')</script><b x=\"&\u202e\ud800\n"


def filled() -> tuple[Meter, Clock]:
    """Return a meter with a rotation, refusals and days without requests, and its clock."""
    clock = Clock(NOON - 7 * DAY)
    meter = Meter(clock=clock)
    for number in range(8):
        meter(verified(f"canary-{number}", role="previous", origin="https://a.example"))
    meter(unverified("canary-8"))
    clock.now = NOON - 2 * DAY
    meter(verified("canary-1", role="previous"))
    meter(unverified("canary-1", code="mismatch", by=None))
    meter(unverified("canary-2", code="retired_key", role="retired"))
    clock.now = NOON
    for _ in range(1_490):
        meter(verified("canary-1", origin="https://a.example"))
    return meter, clock


def page_of(snapshot: Snapshot | None = None, **options: Any) -> Page:
    return Page(as_html(filled()[0].snapshot() if snapshot is None else snapshot, **options))


def test_the_page_shows_the_answer_with_its_reasons() -> None:
    page = page_of()
    assert "Not ready to enforce: countermark rollout" in page.text
    assert "99.80 % of the requests were verified; 99.9 % are needed." in page.text
    assert "2 principals had unverified requests only." not in page.text
    assert "1 principal had unverified requests only." in page.text
    (heading,) = page.all("h1")
    assert heading == {"class": "no", "aria-live": "polite"}
    meter, _ = filled()
    stats = meter.snapshot().groups[0]._replace(principals=Principals(verified=8))
    page = page_of(Snapshot(NOON, 7, (stats,)), least="99.5")
    assert page.text.startswith("Ready to enforce: countermark rollout")
    assert page.all("h1", class_="yes")
    assert "99.5 %" in page.text


def test_the_page_shows_the_numbers_of_the_group() -> None:
    page = page_of(allowance_left={("stigg", "live", None): 1_234})
    for numbers in (
        "requests verified 99.80 % 1,499 of 1,502",
        "would be refused 3 requests",
        "were refused 1 requests",
        "principals stranded 1 unverified requests only",
        "principals affected 3 with unverified requests",
        "principals verified 8 with verified requests",
        "allowance left 1,234 unsigned sessions",
        "Requests from 2027-01-08 12:00 UTC to 2027-01-15 12:00 UTC , on 3 of these days.",
    ):
        assert numbers in page.text
    assert "allowance left" not in page_of().text
    assert "ids claimed" not in page_of().text


def test_the_tables_show_verdicts_keys_origins_and_days() -> None:
    tables = page_of().tables
    assert tables["Verdicts"] == [
        ["verdict", "requests", "share"],
        ["verified the token is valid", "1,499", "99.80 %"],
        ["mismatch the signature does not match", "1", "0.06 %"],
        ["missing the request has no token", "1", "0.06 %"],
        ["retired_key the token is valid, but its key has been retired", "1", "0.06 %"],
    ]
    assert tables["Keys"] == [
        ["key", "requests", "share", "last verified"],
        ["current the key that signs now", "1,490", "99.20 %", "2027-01-15"],
        ["previous replaced, still accepted", "9", "0.59 %", "2027-01-13"],
        ["none no key of the keyring matched", "2", "0.13 %", ""],
        ["retired no longer accepted", "1", "0.06 %", ""],
    ]
    assert tables["Origins"] == [
        ["origin", "requests", "verified"],
        ["https://a.example", "1,498", "100.00 %"],
        ["none no allowed origin was sent", "4", "25.00 %"],
    ]
    assert tables["Requests by the reason for which they were allowed"][-1] == [
        "none refused", "1", "0.06 %",
    ]  # fmt: skip
    assert tables["Requests by day"][:4] == [
        ["day (UTC)", "requests", "verified", "share", "current key"],
        ["2027-01-15 today", "1,490", "1,490", "100.00 %", "100.00 %"],
        ["2027-01-14", "0", "0", "none", "none"],
        ["2027-01-13", "3", "1", "33.33 %", "0.00 %"],
    ]
    assert len(tables["Requests by day"]) == 9


@pytest.mark.parametrize(
    ("roles", "text"),
    [
        (["current"], "All verified requests used the current key."),
        ([], "No key has verified a request in these days."),
        (
            ["current", "previous", "previous", "next"],
            (
                "25.00 % of the verified requests used the current key."
                " A next key was last used on 2027-01-15."
                " Previous key still used: yes (2 requests, the last one at 2027-01-15 12:00 UTC)."
            ),
        ),
    ],
    ids=["none", "unverified", "rotation"],
)
def test_the_page_shows_the_progress_of_a_rotation(roles: list[str], text: str) -> None:
    meter = Meter(clock=Clock())
    meter(unverified())
    for role in roles:
        meter(verified(role=role))
    page = page_of(meter.snapshot())
    assert text in page.text
    rotates = len(roles) > 1
    assert bool(page.all("i", class_="next")) == rotates
    assert (page.tables["Requests by day"][1][4:] == ["25.00 %"]) == rotates
    parts = [(name, page.all("rect", class_=name)) for name in ("current", "previous", "next")]
    if rotates:  # a column with the current key at the bottom
        assert [(name, rect["y"], rect["height"]) for name, (rect,) in parts] == [
            ("current", "48.0", "16.0"), ("previous", "16.0", "32.0"), ("next", "0.0", "16.0"),
        ]  # fmt: skip
        assert "15 Jan: 25.00 % with the current key" in page.text
    else:
        assert [rects for _, rects in parts] == [[], [], []]


def test_the_chart_of_a_rotation_has_a_summary() -> None:
    assert page_of().all("svg", role="img")[1]["aria-label"] == (
        "Share of the current key by day: 0.00 % on 8 Jan, 100.00 % on 15 Jan."
        " The table of the days has all of them."
    )


def test_without_counts_by_day_the_page_has_no_charts() -> None:
    stats = filled()[0].snapshot().groups[0]._replace(by_day=())
    page = page_of(Snapshot(NOON, 7, (stats,)))
    assert page.all("svg") == []
    assert "99.39 % of the verified requests used the current key." in page.text
    assert page.tables["Keys"][1] == ["current the key that signs now", "1,490", "99.20 %", ""]


def test_claims_do_not_count_in_the_share_and_are_shown() -> None:
    meter = Meter(clock=Clock())
    meter(verified("user-1"))
    for number in range(3):
        meter(claim(f"canary-{number}"))
    page = page_of(meter.snapshot())
    assert "requests verified 100.00 % 1 of 1" in page.text
    assert "ids claimed 3 in 3 requests that do not count" in page.text
    assert "Requests of claimed ids are left out of the share." in page.text
    assert page.tables["Requests by day"][1][1:] == ["4", "1", "100.00 %"]


def test_a_day_with_claims_alone_has_no_share() -> None:
    meter = Meter(clock=Clock())
    meter(claim("canary-1"))
    page = page_of(meter.snapshot())
    assert "requests verified none 0 of 0" in page.text
    assert page.tables["Requests by day"][1][1:] == ["1", "0", "none"]
    assert "15 Jan (today): 1 requests, all of claimed ids" in page.text
    assert page.all("circle") == []
    assert page.all("svg", aria_label="Verified requests by day: no requests.")


def test_the_chart_has_a_point_for_each_day_with_requests() -> None:
    page = page_of()
    points = page.all("circle")
    assert [point["class"] for point in points] == ["day", "day", "day today"]
    assert [point["cx"] for point in points] == ["6.250%", "68.750%", "93.750%"]
    assert page.all("line", class_="share") == []  # no two of the days are next to each other
    chart, _ = page.all("svg", role="img")
    assert chart["aria-label"] == (
        "Verified requests by day. 8 Jan: 88.88 % verified, of 9 requests. 15 Jan (today): 100.00 %"
        " verified, of 1,490 requests. The lowest share was 33.33 % on 13 Jan; 99.9 % are needed."
        " A table has all days."
    )
    assert "14 Jan: no requests" in page.text
    assert "13 Jan: 33.33 % verified, of 3 requests" in page.text


def with_days(*days: tuple[int, int], length: int = 7) -> Snapshot:
    """Return a snapshot whose latest days have these numbers of requests and verified ones."""
    today = int(NOON // DAY)
    counts = tuple(
        DayCount((today - len(days) + 1 + index) * DAY, requests, good, current=good)
        for index, (requests, good) in enumerate(days)
    )
    stats = Meter(clock=Clock()), verified()
    stats[0](stats[1])
    group = stats[0].snapshot().groups[0]
    return Snapshot(NOON, length, (group._replace(by_day=counts),))


@pytest.mark.parametrize(
    ("good", "labels"),
    [
        (10_000, ["99 %", "99.5 %", "100 %"]),
        (9_899, ["95 %", "97.5 %", "100 %"]),
        (9_500, ["90 %", "95 %", "100 %"]),
        (8_999, ["80 %", "90 %", "100 %"]),
        (7_000, ["50 %", "75 %", "100 %"]),
        (0, ["0 %", "50 %", "100 %"]),
    ],
)
def test_the_axis_begins_below_the_lowest_share(good: int, labels: list[str]) -> None:
    page = page_of(with_days((10_000, 10_000), (10_000, good)))
    assert " ".join([*labels, "10 k", "0"]) in page.text
    heights = [float(point["cy"] or 0) for point in page.all("circle")]
    assert heights[0] == 22.0
    assert heights[0] <= heights[1] <= 172
    assert len(page.all("line", class_="share")) == 1


def test_a_month_has_fewer_labels_than_days_and_today_is_one_of_them() -> None:
    page = page_of(with_days(*[(25_000_000, 1)] * 31, length=30))
    dates = page.all("text", text_anchor="middle") + page.all("text", y="256", text_anchor="end")
    assert len(dates) == 8
    assert len(page.all("circle", r="3")) == 31
    assert len(page.all("rect", class_="area")) == 31
    assert "18 Dec" in page.text
    assert "25 M" in page.text


def test_the_names_of_clients_and_tenants_are_escaped() -> None:
    count = filled()[0].snapshot().groups[0].counts[0]
    counts = (
        count._replace(origin=HOSTILE, verdict=HOSTILE, key_role=HOSTILE, admitted_by=HOSTILE),
    )
    group = GroupStats(
        HOSTILE,
        HOSTILE,
        HOSTILE,
        counts,
        Principals(0, 2, 2),
        1,
        NOON,
        NOON,
        by_day=(DayCount(0, 1),),
    )
    html = as_html(Snapshot(NOON, 7, (group, group._replace(tenant="acme"))))
    page = Page(html)
    assert page.all("b", x="&") == []
    assert page.all("script") == []
    assert len(page.all("style")) == 1
    harmless = HOSTILE.replace("\u202e", "?").replace("\ud800", "?").replace("\n", "?")
    assert page.text.count(harmless) > 8
    assert "\u202e" not in html
    assert html.encode()  # without lone surrogates


def test_the_command_for_stranded_principals_is_quoted_for_the_shell() -> None:
    group = filled()[0].snapshot().groups[0]._replace(environment=None, tenant="a; rm -rf 'x'")
    page = page_of(Snapshot(NOON, 7, (group,)))
    command = re.search(r"countermark rollout --scheme .* customers.txt", page.text)
    assert command
    assert shlex.split(command[0])[2:] == [
        "--scheme", "stigg", "--environment", "", "--tenant", "a; rm -rf 'x'",
        "--which-of", "customers.txt",
    ]  # fmt: skip
    stats = group._replace(principals=Principals())
    assert "Stranded principals" not in page_of(Snapshot(NOON, 7, (stats,))).text


def test_the_page_contains_no_ids() -> None:
    assert "canary" not in as_html(filled()[0].snapshot(), refresh=1)


def test_the_page_lists_the_stranded_ids_that_it_is_given() -> None:
    snapshot = filled()[0].snapshot()
    group = snapshot.groups[0].group
    page = page_of(snapshot, stranded={group: [HOSTILE, "user-8"]})
    assert "Found in the list of ids that was given: 2 of 1. </title></style>" in page.text
    assert page.text.endswith("user-8")
    assert "--which-of" not in page.text
    assert "Found in the list of ids that was given: 0 of 1." in page_of(snapshot, stranded={}).text
    assert page_of(snapshot, stranded={}).all("ul", class_="ids") == []


def test_the_page_of_several_groups_begins_with_a_list_of_them() -> None:
    meter, clock = filled()
    clock.now -= 8 * DAY
    meter(verified(environment="staging", tenant="acme"))
    clock.now += 8 * DAY
    page = page_of(meter.snapshot())
    assert page.tables["All groups"] == [
        ["group", "requests", "verified", "stranded", "ready"],
        ["stigg, environment live", "1,502", "99.80 %", "1", "not ready"],
        ["stigg, environment staging, tenant acme", "0", "none", "0", "not ready"],
    ]
    assert "tenant acme does not count: there was no request in the last 7 days." in page.text
    targets = [link["href"] for link in page.all("a")]
    assert (
        targets == [f"#{heading['id']}" for heading in page.all("h2")] == ["#group-1", "#group-2"]
    )
    assert len(page.all("span", class_="badge no")) == 4  # in the list and in each section
    assert page_of().all("span") == []
    assert len(page.all("figure")) == 1  # a group without requests has no chart


def test_the_page_without_requests_explains_when_there_are_some() -> None:
    page = page_of(Snapshot(NOON, 7, ()))
    assert "Not ready to enforce" in page.text
    assert "No requests were counted in these days. The meter counts once it is" in page.text
    assert page.all("section") == []


@pytest.mark.parametrize("refresh", [None, 10.0])
def test_the_page_loads_nothing_from_elsewhere(refresh: float | None) -> None:
    html = as_html(filled()[0].snapshot(), refresh=refresh)
    page = Page(html)
    addresses = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "action", "data", "poster"}
    ]
    assert [address for address in addresses if not str(address).startswith(("#", "data:"))] == []
    assert "url(" not in page.raw["style"]
    assert "@import" not in page.raw["style"]
    assert [name for _, found in page.elements for name in found if name.startswith("on")] == []
    assert [found for _, found in page.elements if "style" in found] == []


@pytest.mark.parametrize("refresh", [None, 10.0])
def test_the_policy_of_the_page_allows_its_own_style_and_script_alone(
    refresh: float | None,
) -> None:
    page = page_of(refresh=refresh)
    (policy,) = page.all("meta", http_equiv="Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy["content"]).split(";"))
    hashes = {
        name: f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
        for name, text in page.raw.items()
    }
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("style-src") == hashes["style"]
    assert (rules.pop("base-uri"), rules.pop("form-action")) == ("'none'", "'none'")
    assert rules.pop("img-src") == "data:"
    live = {"script-src": hashes.get("script"), "connect-src": "'self'"}
    assert rules == ({} if refresh is None else live)
    assert bool(page.all("button")) == bool(page.all("script")) == (refresh is not None)

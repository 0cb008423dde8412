"""A client can make up ids: they neither decide about enforcing nor spoil the numbers of others."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import ConfigurationError, Keyring, SecretKey, Signer, Verifier
from countermark.rollout import DAY, GroupStats, Meter, is_ready, readiness
from countermark.rollout._report import as_text
from countermark.verifying import Enforcement, from_header
from tests.drivers import http_scope
from tests.unit.verdicts import NOON, Clock, claim, unverified, verified

KEYRING = Keyring("a-secret-of-the-tests-with-enough-bytes")


def only(meter: Meter, days: int = 7) -> GroupStats:
    (figures,) = meter.snapshot(days).groups
    return figures


def nine_good_days(meter: Meter, clock: Clock) -> None:
    """Count forty principals on each of nine days, as a ready service has them."""
    for _ in range(9):
        for number in range(40):
            meter(verified(f"user-{number}"))
        clock.now += DAY


def asked_with(header: str, meter: Meter, clock: Clock, **options: Any) -> None:
    """Let a verifying service see a request with a token, by its own ways."""
    enforcement = Enforcement(
        Verifier("stigg", KEYRING, environment="live"), mode="monitor", meter=meter, **options
    )
    enforcement.judge(http_scope(headers=[(b"x-customer-key", header.encode())]))


def test_one_invented_id_does_not_keep_a_service_from_enforcing() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    nine_good_days(meter, clock)
    assert is_ready(meter.snapshot())
    asked_with("HMAC-SHA256 nobody-at-all:" + "0" * 64, meter, clock)
    assert is_ready(meter.snapshot())
    principals = only(meter).principals
    assert (principals.stranded, principals.affected, principals.claimed) == (0, 0, 1)


def test_a_flood_of_claims_changes_no_number_of_known_principals() -> None:
    clock = Clock()
    meter = Meter(clock=clock, max_principals=100)
    nine_good_days(meter, clock)
    meter(unverified("user-1"))
    before = only(meter)
    for number in range(100_000):
        meter(claim(f"made-up-{number}"))
    after = only(meter)
    assert after.principals[:4] == before.principals[:4]
    assert after.principals[4:] == (100, False)
    assert (after.verified, after.claims) == (before.verified, 100_000)
    assert is_ready(meter.snapshot()) is is_ready(meter.snapshot()._replace(groups=(before,)))


def test_a_principal_who_was_verified_before_and_now_fails_counts_in_a_flood_too() -> None:
    clock = Clock()
    meter = Meter(clock=clock, max_principals=100)
    nine_good_days(meter, clock)
    meter(verified("user-of-earlier"))
    clock.now += 9 * DAY  # out of the window of seven days, and still kept
    for number in range(40):
        meter(verified(f"user-{number}"))
    for number in range(1_000):
        meter(claim(f"made-up-{number}"))
    meter(claim("user-of-earlier"))
    principals = only(meter).principals
    assert (principals.affected, principals.stranded, principals.exact) == (1, 1, True)
    assert not is_ready(meter.snapshot())


def test_a_false_claim_of_a_customer_who_has_good_tokens_strands_nobody() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    nine_good_days(meter, clock)
    meter(claim("user-1"))
    principals = only(meter).principals
    assert (principals.affected, principals.stranded) == (1, 0)
    assert readiness(meter.snapshot(), only(meter), least=99).ready


@pytest.mark.parametrize(
    "known",
    [
        {"customer-1"},
        ["customer-1"],
        {"customer-1": object()},
        lambda tenant, principal_id: (tenant, principal_id) == (None, "customer-1"),
    ],
    ids=["set", "list", "mapping", "function"],
)
def test_a_principal_whom_the_service_lists_speaks_against_enforcing(known: Any) -> None:
    clock = Clock()
    meter = Meter(clock=clock, known=known)
    nine_good_days(meter, clock)
    meter(claim("customer-1"))
    meter(claim("customer-2"))
    principals = only(meter).principals
    assert (principals.stranded, principals.claimed) == (1, 1)
    assert not is_ready(meter.snapshot())


def test_a_list_that_cannot_be_asked_speaks_against_enforcing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, away = Clock(), [False]

    def known(tenant: str | None, principal_id: str) -> bool:
        if away[0]:
            raise OSError("the database is away")
        return False

    meter = Meter(clock=clock, known=known)
    nine_good_days(meter, clock)
    for is_away in (False, True, True, False, True):
        away[0] = is_away
        meter(claim("customer-1"))
    figures = only(meter)
    assert (figures.requests - figures.verified, figures.claims) == (5, 2)
    assert figures.principals.stranded == 1
    assert not is_ready(meter.snapshot())
    # Once for each time that it goes away.
    assert [record.message.partition(" (")[0] for record in caplog.records] == [
        "failed: meter_raised"
    ] * 2


def test_who_names_the_principal_decides_whether_it_is_a_claim() -> None:
    clock = Clock()
    by_function, by_header = Meter(clock=clock), Meter(clock=clock)
    for meter, principal in (
        (by_function, lambda scope: "customer-1"),
        (by_header, from_header("x-id")),
    ):
        enforcement = Enforcement(
            Verifier("stigg", KEYRING), mode="monitor", meter=meter, claimed_id=principal
        )
        token = b"HMAC-SHA256 customer-1:" + b"0" * 64
        headers = [(b"x-customer-key", token), (b"x-id", b"customer-1")]
        enforcement.judge(http_scope(headers=headers))
    assert only(by_function).principals.stranded == 1
    assert only(by_header).principals[2:] == (0, True, 1, True)


def test_a_token_that_a_key_made_is_no_claim_after_it_has_expired() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    old = Keyring(
        "a-new-secret-of-the-tests-with-enough-bytes",
        previous=SecretKey("a-secret-of-the-tests-with-enough-bytes", until=1.0),
    )
    verifier = Verifier("stigg", old)
    token = Signer("stigg", KEYRING).sign("customer-1").encode()
    Enforcement(verifier, mode="monitor", meter=meter).judge(
        http_scope(headers=[(b"x-customer-key", token)])
    )
    assert only(meter).principals[2:] == (1, True, 0, True)


def test_the_report_gives_the_shares_with_and_without_claims() -> None:
    clock = Clock(NOON)
    meter = Meter(clock=clock)
    nine_good_days(meter, clock)
    for number in range(70):
        meter(claim(f"made-up-{number}"))
    text = as_text(meter.snapshot())
    for line in (
        "claimed ids, unverified   70",
        "their requests            70",
        "verified, of all          80.00 %",
        "verified, without theirs  100.00 %",
        "ready to enforce: yes",
    ):
        assert line in text


def test_claims_alone_are_not_ready() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    for _ in range(9):
        meter(claim("made-up"))
        clock.now += DAY
    (reason,) = readiness(meter.snapshot(), only(meter)).reasons
    assert reason == "0.00 % of the requests, without claims, were verified; 99.9 % are needed"


@pytest.mark.parametrize("known", ["customer-1", 7, None])
def test_other_kinds_of_known_are_refused(known: Any) -> None:
    with pytest.raises(ConfigurationError, match="known= must be a collection of ids"):
        Meter(known=known)


def test_a_request_without_a_token_counts_in_the_share_though_it_names_an_id() -> None:
    """Pages that are not updated yet send an id and no signature."""
    clock = Clock()
    meter = Meter(clock=clock)
    nine_good_days(meter, clock)
    for number in range(40):
        meter(claim(f"new-customer-{number}", "missing"))
    figures = only(meter)
    assert (figures.claims, figures.principals.claimed) == (0, 40)
    (reason,) = readiness(meter.snapshot(), figures).reasons
    assert reason.startswith("87.50 % of the requests were verified")

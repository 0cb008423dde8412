"""Made-up ids do not decide about enforcement and do not change the numbers of others."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import ConfigurationError, Keyring, SecretKey, Signer, Verifier
from countermark.rollout import DAY, GroupStats, Meter, is_ready, readiness
from countermark.rollout._report import as_text
from countermark.verifying import Enforcement, from_header
from tests.drivers import http_scope
from tests.rollout.verdicts import NOON, Clock, claim, unverified, verified

KEYRING = Keyring("a-secret-of-the-tests-with-enough-bytes")


def only(meter: Meter, days: int = 7) -> GroupStats:
    (stats,) = meter.snapshot(days).groups
    return stats


def nine_good_days(meter: Meter, clock: Clock) -> None:
    """Count forty verified principals on each of nine days, like a ready service."""
    for _ in range(9):
        for number in range(40):
            meter(verified(f"user-{number}"))
        clock.now += DAY


def asked_with(header: str, meter: Meter, clock: Clock, **options: Any) -> None:
    """Verify a request with a token as a service does."""
    enforcement = Enforcement(
        Verifier("stigg", KEYRING, environment="live"), mode="monitor", meter=meter, **options
    )
    enforcement.judge(http_scope(headers=[(b"x-customer-key", header.encode())]))


def test_one_made_up_id_does_not_keep_a_service_from_enforcing() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    nine_good_days(meter, clock)
    assert is_ready(meter.snapshot())
    asked_with("HMAC-SHA256 made-up-id:" + "0" * 64, meter, clock)
    assert is_ready(meter.snapshot())
    principals = only(meter).principals
    assert (principals.stranded, principals.affected, principals.claimed) == (0, 0, 1)


def test_100_000_claims_do_not_change_the_numbers_of_known_principals() -> None:
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


def test_a_principal_verified_earlier_counts_as_stranded_among_many_claims() -> None:
    clock = Clock()
    meter = Meter(clock=clock, max_principals=100)
    nine_good_days(meter, clock)
    meter(verified("user-of-earlier"))
    clock.now += 9 * DAY  # before the window of seven days, but still kept
    for number in range(40):
        meter(verified(f"user-{number}"))
    for number in range(1_000):
        meter(claim(f"made-up-{number}"))
    meter(claim("user-of-earlier"))
    principals = only(meter).principals
    assert (principals.affected, principals.stranded, principals.exact) == (1, 1, True)
    assert not is_ready(meter.snapshot())


def test_a_false_claim_does_not_strand_a_customer_with_valid_tokens() -> None:
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
def test_an_unverified_principal_in_known_prevents_enforcement(known: Any) -> None:
    clock = Clock()
    meter = Meter(clock=clock, known=known)
    nine_good_days(meter, clock)
    meter(claim("customer-1"))
    meter(claim("customer-2"))
    principals = only(meter).principals
    assert (principals.stranded, principals.claimed) == (1, 1)
    assert not is_ready(meter.snapshot())


def test_a_failing_known_function_prevents_enforcement(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, away = Clock(), [False]

    def known(tenant: str | None, principal_id: str) -> bool:
        if away[0]:
            raise OSError("the database is unavailable")
        return False

    meter = Meter(clock=clock, known=known)
    nine_good_days(meter, clock)
    for is_away in (False, True, True, False, True):
        away[0] = is_away
        meter(claim("customer-1"))
    stats = only(meter)
    assert (stats.requests - stats.verified, stats.claims) == (5, 2)
    assert stats.principals.stranded == 1
    assert not is_ready(meter.snapshot())
    # One event for each time that the function begins to fail.
    assert [record.message.partition(" (")[0] for record in caplog.records] == [
        "failed: meter_raised"
    ] * 2


def test_an_id_from_a_function_is_not_a_claim_but_one_from_a_header_is() -> None:
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


def test_the_id_of_an_expired_token_with_a_valid_signature_is_not_a_claim() -> None:
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


def test_the_report_shows_the_shares_with_and_without_claims() -> None:
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


def test_a_group_with_claims_only_is_not_ready() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    for _ in range(9):
        meter(claim("made-up"))
        clock.now += DAY
    (reason,) = readiness(meter.snapshot(), only(meter)).reasons
    assert reason == "0.00 % of the requests, without claims, were verified; 99.9 % are needed"


@pytest.mark.parametrize("known", ["customer-1", 7, None])
def test_known_of_a_wrong_type_is_refused(known: Any) -> None:
    with pytest.raises(ConfigurationError, match="known= must be a collection of ids"):
        Meter(known=known)


def test_a_request_without_a_token_counts_in_the_share_although_it_has_an_id() -> None:
    """Pages that are not updated yet send an id and no signature."""
    clock = Clock()
    meter = Meter(clock=clock)
    nine_good_days(meter, clock)
    for number in range(40):
        meter(claim(f"new-customer-{number}", "missing"))
    stats = only(meter)
    assert (stats.claims, stats.principals.claimed) == (0, 40)
    (reason,) = readiness(meter.snapshot(), stats).reasons
    assert reason.startswith("87.50 % of the requests were verified")

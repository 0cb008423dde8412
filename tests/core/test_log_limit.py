"""However many bad requests come, the log grows by a few lines in a minute."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from countermark import Event, EventCounter, Keyring, Signer, Verifier
from countermark._log_limit import LogLimit, log_limit
from countermark.asgi import SigningMiddleware, VerifyingMiddleware
from countermark.events import emit
from tests.drivers import answer, http_scope, request

KEYRING = Keyring("a-secret-of-the-tests-with-enough-bytes")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the clock of the limit, as a flood may take longer than a minute."""
    stopped = Clock()
    limit = LogLimit(stopped)
    monkeypatch.setattr("countermark.events.log_limit", lambda: limit)
    return stopped


def test_a_flood_of_invalid_tokens_is_logged_in_few_lines_and_passed_to_the_hook(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counter = EventCounter()
    app = VerifyingMiddleware(
        answer(), verifier=Verifier("stigg", KEYRING), mode="enforce", on_event=counter
    )
    enforcement = app._enforcement
    for number in range(5_000):
        token = f"HMAC-SHA256 made-up-{number}:{'0' * 64}".encode()
        enforcement.judge(http_scope(headers=[(b"x-customer-key", token)]))
    assert counter.total("refused", reason="mismatch") == 5_000
    # Work that other tests have left in the background may log failures of its own.
    refused = [record for record in caplog.records if "refused" in record.getMessage()]
    assert len(refused) == LogLimit.MOST


def test_a_hook_that_raises_is_logged_a_few_times(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: Event) -> None:
        raise ValueError

    for _ in range(100):
        emit(Event("verified", "current", "stigg"), broken)
    assert (
        caplog.messages
        == ["failed: on_event_raised (scheme=None principal=None error=ValueError)"] * LogLimit.MOST
    )


def test_signing_events_are_limited_too(caplog: pytest.LogCaptureFixture) -> None:
    counter = EventCounter()
    app = SigningMiddleware(
        answer([]),
        signers=Signer("stigg", KEYRING),
        principal=lambda scope: "user\n1",
        on_event=counter,
    )
    for _ in range(50):
        request(app)
    assert counter.total("failed") == 50
    assert len(caplog.records) == LogLimit.MOST


def test_the_first_line_of_the_next_minute_has_the_number_left_out(
    caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    for _ in range(1_234 + LogLimit.MOST):
        emit(Event("refused", "mismatch", "stigg"), None)
    clock.now = LogLimit.WINDOW
    emit(Event("refused", "mismatch", "stigg"), None)
    emit(Event("refused", "mismatch", "stigg"), None)
    *_, last, after = caplog.records
    assert last.getMessage().endswith("; 1,234 more of this kind were not logged")
    assert last.countermark_left_out == 1_234  # type: ignore[attr-defined]
    assert "more of this kind" not in after.getMessage()


def test_each_kind_of_event_has_its_own_limit(caplog: pytest.LogCaptureFixture) -> None:
    kinds = [("refused", "mismatch", "stigg"), ("refused", "missing", "stigg"),
             ("would_refuse", "mismatch", "stigg"), ("refused", "mismatch", "acme")]  # fmt: skip
    caplog.set_level(logging.DEBUG)
    for name, reason, scheme in kinds:
        for _ in range(100):
            emit(Event(name, reason, scheme), None)  # type: ignore[arg-type]
    assert len(caplog.records) == LogLimit.MOST * len(kinds)


def test_events_below_the_log_level_are_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    for _ in range(100):
        emit(Event("refused", "mismatch", "stigg"), None)
    caplog.set_level(logging.WARNING)
    emit(Event("refused", "mismatch", "stigg"), None)
    assert len(caplog.records) == 1


def test_threads_share_one_limit(caplog: pytest.LogCaptureFixture) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: emit(Event("refused", "mismatch", "stigg"), None), range(1_000)))
    assert len(caplog.records) == LogLimit.MOST


def test_the_number_of_remembered_kinds_is_bounded() -> None:
    limit = LogLimit()
    for number in range(5_000):
        assert limit.left_out(("failed", "verifier_raised", f"scheme-{number}")) == 0
    assert len(limit._seen) <= 1_000
    assert log_limit() is log_limit()

"""Events: a log record, a hook that cannot break anything, a counter."""

from __future__ import annotations

import logging

import pytest

from countermark import Event, EventCounter
from countermark.events import emit


def test_an_event_is_logged_at_the_level_of_its_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "countermark")
    event = Event("failed", "resolver_raised", error="OSError")
    for each in (event, Event("withheld", "public"), Event("impersonated", "signed", "stigg")):
        emit(each, None)
    emit(Event("signed", "current", "stigg"), None)
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG", "INFO"]
    assert caplog.messages[0] == (
        "failed: resolver_raised (scheme=None principal=None error=OSError)"
    )
    assert vars(caplog.records[0])["countermark"] is event


def test_a_hook_that_raises_is_logged_and_dropped(caplog: pytest.LogCaptureFixture) -> None:
    def hook(event: Event) -> None:
        raise ValueError("something secret")

    emit(Event("signed", "current"), hook)
    assert caplog.messages == ["on_event raised ValueError"]


def test_a_counter_counts_by_name_reason_and_scheme() -> None:
    counter = EventCounter()
    for event in (
        Event("signed", "current", "stigg", principal="a"),
        Event("signed", "current", "stigg", principal="b"),
        Event("signed", "current", "cognito-flow"),
        Event("failed", "resolver_raised"),
    ):
        emit(event, counter)
    assert counter.total("signed") == 3
    assert counter.total("signed", scheme="stigg") == 2
    assert counter.total("signed", reason="other") == 0
    assert counter.snapshot() == {
        ("signed", "current", "stigg"): 2,
        ("signed", "current", "cognito-flow"): 1,
        ("failed", "resolver_raised", None): 1,
    }

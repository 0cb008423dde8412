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


def attributes(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name.startswith("countermark")}


def test_a_log_record_has_the_fields_of_its_event_as_attributes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    emit(Event("refused", "mismatch", "stigg", "a1b2", correlation="c-1"), None)
    emit(Event("failed", "resolver_raised", error="OSError"), None)
    assert [attributes(record) for record in caplog.records] == [
        {
            "countermark_event": "refused",
            "countermark_reason": "mismatch",
            "countermark_scheme": "stigg",
            "countermark_principal": "a1b2",
            "countermark_correlation": "c-1",
            "countermark_left_out": 0,
        },
        {
            "countermark_event": "failed",
            "countermark_reason": "resolver_raised",
            "countermark_error": "OSError",
            "countermark_left_out": 0,
        },
    ]


def test_a_hook_that_raises_is_logged_and_dropped(caplog: pytest.LogCaptureFixture) -> None:
    def hook(event: Event) -> None:
        raise ValueError("something secret")

    emit(Event("signed", "current"), hook)
    assert caplog.messages == [
        "failed: on_event_raised (scheme=None principal=None error=ValueError)"
    ]
    assert attributes(caplog.records[0])["countermark_reason"] == "on_event_raised"


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

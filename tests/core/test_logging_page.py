"""docs/logging.md: what it lists is complete, and its code runs."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import use_span

from countermark import Event, Keyring, Signer, Verifier
from countermark.asgi import SigningMiddleware, VerifyingMiddleware
from countermark.events import _LEVELS, _UNLOGGED, Leak, ModeChanged, emit
from tests.drivers import answer, http_scope, request

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "logging.md").read_text(encoding="utf-8")
SECRET = "canary-3f9c2b7d51e8406aa9b4c1d0e7f65a28"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "logging.md", "exec"), names)
    return names


def test_each_event_is_in_the_row_of_its_level() -> None:
    rows = dict(re.findall(r"^\| ([A-Z]+|not logged) \| (.+) \|$", PAGE, re.MULTILINE))
    for name, level in _LEVELS.items():
        row = "not logged" if name in _UNLOGGED else logging.getLevelName(level)
        assert f"`{name}`" in rows[row]


def test_each_attribute_of_a_record_is_in_the_table(caplog: pytest.LogCaptureFixture) -> None:
    leak = Leak("STIGG_SIGNING_SECRET", "3f9c2b7d", "raw", "body", 7)
    change = ModeChanged("monitor", "enforce 10%", 0, "live", "ann")
    event = Event("refused", "mismatch", "stigg", "a1", "OSError", "c-1", "hint", "k", leak, change)
    emit(event, None)
    names = {name for name in vars(caplog.records[0]) if name.startswith("countermark")}
    assert names == set(re.findall(r"`(countermark_\w+)`", PAGE))


def test_the_lines_are_those_of_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    for _ in range(10):
        emit(Event("failed", "resolver_raised", error="OSError"), None)
    emit(Event("refused", "mismatch", "stigg", "48d2b7e1f6a90c35", correlation="0b0e5c52-…"), None)
    refused, failed = blocks("text")[0].splitlines()
    assert caplog.text.splitlines()[-1] == refused
    assert failed.startswith(caplog.text.splitlines()[0])


def test_structlog_makes_the_line_of_the_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The handlers of pytest change the records.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        run(blocks("python")[0])
        emit(Event("refused", "mismatch", "stigg"), None)
    assert json.loads(capsys.readouterr().err) == json.loads(blocks("json")[0])


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, InMemoryMetricReader]]:
    """Yield the hook of the page, and the metrics that it fills."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    yield run(blocks("python")[1])["report"], reader
    provider.shutdown()


def points_of(reader: InMemoryMetricReader) -> dict[tuple[Any, ...], Any]:
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.unit) == ("countermark.events", "{event}")
    points: Any = metric.data.data_points
    return {tuple(sorted(point.attributes.items())): point.value for point in points}


def key(event: str, reason: str, *scheme: str) -> tuple[tuple[str, str], ...]:
    names = ("countermark.event", "countermark.reason", "countermark.scheme")
    return tuple(zip(names, (event, reason, *scheme), strict=False))


def test_opentelemetry_counts_events_and_adds_them_to_the_span_of_the_request(
    report: tuple[Any, InMemoryMetricReader],
) -> None:
    hook, reader = report
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    keyring = Keyring(SECRET)
    token = Signer("stigg", keyring).sign("canary-user").encode()
    signing = SigningMiddleware(
        answer([(b"cache-control", b"public")]),
        signers=Signer("stigg", keyring),
        principal=lambda scope: "canary-user",
        on_event=hook,
    )
    app = VerifyingMiddleware(
        signing, verifier=Verifier("stigg", keyring), mode="enforce", on_event=hook
    )
    for sent in (token, token[:-1] + b"!", token):
        with provider.get_tracer("tests").start_as_current_span("GET /"):
            request(app, http_scope(headers=[(b"x-customer-key", sent)]))
    assert points_of(reader) == {
        key("verified", "current", "stigg"): 2,
        key("refused", "malformed", "stigg"): 1,
        key("withheld", "public"): 2,
    }
    served, refused, _ = spans.get_finished_spans()
    assert [event.name for event in served.events] == ["countermark.withheld"]
    (event,) = refused.events
    assert event.name == "countermark.refused"
    assert set(event.attributes or ()) == {
        "countermark.event",
        "countermark.reason",
        "countermark.scheme",
        "countermark.correlation",
    }
    assert "canary" not in "".join(span.to_json() for span in spans.get_finished_spans())


def test_opentelemetry_has_the_type_of_the_error_and_no_scheme_if_there_is_none(
    report: tuple[Any, InMemoryMetricReader],
) -> None:
    hook, _ = report
    span = TracerProvider().get_tracer("tests").start_span("GET /")
    with use_span(span):
        hook(Event("failed", "resolver_raised", principal="a1", error="OSError"))
    (event,) = span.events  # type: ignore[attr-defined]
    assert dict(event.attributes) == {
        "countermark.event": "failed",
        "countermark.reason": "resolver_raised",
        "countermark.principal": "a1",
        "countermark.error": "OSError",
    }

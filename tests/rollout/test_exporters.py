"""Prometheus and OpenTelemetry export the counts of a meter, and no ids."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest

from countermark import ConfigurationError, StoreUnavailable
from countermark.rollout import DAY, Meter
from countermark.rollout.opentelemetry import instrument
from countermark.rollout.prometheus import CountermarkCollector
from countermark.verifying import Allowance
from countermark.verifying._allowance import allowance_group
from tests.rollout.verdicts import Clock, unverified, verified


class Gone(Allowance):
    """An allowance whose store does not answer."""

    def left(self, group: str) -> int:
        raise StoreUnavailable("it is away")


def filled(clock: Clock) -> Meter:
    meter = Meter(clock=clock)
    for number in range(3):
        meter(verified(f"canary-{number}", origin="https://a.example"))
    meter(unverified("canary-0", code="mismatch"))
    meter(unverified("canary-9", by=None, tenant='ac"me'))
    return meter


def sorted_labels(line: str) -> str:
    """Return a line with sorted labels, as in new versions."""
    name, bracket, rest = line.partition("{")
    labels, end, value = rest.rpartition("}")
    return name + bracket + ",".join(sorted(labels.split(","))) + end + value


def text_of(meter: Meter, **options: Any) -> str:
    registry = CollectorRegistry()
    registry.register(CountermarkCollector(meter, **options))
    return "\n".join(map(sorted_labels, generate_latest(registry).decode().splitlines()))


PROMETHEUS = r"""
countermark_verdicts_total{admitted_by="",claim="",environment="live",key_role="",origin="",scheme="stigg",tenant="ac\"me",verdict="missing"} 1.0
countermark_verdicts_total{admitted_by="monitor",claim="",environment="live",key_role="",origin="",scheme="stigg",tenant="",verdict="mismatch"} 1.0
countermark_verdicts_total{admitted_by="token",claim="",environment="live",key_role="current",origin="https://a.example",scheme="stigg",tenant="",verdict="verified"} 3.0
countermark_principals{environment="live",scheme="stigg",state="verified",tenant=""} 3.0
countermark_principals{environment="live",scheme="stigg",state="affected",tenant=""} 1.0
countermark_principals{environment="live",scheme="stigg",state="stranded",tenant=""} 0.0
countermark_principals{environment="live",scheme="stigg",state="claimed",tenant=""} 0.0
countermark_principals{environment="live",scheme="stigg",state="verified",tenant="ac\"me"} 0.0
countermark_principals{environment="live",scheme="stigg",state="affected",tenant="ac\"me"} 1.0
countermark_principals{environment="live",scheme="stigg",state="stranded",tenant="ac\"me"} 1.0
countermark_principals{environment="live",scheme="stigg",state="claimed",tenant="ac\"me"} 0.0
countermark_principals_exact{environment="live",scheme="stigg",tenant=""} 1.0
countermark_principals_exact{environment="live",scheme="stigg",tenant="ac\"me"} 1.0
countermark_would_be_refused_ratio{environment="live",scheme="stigg",tenant=""} 0.25
countermark_would_be_refused_ratio{environment="live",scheme="stigg",tenant="ac\"me"} 1.0
countermark_first_seen_timestamp_seconds{environment="live",scheme="stigg",tenant=""} 1.8000144e+09
countermark_first_seen_timestamp_seconds{environment="live",scheme="stigg",tenant="ac\"me"} 1.8000144e+09
countermark_last_seen_timestamp_seconds{environment="live",scheme="stigg",tenant=""} 1.8000144e+09
countermark_last_seen_timestamp_seconds{environment="live",scheme="stigg",tenant="ac\"me"} 1.8000144e+09
"""  # noqa: E501


def test_the_full_text_for_prometheus() -> None:
    text = text_of(filled(Clock(1_800_014_400)))
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert sorted(samples) == sorted(PROMETHEUS.strip().splitlines())
    assert "# TYPE countermark_verdicts_total counter" in text
    assert "# TYPE countermark_would_be_refused_ratio gauge" in text
    assert "canary" not in text


def test_counters_keep_increasing_and_gauges_cover_the_latest_days() -> None:
    clock = Clock()
    meter = filled(clock)
    clock.now += 2 * DAY
    assert 'verdict="verified"} 3.0' in text_of(meter)
    assert "would_be_refused_ratio{" in text_of(meter, days=2)
    assert "would_be_refused_ratio{" not in text_of(meter, days=1)
    clock.now += 40 * DAY
    meter(verified("canary-1", origin="https://a.example"))
    assert 'verdict="verified"} 4.0' in text_of(meter)


def test_two_meters_in_one_registry_are_refused() -> None:
    registry = CollectorRegistry()
    registry.register(CountermarkCollector(Meter()))
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(CountermarkCollector(Meter()))


def test_prometheus_exports_the_rest_of_the_allowance() -> None:
    meter, allowance = filled(Clock()), Allowance(5)
    allowance.admit(allowance_group("stigg", "live"), {})
    text = text_of(meter, allowance=allowance)
    assert 'allowance_left{environment="live",scheme="stigg",tenant=""} 4.0' in text
    assert "allowance_left{" not in text_of(meter, allowance=Gone(5))


def test_the_number_of_series_is_limited() -> None:
    meter = Meter(max_tenants=5, max_origins=5)
    for number in range(1_000):
        meter(verified(f"u{number}", tenant=f"t{number}", origin=f"https://{number % 70}.example"))
    samples = [line for line in text_of(meter).splitlines() if "verdicts_total{" in line]
    assert len(samples) <= 6 * 6
    assert sum(float(line.rpartition(" ")[2]) for line in samples) == 1_000


def test_no_two_series_have_the_same_labels() -> None:
    meter = Meter(max_tenants=2)
    for tenant in (None, "", "other", "brick", "clay"):
        for environment in (None, "", "live"):
            meter(verified(tenant=tenant, environment=environment))
    lines = [line for line in text_of(meter).splitlines() if not line.startswith("#")]
    series = [line.rpartition(" ")[0] for line in lines]
    assert len(set(series)) == len(series)
    counted = [line for line in lines if line.startswith("countermark_verdicts_total{")]
    assert sum(float(line.rpartition(" ")[2]) for line in counted) == 15
    assert {line.partition('tenant="')[2].partition('"')[0] for line in counted} == {
        "", "'other'", "brick", "other"
    }  # fmt: skip


@pytest.mark.parametrize("show", [CountermarkCollector, instrument])
def test_a_number_of_days_out_of_range_is_an_error_at_once(show: Any) -> None:
    for days in (0, 31):
        with pytest.raises(ConfigurationError, match="days="):
            show(Meter(), days=days)


def observed(meter: Meter, **options: Any) -> dict[str, list[tuple[dict[str, Any], float]]]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    instrument(meter, provider, **options)
    data = reader.get_metrics_data()
    provider.shutdown()
    assert data is not None
    (resource,) = data.resource_metrics
    (scope,) = resource.scope_metrics
    assert scope.scope.name == "countermark"
    found: dict[str, list[tuple[dict[str, Any], float]]] = {}
    for metric in scope.metrics:
        points: Any = metric.data.data_points
        found[metric.name] = [
            ({key.removeprefix("countermark."): value for key, value in point.attributes.items()},
             point.value)
            for point in points
        ]  # fmt: skip
    return found


def test_opentelemetry_observes_all_metrics() -> None:
    allowance = Allowance(5)
    found = observed(filled(Clock()), allowance=allowance)
    group = {"scheme": "stigg", "environment": "live"}
    acme = {**group, "tenant": 'ac"me'}
    assert sorted(found.pop("countermark.verdicts"), key=lambda point: point[0]["verdict"]) == [
        ({**group, "verdict": "mismatch", "admitted_by": "monitor"}, 1),
        ({**acme, "verdict": "missing"}, 1),
        (
            {
                **group,
                "origin": "https://a.example",
                "key_role": "current",
                "verdict": "verified",
                "admitted_by": "token",
            },
            3,
        ),
    ]
    assert found == {
        "countermark.principals": [
            ({**group, "state": "verified"}, 3),
            ({**group, "state": "affected"}, 1),
            ({**group, "state": "stranded"}, 0),
            ({**group, "state": "claimed"}, 0),
            ({**acme, "state": "verified"}, 0),
            ({**acme, "state": "affected"}, 1),
            ({**acme, "state": "stranded"}, 1),
            ({**acme, "state": "claimed"}, 0),
        ],
        "countermark.would_be_refused": [(group, 0.25), (acme, 1.0)],
        "countermark.allowance_left": [(group, 5), (acme, 5)],
    }


def test_opentelemetry_has_no_observations_without_requests_or_an_available_store(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    meter = filled(clock)
    clock.now += 9 * DAY
    found = observed(meter, allowance=Gone(5))
    assert not found.get("countermark.would_be_refused")
    assert not found.get("countermark.allowance_left")
    assert len(found["countermark.verdicts"]) == 3
    assert caplog.records == []  # OpenTelemetry would log exceptions of observations

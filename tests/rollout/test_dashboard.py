"""The Grafana dashboard fits the exporter for Prometheus and the schema of Grafana."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client import CollectorRegistry
from promql_parser import parse

from countermark.rollout import Meter
from countermark.rollout.prometheus import CountermarkCollector
from countermark.verifying import Allowance
from tests.rollout.dashboard import dashboard, expressions, filled_in
from tests.rollout.verdicts import claim, unverified, verified

METRIC = re.compile(r"\bcountermark_\w+")
SELECTOR = re.compile(r"(countermark_\w+)\{([^}]*)\}")
GROUPING = re.compile(r"\b(?:by|without) \(([^)]*)\)")
VARIABLES = ("scheme", "environment", "tenant", "__range", "__rate_interval")


def exported() -> dict[str, dict[str, set[str]]]:
    """Return the labels of each exported sample, with their values."""
    meter = Meter()
    meter(verified())
    meter(unverified(by=None))
    meter(claim("user-2"))
    registry = CollectorRegistry()
    registry.register(CountermarkCollector(meter, allowance=Allowance(3)))
    found: dict[str, dict[str, set[str]]] = {}
    for family in registry.collect():
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


def texts() -> dict[str, str]:
    """Return all queries, those of the variables too."""
    variables = dashboard()["templating"]["list"][1:]
    return expressions() | {each["name"]: each["query"]["query"] for each in variables}


@pytest.mark.parametrize("title", texts())
def test_each_query_is_valid_and_uses_exported_metrics_and_labels(title: str) -> None:
    query, metrics = texts()[title], exported()
    assert METRIC.findall(query)
    assert [name for name in METRIC.findall(query) if name not in metrics] == []
    for name, selector in SELECTOR.findall(query):
        for label, value in re.findall(r'(\w+)!?=~?"([^"]*)"', selector):
            assert label in metrics[name]
            assert value.startswith("$") or value in metrics[name][label]
    if not query.startswith("label_values"):  # a function of Grafana
        parse(filled_in(query, dict.fromkeys(VARIABLES, "1m")))
    labels = set().union(*(metrics[name] for name in METRIC.findall(query)))
    for names in [*GROUPING.findall(query), *re.findall(r"label_values\(.*, (\w+)\)", query)]:
        assert set(names.split(", ")) <= labels


def test_each_metric_of_the_exporter_that_changes_is_in_a_panel() -> None:
    used = {name for query in expressions().values() for name in METRIC.findall(query)}
    assert set(exported()) - used == {
        "countermark_principals_exact",
        "countermark_would_be_refused_ratio",  # the counters show the same for any time range
        "countermark_first_seen_timestamp_seconds",
    }


def test_each_variable_of_a_query_is_defined_and_selects_empty_labels() -> None:
    variables = {each["name"]: each for each in dashboard()["templating"]["list"]}
    used = {name for query in texts().values() for name in re.findall(r"\$(\w+)", query)}
    assert used == set(VARIABLES)
    assert variables.keys() == {"datasource", *VARIABLES[:3]}
    for name in used & variables.keys():
        assert variables[name]["allValue"] == ".*"  # ".+", the default, leaves empty labels out
    legends = [panel["targets"][0].get("legendFormat", "") for panel in dashboard()["panels"]]
    labels = exported()["countermark_verdicts_total"].keys() | {"state"}
    assert set(re.findall(r"\{\{(\w+)\}\}", " ".join(legends))) <= labels


def lost(given: Any, kept: Any, path: str = "") -> list[str]:
    """Return the paths in *given* that *kept* does not have with the same value."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [
            line
            for key, value in given.items()
            for line in lost(value, kept.get(key), f"{path}.{key}")
        ]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        pairs = enumerate(zip(given, kept, strict=True))
        return [line for index, pair in pairs for line in lost(*pair, f"{path}[{index}]")]
    return [] if given == kept else [path]


def test_the_schema_of_grafana_knows_each_key() -> None:
    register_default_plugins()
    read = json.loads(json.dumps(Dashboard.from_json(dashboard()), cls=JSONEncoder))
    assert lost(dashboard(), read) == []
    wrong = dashboard() | {"unknown": 1}
    read = json.loads(json.dumps(Dashboard.from_json(wrong), cls=JSONEncoder))
    assert lost(wrong, read) == [".unknown"]


def test_no_two_panels_overlap() -> None:
    cells = [
        (x, y)
        for panel in dashboard()["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert {x for x, _ in cells} == set(range(24))

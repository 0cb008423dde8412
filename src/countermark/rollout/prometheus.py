"""A collector for ``prometheus-client`` that exports a meter.

The module needs the extra ``prometheus``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from countermark._redaction import guarded
from countermark.rollout._meter import Meter
from countermark.rollout._report import allowance_left_now
from countermark.rollout._snapshot import GroupStats, checked_days

try:
    from prometheus_client import Metric
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise ImportError(
        "countermark.rollout.prometheus needs prometheus-client:"
        " pip install 'countermark[prometheus]'",
        name=error.name,
    ) from error

if TYPE_CHECKING:
    from countermark.verifying._allowance import Allowance

_GROUP = ("scheme", "environment", "tenant")
_ROW = (*_GROUP, "origin", "key_role", "verdict", "admitted_by", "claim")


class CountermarkCollector(Collector):
    """Exports a meter to Prometheus: ``REGISTRY.register(CountermarkCollector(meter))``.

    The values are those of the process that answers the scrape. If a server has several worker
    processes, a different one answers each time: give each process a port of its own, or read
    the counts of all processes from Redis. A sum of ``countermark_principals`` over processes
    counts a principal twice if two processes served them.

    * ``countermark_verdicts_total``, since the process began, by all labels of
      :class:`countermark.rollout.RequestCount`; refused requests have ``admitted_by=""``;
    * ``countermark_principals``, by scheme, environment, tenant and ``state``: ``verified``,
      ``affected``, ``stranded`` and ``claimed``;
    * ``countermark_principals_exact``, ``countermark_would_be_refused_ratio``,
      ``countermark_first_seen_timestamp_seconds`` and
      ``countermark_last_seen_timestamp_seconds``, by scheme, environment and tenant;
    * ``countermark_allowance_left`` by the same, if there is an allowance.

    The limits of the meter bound the number of labels. None is exported as an empty label.

    Args:
        meter: The meter.
        days: The number of whole days that gauges cover in addition to today, from 1 to 30.
        allowance: The allowance of the middleware. If its store does not answer,
            ``countermark_allowance_left`` has no samples.

    Raises:
        ConfigurationError: *days* is out of range.
    """

    @guarded
    def __init__(self, meter: Meter, *, days: int = 7, allowance: Allowance | None = None) -> None:
        self._meter = meter
        self._days = checked_days(days)
        self._allowance = allowance

    def describe(self) -> list[Metric]:
        """Return the families without samples, for the registry to detect duplicates."""
        return [_verdicts(), *_gauges().values()]

    def collect(self) -> Iterator[Metric]:
        """Return the families with their samples."""
        verdicts = _verdicts()
        for row in self._meter.totals():
            verdicts.add_metric([label or "" for label in row.labels().values()], row.requests)
        yield verdicts
        gauges = _gauges()
        groups = self._meter.snapshot(self._days).groups
        for stats in groups:
            _add(gauges, stats)
        for group, left in allowance_left_now(self._allowance, groups).items():
            gauges["allowance_left"].add_metric([label or "" for label in group], left)
        yield from gauges.values()


def _verdicts() -> CounterMetricFamily:
    return CounterMetricFamily(
        "countermark_verdicts", "Requests by verdict and other attributes.", labels=_ROW
    )


def _gauges() -> dict[str, GaugeMetricFamily]:
    documentation_of = {
        "principals": "Distinct principals in the latest days.",
        "principals_exact": "1 if all principals were distinguished, 0 if there were too many.",
        "would_be_refused_ratio": "Share of requests in the latest days that were not verified.",
        "first_seen_timestamp_seconds": "Time of the first request that is kept.",
        "last_seen_timestamp_seconds": "Time of the last request.",
        "allowance_left": "Number of unsigned sessions that are still allowed.",
    }
    return {
        name: GaugeMetricFamily(
            f"countermark_{name}",
            documentation,
            labels=(*_GROUP, "state") if name == "principals" else _GROUP,
        )
        for name, documentation in documentation_of.items()
    }


def _add(gauges: dict[str, GaugeMetricFamily], stats: GroupStats) -> None:
    group = [label or "" for label in stats.group]
    principals = stats.principals
    for state in ("verified", "affected", "stranded", "claimed"):
        gauges["principals"].add_metric([*group, state], getattr(principals, state))
    gauges["principals_exact"].add_metric(group, principals.exact)
    if stats.requests:
        ratio = stats.would_be_refused / stats.requests
        gauges["would_be_refused_ratio"].add_metric(group, ratio)
    gauges["first_seen_timestamp_seconds"].add_metric(group, stats.first_seen)
    gauges["last_seen_timestamp_seconds"].add_metric(group, stats.last_seen)

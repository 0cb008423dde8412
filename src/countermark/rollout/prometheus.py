"""Prometheus: the figures of a meter, for ``prometheus-client``.

Needs the extra ``prometheus``.
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
        "countermark.prometheus needs prometheus-client: pip install 'countermark[prometheus]'",
        name=error.name,
    ) from error

if TYPE_CHECKING:
    from countermark.verifying._allowance import Allowance

_GROUP = ("scheme", "environment", "tenant")
_ROW = (*_GROUP, "origin", "key_role", "verdict", "admitted_by", "claim")


class CountermarkCollector(Collector):
    """Shows a meter to Prometheus: ``REGISTRY.register(CountermarkCollector(meter))``.

    The figures are those of the process that is asked. A server with several worker
    processes answers for a different one each time: let each listen by itself, or
    take the figures of all from Redis. Sums of ``countermark_principals`` over
    processes count those twice who were served by two.

    * ``countermark_verdicts_total``, since the process began, by all labels that a
      :class:`countermark.rollout.RequestCount` has; ``admitted_by=""`` was refused;
    * by scheme, environment and tenant, ``countermark_principals`` of the ``state``
      ``verified``, ``affected``, ``stranded`` and ``claimed``, ``countermark_principals_exact``,
      ``countermark_would_be_refused_ratio``, ``countermark_first_seen_timestamp_seconds``
      and ``countermark_last_seen_timestamp_seconds``.

    Labels are as few as the meter's limits. What is None there is empty here.

    Args:
        meter: The meter.
        days: How many whole days the gauges are about, beside today so far, from 1 to 30.
        allowance: The middleware's, for ``countermark_allowance_left``. Where it has a
            store, that is asked; while it does not answer, there is no such sample.

    Raises:
        ConfigurationError: So many days cannot be asked for.
    """

    @guarded
    def __init__(self, meter: Meter, *, days: int = 7, allowance: Allowance | None = None) -> None:
        self._meter = meter
        self._days = checked_days(days)
        self._allowance = allowance

    def describe(self) -> list[Metric]:
        """Return the families without samples, which the registry knows them by."""
        return [_verdicts(), *_gauges().values()]

    def collect(self) -> Iterator[Metric]:
        """Return the families with their samples."""
        verdicts = _verdicts()
        for row in self._meter.totals():
            verdicts.add_metric([label or "" for label in row.labels().values()], row.requests)
        yield verdicts
        gauges = _gauges()
        groups = self._meter.snapshot(self._days).groups
        for figures in groups:
            _add(gauges, figures)
        for group, left in allowance_left_now(self._allowance, groups).items():
            gauges["allowance_left"].add_metric([label or "" for label in group], left)
        yield from gauges.values()


def _verdicts() -> CounterMetricFamily:
    return CounterMetricFamily(
        "countermark_verdicts", "Requests by what was found out about them.", labels=_ROW
    )


def _gauges() -> dict[str, GaugeMetricFamily]:
    about = {
        "principals": "Distinct principals of the latest days.",
        "principals_exact": "Whether all principals were told apart (1) or there were more (0).",
        "would_be_refused_ratio": "Requests of the latest days that are not verified, of all.",
        "first_seen_timestamp_seconds": "When the first request came that is kept.",
        "last_seen_timestamp_seconds": "When the last request came.",
        "allowance_left": "How many more unsigned sessions get in.",
    }
    return {
        name: GaugeMetricFamily(
            f"countermark_{name}",
            documentation,
            labels=(*_GROUP, "state") if name == "principals" else _GROUP,
        )
        for name, documentation in about.items()
    }


def _add(gauges: dict[str, GaugeMetricFamily], figures: GroupStats) -> None:
    group = [label or "" for label in figures.group]
    principals = figures.principals
    for state in ("verified", "affected", "stranded", "claimed"):
        gauges["principals"].add_metric([*group, state], getattr(principals, state))
    gauges["principals_exact"].add_metric(group, principals.exact)
    if figures.requests:
        ratio = figures.would_be_refused / figures.requests
        gauges["would_be_refused_ratio"].add_metric(group, ratio)
    gauges["first_seen_timestamp_seconds"].add_metric(group, figures.first_seen)
    gauges["last_seen_timestamp_seconds"].add_metric(group, figures.last_seen)

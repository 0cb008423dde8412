"""OpenTelemetry instruments that observe a meter.

The module needs the extra ``opentelemetry``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from countermark._redaction import guarded
from countermark.rollout._meter import Meter
from countermark.rollout._report import allowance_left_now
from countermark.rollout._snapshot import Group, GroupStats, checked_days

try:
    from opentelemetry.metrics import CallbackOptions, Observation, get_meter
except ModuleNotFoundError as error:
    raise ImportError(
        "countermark.rollout.opentelemetry needs opentelemetry-api:"
        " pip install 'countermark[opentelemetry]'",
        name=error.name,
    ) from error

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from countermark.verifying._allowance import Allowance

Callback = Callable[[CallbackOptions], Iterable[Observation]]


@guarded
def instrument(
    meter: Meter,
    meter_provider: MeterProvider | None = None,
    *,
    days: int = 7,
    allowance: Allowance | None = None,
) -> None:
    """Create instruments that observe *meter*. Call it once per meter in each process.

    * ``countermark.verdicts``: requests since the process began, by the attributes
      ``countermark.scheme``, ``.environment``, ``.tenant``, ``.origin``, ``.key_role``,
      ``.verdict``, ``.admitted_by`` (refused requests do not have it) and ``.claim``;
    * ``countermark.principals``, by scheme, environment, tenant and ``countermark.state``:
      ``verified``, ``affected``, ``stranded`` or ``claimed``;
    * ``countermark.would_be_refused``, a ratio, by scheme, environment and tenant;
    * ``countermark.allowance_left`` by the same, if there is an allowance.

    The values are those of this process. A sum of principals over processes counts a principal
    twice if two processes served them. The limits of the meter bound the number of attributes.

    Args:
        meter: The meter.
        meter_provider: The provider of the instruments; None: the global one.
        days: The number of whole days that gauges cover in addition to today, from 1 to 30.
        allowance: The allowance of the middleware. If its store does not answer,
            ``countermark.allowance_left`` has no observations.

    Raises:
        ConfigurationError: *days* is out of range.
    """
    checked_days(days)
    of = get_meter("countermark", meter_provider=meter_provider)
    of.create_observable_counter(
        "countermark.verdicts",
        [lambda options: _verdicts(meter)],
        unit="{request}",
        description="Requests by verdict and other attributes.",
    )
    of.create_observable_gauge(
        "countermark.principals",
        [_of_each(meter, days, _principals)],
        unit="{principal}",
        description="Distinct principals in the latest days.",
    )
    of.create_observable_gauge(
        "countermark.would_be_refused",
        [_of_each(meter, days, _would_be_refused)],
        unit="1",
        description="Share of requests in the latest days that were not verified.",
    )
    of.create_observable_gauge(
        "countermark.allowance_left",
        [lambda options: _left(meter, allowance)],
        unit="{session}",
        description="Number of unsigned sessions that are still allowed.",
    )


def _verdicts(meter: Meter) -> Iterator[Observation]:
    for row in meter.totals():
        yield Observation(row.requests, _attributes(row.labels()))


def _of_each(
    meter: Meter, days: int, observe: Callable[[GroupStats], Iterator[Observation]]
) -> Callback:
    def callback(options: CallbackOptions) -> Iterator[Observation]:
        for stats in meter.snapshot(days).groups:
            yield from observe(stats)

    return callback


def _principals(stats: GroupStats) -> Iterator[Observation]:
    for state in ("verified", "affected", "stranded", "claimed"):
        number = getattr(stats.principals, state)
        yield Observation(number, _attributes({**_named(stats.group), "state": state}))


def _would_be_refused(stats: GroupStats) -> Iterator[Observation]:
    if stats.requests:
        ratio = stats.would_be_refused / stats.requests
        yield Observation(ratio, _attributes(_named(stats.group)))


def _left(meter: Meter, allowance: Allowance | None) -> Iterator[Observation]:
    for group, left in allowance_left_now(allowance, meter.snapshot().groups).items():
        yield Observation(left, _attributes(_named(group)))


def _named(group: Group) -> dict[str, str | None]:
    scheme, environment, tenant = group
    return {"scheme": scheme, "environment": environment, "tenant": tenant}


def _attributes(labels: Mapping[str, str | None]) -> dict[str, str]:
    return {f"countermark.{name}": value for name, value in labels.items() if value is not None}

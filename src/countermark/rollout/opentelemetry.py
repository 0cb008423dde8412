"""OpenTelemetry: the figures of a meter as instruments.

Needs the extra ``opentelemetry``.
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
        "countermark.opentelemetry needs opentelemetry-api:"
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
    """Show *meter* to OpenTelemetry. Call it once for a meter, in each process.

    * ``countermark.verdicts``: requests since the process began, by the attributes
      ``countermark.scheme``, ``.environment``, ``.tenant``, ``.origin``, ``.key_role``,
      ``.verdict``, ``.admitted_by``, without which it was refused, and ``.claim``;
    * by scheme, environment and tenant, ``countermark.principals`` with the attribute
      ``countermark.state``, ``verified``, ``affected``, ``stranded`` or ``claimed``, and
      ``countermark.would_be_refused``, a ratio; ``countermark.allowance_left`` if there
      is an allowance.

    The figures are those of this process, and sums of principals over processes count
    those twice who were served by two. Attributes are as few as the meter's limits.

    Args:
        meter: The meter.
        meter_provider: What to register with; None: the global one.
        days: How many whole days the gauges are about, beside today so far, from 1 to 30.
        allowance: The middleware's. Where it has a store, that is asked; while it does
            not answer, nothing is observed.

    Raises:
        ConfigurationError: So many days cannot be asked for.
    """
    checked_days(days)
    of = get_meter("countermark", meter_provider=meter_provider)
    of.create_observable_counter(
        "countermark.verdicts",
        [lambda options: _verdicts(meter)],
        unit="{request}",
        description="Requests by what was found out about them.",
    )
    of.create_observable_gauge(
        "countermark.principals",
        [_of_each(meter, days, _principals)],
        unit="{principal}",
        description="Distinct principals of the latest days.",
    )
    of.create_observable_gauge(
        "countermark.would_be_refused",
        [_of_each(meter, days, _would_be_refused)],
        unit="1",
        description="Requests of the latest days that are not verified, of all.",
    )
    of.create_observable_gauge(
        "countermark.allowance_left",
        [lambda options: _left(meter, allowance)],
        unit="{session}",
        description="How many more unsigned sessions get in.",
    )


def _verdicts(meter: Meter) -> Iterator[Observation]:
    for row in meter.totals():
        yield Observation(row.requests, _attributes(row.labels()))


def _of_each(
    meter: Meter, days: int, observe: Callable[[GroupStats], Iterator[Observation]]
) -> Callback:
    def callback(options: CallbackOptions) -> Iterator[Observation]:
        for figures in meter.snapshot(days).groups:
            yield from observe(figures)

    return callback


def _principals(figures: GroupStats) -> Iterator[Observation]:
    for state in ("verified", "affected", "stranded", "claimed"):
        number = getattr(figures.principals, state)
        yield Observation(number, _attributes({**_named(figures.group), "state": state}))


def _would_be_refused(figures: GroupStats) -> Iterator[Observation]:
    if figures.requests:
        ratio = figures.would_be_refused / figures.requests
        yield Observation(ratio, _attributes(_named(figures.group)))


def _left(meter: Meter, allowance: Allowance | None) -> Iterator[Observation]:
    for group, left in allowance_left_now(allowance, meter.snapshot().groups).items():
        yield Observation(left, _attributes(_named(group)))


def _named(group: Group) -> dict[str, str | None]:
    scheme, environment, tenant = group
    return {"scheme": scheme, "environment": environment, "tenant": tenant}


def _attributes(labels: Mapping[str, str | None]) -> dict[str, str]:
    return {f"countermark.{name}": value for name, value in labels.items() if value is not None}

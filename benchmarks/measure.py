"""Interleaved timing of variants, and what is read off it.

A noisy neighbour slows whatever runs at that moment. So every round runs every
variant once, minima are what is compared, and the ratios within single rounds
show how far the noise reaches.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

#: Does the thing as often as it is told.
Block = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Variant:
    """Something to time.

    Attributes:
        base: The name of the variant whose time is taken off; None: nothing is.
        ours: Whether it is this package.
    """

    name: str
    block: Block
    base: str | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise: what *of* costs is at most *limit* times what *against* costs."""

    what: str
    limit: float
    of: str
    against: str


@dataclass(frozen=True, slots=True)
class Suite:
    """Variants that are timed in the same rounds, *count* runs of each at a time."""

    title: str
    variants: Sequence[Variant]
    bars: Sequence[Bar]
    count: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Nanoseconds per run."""

    minimum: float
    lower: float
    median: float
    upper: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a promise, ready to print."""

    what: str
    bar: str
    measured: str
    quartiles: str
    holds: bool
    settled: bool = True


class Timings:
    """The times of a suite: nanoseconds per run, by variant, one for each round."""

    def __init__(self, suite: Suite, rounds: int) -> None:
        self.suite = suite
        self._bases = {variant.name: variant.base for variant in suite.variants}
        self._times = _interleaved(suite, rounds)

    def spread(self, name: str) -> Spread:
        """Return how long *name* took, its base included."""
        times = self._times[name]
        return Spread(min(times), *_quartiles(times))

    def added(self, name: str) -> float:
        """Return what *name* costs beyond its base: minimum less minimum."""
        base = self._bases[name]
        return min(self._times[name]) - (min(self._times[base]) if base else 0)

    def verdict(self, bar: Bar) -> Verdict:
        """Hold *bar* against the times; what has not settled does not hold."""
        ratio = self.added(bar.of) / self.added(bar.against)
        pairs = zip(self._by_round(bar.of), self._by_round(bar.against), strict=True)
        lower, median, upper = _quartiles([of / against for of, against in pairs if against > 0])
        return Verdict(
            bar.what,
            f"≤ {bar.limit:.2f}",
            f"{ratio:.3f}",
            f"{lower:.3f} / {median:.3f} / {upper:.3f}",
            ratio <= bar.limit and _settled(ratio, lower, upper),
            _settled(ratio, lower, upper),
        )

    @property
    def settled(self) -> bool:
        """Whether the minima say of every bar about what the single rounds say."""
        return all(self.verdict(bar).settled for bar in self.suite.bars)

    def _by_round(self, name: str) -> list[float]:
        base = self._bases[name]
        if base is None:
            return self._times[name]
        return [a - b for a, b in zip(self._times[name], self._times[base], strict=True)]


def _settled(ratio: float, lower: float, upper: float) -> bool:
    # A machine that is slow throughout, but for one lucky block of one variant,
    # gives minima that belong to different machines. Tukey's fences find that.
    fence = 1.5 * (upper - lower)
    return lower - fence <= ratio <= upper + fence


def _quartiles(values: list[float]) -> tuple[float, float, float]:
    if len(values) < 2:  # a quick run on a bad day
        return nan, nan, nan
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, median, upper


def _interleaved(suite: Suite, rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {variant.name: [] for variant in suite.variants}
    for variant in suite.variants:
        variant.block(suite.count)  # warm up
    gc.collect()
    gc.freeze()  # so that the collections between rounds are short
    gc.disable()
    try:
        for number in range(rounds):
            # Nobody always runs after the same neighbour at the same place.
            first = number % len(suite.variants)
            for variant in (*suite.variants[first:], *suite.variants[:first]):
                start = time.perf_counter_ns()
                variant.block(suite.count)
                times[variant.name].append((time.perf_counter_ns() - start) / suite.count)
            gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return times

"""The figures and the bars as Markdown."""

from __future__ import annotations

import platform
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from benchmarks.measure import Timings, Verdict

_PEERS = (
    "starlette",
    "uvicorn",
    "asgi-correlation-id",
    "itsdangerous",
    "pyjwt",
    "joserfc",
)


@dataclass(frozen=True, slots=True)
class Table:
    """What was not timed in rounds, ready to print."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def markdown(
    timed: Sequence[Timings], tables: Sequence[Table], verdicts: Sequence[Verdict], rounds: int
) -> str:
    """Return the whole report."""
    printed = [line for table in tables for line in _table(table)]
    return "\n".join([*_head(rounds), *_figures(timed), *printed, *_bars(verdicts)])


def _head(rounds: int) -> Iterator[str]:
    peers = ", ".join(f"{name} {version(name)}" for name in _PEERS)
    yield (
        f"{platform.python_implementation()} {platform.python_version()},"
        f" {ssl.OPENSSL_VERSION}, {platform.machine()}; {peers}."
    )
    yield ""
    yield f"Nanoseconds per run over {rounds} interleaved rounds; *added* is minimum less minimum."
    yield ""


def _figures(timed: Sequence[Timings]) -> Iterator[str]:
    yield "| what | minimum | lower quartile | median | upper quartile | added |"
    yield "|---|--:|--:|--:|--:|--:|"
    for timings in timed:
        yield f"| **{timings.suite.title}** | | | | | |"
        for variant in timings.suite.variants:
            spread = timings.spread(variant.name)
            added = f"{timings.added(variant.name):.0f}" if variant.base else ""
            yield (
                f"| {variant.name} | {spread.minimum:.0f} | {spread.lower:.0f}"
                f" | {spread.median:.0f} | {spread.upper:.0f} | {added} |"
            )
    yield ""


def _table(table: Table) -> Iterator[str]:
    yield f"**{table.title}**"
    yield ""
    yield f"| {' | '.join(table.head)} |"
    yield f"|---|{'--:|' * (len(table.head) - 1)}"
    for row in table.rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _bars(verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield "| what | bar | ratio of minima | quartiles of the ratios by round | holds |"
    yield "|---|--:|--:|--:|---|"
    for verdict in verdicts:
        yield (
            f"| {verdict.what} | {verdict.bar} | {verdict.measured} | {verdict.quartiles}"
            f" | {_word(verdict)} |"
        )


def _word(verdict: Verdict) -> str:
    if not verdict.settled:
        return "**too noisy to tell**"
    return "yes" if verdict.holds else "**no**"

"""The suites and tables of growth."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.growth import fleet_tables, keys, memory, principals, schemes, tenants
from benchmarks.measure import Suite, Verdict
from benchmarks.report import Table


def suites(*, quick: bool) -> list[Callable[[], Suite]]:
    """Return the suites of one process; a quick run has fewer tenants and principals."""
    most_tenants, most_principals = (1_100, 10_000) if quick else (100_000, 1_000_000)
    return [
        partial(tenants.signed_suite, most_tenants),
        partial(tenants.verified_suite, most_tenants),
        schemes.signed_suite,
        schemes.verified_suite,
        keys.suite,
        partial(principals.suite, most_principals),
    ]


def tables(*, quick: bool) -> tuple[list[Table], list[Verdict]]:
    """Measure the memory, and a fleet with a real Redis; return tables and what became of bars."""
    weighed, verdicts = memory.weigh(quick=quick)
    measured, more = fleet_tables.tables(quick=quick)
    return [weighed, *measured], [*verdicts, *more]

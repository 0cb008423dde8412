"""Run the benchmarks and print what they show as Markdown."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    asgi_loop,
    asgi_stack,
    chart,
    frameworks,
    hot_path,
    imports,
    json_web_tokens,
    leaks,
    memory,
    report,
    scheme_count,
    uvicorn_protocol,
    verifying,
    wsgi_stack,
)
from benchmarks.growth import contents
from benchmarks.measure import Suite, Timings, Verdict

_SUITES: dict[str, list[Callable[[], Suite]]] = {
    "hot": [hot_path.suite],
    "jwt": [json_web_tokens.suite],
    "asgi": [asgi_stack.suite, asgi_loop.suite],
    "wsgi": [wsgi_stack.suite],
    "schemes": [scheme_count.suite],
    "frameworks": [frameworks.fastapi_suite, frameworks.flask_suite, frameworks.django_suite],
    "uvicorn": [uvicorn_protocol.suite],
    "leaks": [leaks.small_suite, leaks.body_suite],
    "verify": [verifying.hot_suite, verifying.asgi_suite, verifying.wsgi_suite],
}
_MEMORY = "memory"
_IMPORTS = "imports"
_GROWTH = "growth"
_ALL = [*_SUITES, _MEMORY, _IMPORTS, _GROWTH]


def main() -> int:
    """Return 1 if a bar does not hold. A quick run is too short to tell."""
    options = _options()
    rounds = 5 if options.quick else options.rounds
    suites = [make for key in options.only for make in _SUITES.get(key, [])]
    if _GROWTH in options.only:
        suites += contents.suites(quick=options.quick)
    timed = [_timed(make(), rounds, attempts=1 if options.quick else 4) for make in suites]
    verdicts: list[Verdict] = [
        timings.verdict(bar) for timings in timed for bar in timings.suite.bars
    ]
    if _MEMORY in options.only:
        verdicts += memory.verdicts()
    if _IMPORTS in options.only:
        verdicts += imports.verdicts(rounds)
    tables: list[report.Table] = []
    if _GROWTH in options.only:
        tables, more = contents.tables(quick=options.quick)
        verdicts += more
    print(report.markdown(timed, tables, verdicts, rounds))
    if timed:
        chart.write(options.chart, timed)
    return 0 if options.quick or all(verdict.holds for verdict in verdicts) else 1


def _timed(suite: Suite, rounds: int, attempts: int) -> Timings:
    """Time *suite*, and again while the machine is too restless, whatever the outcome."""
    timings = Timings(suite, rounds)
    while not timings.settled and attempts > 1:
        attempts -= 1
        timings = Timings(suite, rounds)
    return timings


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, and never fail")
    parser.add_argument("--rounds", type=int, default=300, help="default: %(default)s")
    parser.add_argument("--only", type=_keys, default=_ALL, help="some of: %(default)s")
    parser.add_argument(
        "--chart", type=Path, default=Path(__file__).with_name("results.svg"), metavar="PATH"
    )
    return parser.parse_args()


def _keys(text: str) -> list[str]:
    keys = text.split(",")
    for key in keys:
        if key not in _ALL:
            raise argparse.ArgumentTypeError(f"unknown benchmark {key!r}")
    return keys


if __name__ == "__main__":
    raise SystemExit(main())

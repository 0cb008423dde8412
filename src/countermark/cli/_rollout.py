"""``countermark rollout``: the counts in Redis, and if it is safe to enforce."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from countermark.cli._arguments import Commands, whole_number
from countermark.cli._inputs import read_text
from countermark.cli._store import add_readiness_options, add_store_options, store_of
from countermark.errors import ConfigurationError
from countermark.rollout._snapshot import OTHER, Group, GroupStats, Snapshot, text_of

if TYPE_CHECKING:
    from countermark.redis import RedisStore


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("rollout", help="report whether it is safe to enforce")
    parser.set_defaults(run=run)
    add_store_options(parser)
    parser.add_argument("--scheme", metavar="SLUG", help="this scheme only")
    parser.add_argument("--environment", metavar="ENV", help="this environment only; '' for none")
    parser.add_argument("--tenant", help="this tenant only, by its name in the report")
    add_readiness_options(parser)
    parser.add_argument(
        "--allowance",
        type=whole_number(0),
        metavar="N",
        help="the number of the Allowance in that store",
    )
    parser.add_argument(
        "--customers",
        metavar="FILE",
        help="a file with the ids of all customers (- for standard input): one in each line, or"
        " the first column of a CSV file. Only unverified requests of these and of principals that"
        " a key has proved count as reasons not to enforce",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument(
        "--html",
        metavar="FILE",
        help="write the report as a page for a browser to FILE (- for standard output). It loads"
        " nothing from elsewhere",
    )
    parser.add_argument(
        "--which-of",
        metavar="FILE",
        help="print the ids in FILE (- for standard input), one in each line, that had only"
        " unverified requests; with --html, write them on the page",
    )


def run(options: argparse.Namespace) -> int:
    """Print the report: 0 if it is safe to enforce, otherwise 1.

    Raises:
        ConfigurationError: The URL of Redis is missing or invalid, or options do not fit together.
        StoreUnavailable: Redis does not respond.
    """
    if options.json and options.which_of is not None:
        raise ConfigurationError("--which-of prints ids, not JSON; use it without --json")
    report, code = _report(options)
    if report:
        print(report)
    return code


def _report(options: argparse.Namespace) -> tuple[str, int]:
    from countermark.rollout._readiness import is_ready
    from countermark.rollout._redis_reader import read_snapshot
    from countermark.rollout._report import allowance_left, group_name
    from countermark.verifying._allowance import Allowance

    store = store_of(options)
    known = [] if options.customers is None else _first_column(options.customers)
    snapshot_of_all = read_snapshot(store, options.days, known=known)
    asked = tuple(figures for figures in snapshot_of_all.groups if _asked(options, figures))
    stranded = None
    if options.which_of is not None:
        # Not splitlines(), which also splits at characters that an id may contain.
        ids = read_text(options.which_of, "--which-of").split("\n")
        stranded = _stranded(options, store, asked, ids)
        if options.html is None:
            found = set().union(*stranded.values())
            return "\n".join(each for each in ids if each in found), 1 if found else 0
    chosen = tuple(figures for figures in asked if options.tenant in {None, figures.tenant})
    snapshot = Snapshot(snapshot_of_all.taken_at, snapshot_of_all.days, chosen)
    left: dict[Group, int] = {}
    if options.allowance is not None:
        left = allowance_left(Allowance(options.allowance, store=store), chosen)
    if not chosen and snapshot_of_all.groups:
        names = ", ".join(sorted({group_name(*each[:3]) for each in snapshot_of_all.groups}))
        sys.stderr.write(f"no request matches these options; the store has {names}\n")
    code = 0 if is_ready(snapshot, least=options.least) else 1
    return _in_form(options, snapshot, left, stranded), code


def _in_form(
    options: argparse.Namespace,
    snapshot: Snapshot,
    left: dict[Group, int],
    stranded: dict[Group, list[str]] | None,
) -> str:
    """Return the report to print, in the form that the options choose."""
    from countermark.rollout._page import as_html
    from countermark.rollout._report import as_dict, as_text

    if options.html is not None:
        page = as_html(snapshot, least=options.least, allowance_left=left, stranded=stranded)
        return _written(page, options.html)
    if options.json:
        return json.dumps(as_dict(snapshot, least=options.least, allowance_left=left), indent=2)
    return as_text(snapshot, least=options.least, allowance_left=left)


def _written(page: str, name: str) -> str:
    """Write the page and return the text to print: the page itself for the name ``-``."""
    if name == "-":
        return page.rstrip()
    try:
        Path(name).write_text(page, encoding="utf-8")
    except OSError as error:
        problem = type(error).__name__
    else:
        return ""
    raise ConfigurationError(f"the file of --html cannot be written ({problem})")


def _asked(options: argparse.Namespace, figures: GroupStats) -> bool:
    return (
        options.scheme in {None, figures.scheme}
        and options.environment in {None, figures.environment or ""}
        and (options.tenant is None or figures.tenant in {options.tenant, OTHER})
    )


def _stranded(
    options: argparse.Namespace, store: RedisStore, groups: tuple[GroupStats, ...], ids: list[str]
) -> dict[Group, list[str]]:
    """Return those of *ids* that had unverified requests only, by group."""
    from countermark.rollout._redis_reader import stranded_among

    found = {}
    for figures in groups:
        label = options.tenant or figures.tenant
        tenant = None if label is None else text_of(label)
        people = [(tenant, each) for each in ids]
        found[figures.group] = stranded_among(store, figures, people, options.days)
    if not all(figures.principals.exact for figures in groups):
        sys.stderr.write("there may be more; see the report for the reason\n")
    return found


def _first_column(name: str) -> list[str]:
    import csv

    content = read_text(name, "--customers")
    rows = csv.reader(content.split("\n"), strict=True)
    try:
        ids = [row[0].strip() for row in rows if row and row[0].strip()]
    except csv.Error:
        raise ConfigurationError(
            f"the file of --customers is not valid CSV at line {rows.line_num}; close its"
            " quotes, or write one id in each line"
        ) from None
    if not ids:
        raise ConfigurationError("the file of --customers contains no id; write one in each line")
    return ids

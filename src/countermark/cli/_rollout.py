"""``countermark rollout``: the counts in Redis, and if it is safe to enforce."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from countermark.cli._arguments import Commands, share, whole_number
from countermark.cli._inputs import read_text
from countermark.errors import ConfigurationError
from countermark.rollout._snapshot import MOST_DAYS, OTHER, Group, GroupStats, Snapshot, text_of

if TYPE_CHECKING:
    from countermark.redis import RedisStore

_VARIABLE = "COUNTERMARK_REDIS_URL"


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("rollout", help="report whether it is safe to enforce")
    parser.set_defaults(run=run)
    parser.add_argument(
        "--redis",
        metavar="URL",
        help=f"the URL of the meters' store. Set {_VARIABLE} instead if the URL has a password:"
        " other users of the machine can see command-line arguments",
    )
    parser.add_argument("--prefix", default="countermark:", help="the prefix of the store")
    parser.add_argument("--scheme", metavar="SLUG", help="this scheme only")
    parser.add_argument("--environment", metavar="ENV", help="this environment only; '' for none")
    parser.add_argument("--tenant", help="this tenant only, by its name in the report")
    parser.add_argument(
        "--days",
        type=whole_number(1, MOST_DAYS),
        default=7,
        help=f"whole days, in addition to today, up to {MOST_DAYS} (default: 7)",
    )
    parser.add_argument(
        "--least",
        type=share,
        default="99.9",
        help="the required percentage of verified requests (default: 99.9)",
    )
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
        "--which-of",
        metavar="FILE",
        help="print the ids in FILE (- for standard input), one in each line, that had only"
        " unverified requests",
    )


def run(options: argparse.Namespace) -> int:
    """Print the report: 0 if it is safe to enforce, otherwise 1.

    Raises:
        ConfigurationError: The URL of Redis is missing or invalid.
        StoreUnavailable: Redis does not respond.
    """
    report, code = _report(options)
    if report:
        print(report)
    return code


def _report(options: argparse.Namespace) -> tuple[str, int]:
    from countermark.redis import RedisStore
    from countermark.rollout._readiness import is_ready
    from countermark.rollout._redis_reader import read_snapshot
    from countermark.rollout._report import allowance_left, as_dict, as_text, group_name
    from countermark.verifying._allowance import Allowance

    url = options.redis or os.environ.get(_VARIABLE)
    if not url:
        raise ConfigurationError(f"no URL of Redis; pass --redis URL or set {_VARIABLE}")
    # A long timeout is fine, as no request waits for this.
    store = RedisStore(url, prefix=options.prefix, timeout=5)
    known = [] if options.customers is None else _first_column(options.customers)
    snapshot_of_all = read_snapshot(store, options.days, known=known)
    asked = tuple(figures for figures in snapshot_of_all.groups if _asked(options, figures))
    if options.which_of is not None:
        return _which_of(options, store, asked)
    chosen = tuple(figures for figures in asked if options.tenant in {None, figures.tenant})
    snapshot = Snapshot(snapshot_of_all.taken_at, snapshot_of_all.days, chosen)
    left: dict[Group, int] = {}
    if options.allowance is not None:
        left = allowance_left(Allowance(options.allowance, store=store), chosen)
    code = 0 if is_ready(snapshot, least=options.least) else 1
    if not chosen and snapshot_of_all.groups:
        names = ", ".join(sorted({group_name(*each[:3]) for each in snapshot_of_all.groups}))
        sys.stderr.write(f"no request matches these options; the store has {names}\n")
    if options.json:
        report = as_dict(snapshot, least=options.least, allowance_left=left)
        return json.dumps(report, indent=2), code
    return as_text(snapshot, least=options.least, allowance_left=left), code


def _asked(options: argparse.Namespace, figures: GroupStats) -> bool:
    return (
        options.scheme in {None, figures.scheme}
        and options.environment in {None, figures.environment or ""}
        and (options.tenant is None or figures.tenant in {options.tenant, OTHER})
    )


def _which_of(
    options: argparse.Namespace, store: RedisStore, groups: tuple[GroupStats, ...]
) -> tuple[str, int]:
    from countermark.rollout._redis_reader import stranded_among

    # Not splitlines(), which also splits at characters that an id may contain.
    ids = read_text(options.which_of, "--which-of").split("\n")
    found: set[str] = set()
    for figures in groups:
        label = options.tenant or figures.tenant
        tenant = None if label is None else text_of(label)
        people = [(tenant, each) for each in ids]
        found.update(stranded_among(store, figures, people, options.days))
    if not all(figures.principals.exact for figures in groups):
        sys.stderr.write("there may be more; see the report for the reason\n")
    return "\n".join(each for each in ids if each in found), 1 if found else 0


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

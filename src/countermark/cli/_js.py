"""``countermark js``: the module for the front end, and its types."""

from __future__ import annotations

import argparse
import sys

from countermark.cli._arguments import Commands


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "js",
        help="print the JavaScript for the front end, or write it",
        description="Print the module that starts and stops vendors' widgets as users sign in and"
        " out, or write it with its types for TypeScript. docs/session-life.md describes it.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--types", action="store_true", help="print the types for TypeScript")
    what.add_argument(
        "--out", metavar="DIR", help="write countermark.js and countermark.d.ts into this folder"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print one of the two files, or write both."""
    from countermark.frontend import declarations, module

    if options.out is None:
        print(declarations() if options.types else module(), end="")
        return 0
    from pathlib import Path

    folder = Path(options.out)
    try:
        for name, text in {"countermark.js": module(), "countermark.d.ts": declarations()}.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        print(f"cannot write into the folder of --out: {error.strerror}", file=sys.stderr)
        return 2
    return 0

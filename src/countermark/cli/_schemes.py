"""``countermark schemes``: all schemes, or the details of one."""

from __future__ import annotations

import argparse

from countermark.cli._arguments import Commands


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("schemes", help="list all schemes, or show one")
    parser.add_argument("slug", nargs="?", help="the scheme to show")
    parser.add_argument("--markdown", action="store_true", help="print the page docs/vendors.md")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the schemes."""
    from countermark.cli._scheme_pages import details, markdown, overview
    from countermark.schemes import Scheme, scheme_slugs

    if options.slug:
        print(details(Scheme.load(options.slug)))
    else:
        show = markdown if options.markdown else overview
        print(show(map(Scheme.load, scheme_slugs())))
    return 0

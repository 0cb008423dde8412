"""``countermark rotate``: the steps in which a scheme gets a new secret."""

from __future__ import annotations

import argparse
import textwrap

from countermark.cli._arguments import Commands
from countermark.cli._scheme_argument import add_scheme_argument

_EPILOG = """\
examples:
  countermark rotate stigg
  countermark rotate cognito-flow --environment live --watched
  countermark rotate webhook:standard-webhooks
"""

_WIDTH = 96


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "rotate",
        help="print the steps of replacing a secret",
        description="Print the steps in which a scheme gets a new secret, in an order in which no"
        " valid token is refused. Nothing is read or changed: no secret, no store, no vendor.",
        epilog=_EPILOG,
    )
    add_scheme_argument(parser, webhooks=True)
    parser.add_argument("--environment", metavar="ENV", help="the environment, such as live")
    parser.add_argument(
        "--watched",
        action="store_true",
        help="the services watch the files of their secrets (WatchedKeyring, watch=True), so they"
        " need no restart",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the steps.

    Raises:
        ConfigurationError: The scheme names no variable, or no secret of it is of the environment.
    """
    from countermark.cli._rotation_steps import rotation_of

    rotation = rotation_of(options.scheme, options.environment, watched=options.watched)
    print(f"{rotation.title}\n")
    for number, step in enumerate(rotation.steps(), 1):
        # Names of schemes and variables stay whole.
        print(
            textwrap.fill(
                f"{number}. {step}", _WIDTH, subsequent_indent="   ", break_on_hyphens=False
            )
        )
    for page in rotation.sources:
        print(f"\nHow the vendor replaces secrets: {page}")
    return 0

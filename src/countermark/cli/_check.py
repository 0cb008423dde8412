"""``countermark check``: the mistakes in the configuration of an application."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from countermark.check._findings import KINDS
from countermark.cli._arguments import Commands
from countermark.errors import ConfigurationError

if TYPE_CHECKING:
    from countermark.check._targets import Result

_EPILOG = """\
examples:
  countermark check shop.main:app
  countermark check 'shop.main:create_app()' --format=github
  countermark check shop.settings
  countermark check vendor.toml
  countermark check
"""

_NAME = r"[^\W\d]\w*"
_APPLICATION = rf"{_NAME}(\.{_NAME})*:{_NAME}(\.{_NAME})*(\(\))?"
_MODULE = rf"{_NAME}(\.{_NAME})*"


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "check",
        help="find mistakes in the configuration",
        description="Import an application, run nothing else of it, and print one line for each"
        " mistake in its configuration. The exit code is 1 if there is one.",
        epilog=_EPILOG,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="module:app, module:create_app(), a module of Django's settings, or a TOML file; by"
        " default the environment",
    )
    parser.add_argument(
        "--env", action="store_true", help="check the variables of all schemes as well"
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="CODE",
        type=_code,
        help="leave out the findings of this code; may be repeated",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--format", choices=["github"], help="print annotations of GitHub Actions")


def _code(text: str) -> str:
    """Return *text* if it is a code, or the id of a check of Django, for argparse."""
    if text not in KINDS and not text.startswith("countermark."):
        raise argparse.ArgumentTypeError(f"the codes are {', '.join(KINDS)}")
    return text


def run(options: argparse.Namespace) -> int:
    """Print a line for each finding: 0 if there is none, otherwise 1.

    Raises:
        ConfigurationError: There is nothing at the target that can be checked.
    """
    from countermark.check._output import as_annotations, as_json, as_text

    result = _result(options)
    for note in result.notes:
        sys.stderr.write(f"{note}\n")
    if options.json:
        print(as_json(result))
    elif options.format == "github":
        print(as_annotations(result), end="\n" if result.findings else "")
    else:
        print(as_text(result))
    return 1 if result.findings else 0


def _result(options: argparse.Namespace) -> Result:
    from countermark.check._targets import Result, check_environment

    parts = [] if options.target is None else [_of_target(options.target)]
    if options.env or options.target is None:
        parts.append(check_environment())
    # Both look for misspelled variables.
    distinct = dict.fromkeys(found for part in parts for found in part.findings)
    kept = [found for found in distinct if found.code not in options.ignore]
    return Result(
        sorted(kept, key=lambda found: found.severity),  # errors first
        [note for part in parts for note in part.notes],
        [use for part in parts for use in part.uses],
    )


def _of_target(target: str) -> Result:
    from countermark.check._targets import check_application, check_file, check_settings

    if target.endswith(".toml"):
        return check_file(target)
    if re.fullmatch(_APPLICATION, target):
        return check_application(target)
    if re.fullmatch(_MODULE, target):
        return check_settings(target)
    raise ConfigurationError(
        "give module:app, module:create_app(), a module of Django's settings, or a TOML file"
    )

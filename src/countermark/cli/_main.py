"""The ``countermark`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from countermark._redaction import guarded
from countermark.cli import _demo, _rollout, _schemes
from countermark.cli._arguments import Parser
from countermark.errors import CountermarkError

#: Each module has ``add_command``, which sets the function ``run``: it takes the options, prints
#: the result and returns the exit code, 1 for a finding.
_COMMANDS = (_demo, _schemes, _rollout)


def _parser() -> Parser:
    parser = Parser(prog="countermark", description="Sign the current user for front-end vendors.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in _COMMANDS:
        command.add_command(commands)
    return parser


@guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the pipe has gone. Python flushes the rest at exit: to the null device.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (CountermarkError, ImportError) as error:  # our own ImportErrors name the extra
        if isinstance(error, ModuleNotFoundError):
            raise
        print(error, file=sys.stderr)
        return 2
    return code

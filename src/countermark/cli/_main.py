"""The ``countermark`` command."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from countermark._redaction import guarded
from countermark.cli import (
    _check,
    _completion,
    _demo,
    _explain,
    _js,
    _keygen,
    _mode,
    _pseudonym,
    _request,
    _rollout,
    _rotate,
    _scan,
    _schemes,
    _sign,
    _verify,
)
from countermark.cli._arguments import Parser, Version
from countermark.errors import ConfigurationError, CountermarkError

#: Each module has ``add_command``, which sets the function ``run``: it takes the options, prints
#: the result and returns the exit code, 1 for a finding.
_COMMANDS = (
    _check,
    _demo,
    _schemes,
    _js,
    _sign,
    _verify,
    _explain,
    _request,
    _keygen,
    _rollout,
    _rotate,
    _mode,
    _pseudonym,
    _scan,
    _completion,
)

# As shells do for a process that the signal SIGINT ended.
_INTERRUPTED = 130


def command_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(prog="countermark", description="Sign the current user for front-end vendors.")
    parser.add_argument("--version", action=Version, help="print the version and exit")
    parser.set_defaults(parser=parser)
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in _COMMANDS:
        command.add_command(commands)
    return parser


@guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    if sys.stderr is None:  # print() would write to standard output instead
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    options = command_parser().parse_args(arguments)
    try:
        if sys.stdout is None:
            raise ConfigurationError("standard output is closed; redirect it to a file or a pipe")
        with _short_warnings():
            code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()  # the reader of the pipe has gone
        return 1
    except OSError as error:
        if error.filename is not None:
            raise
        _drop_output()
        print(f"the output cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (CountermarkError, ImportError) as error:  # our own ImportErrors name the extra
        if isinstance(error, ModuleNotFoundError):
            raise
        print(error, file=sys.stderr)
        return 2
    return code


def _drop_output() -> None:
    """Let Python flush the rest of the output to the null device when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Print warnings in one line, without the place in the code."""

    def show(message: Warning | str, *place: object, **more: object) -> None:
        print(f"warning: {message}", file=sys.stderr)

    before = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before

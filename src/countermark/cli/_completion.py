"""``countermark completion``: a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse
from typing import Any

from countermark.cli._arguments import Commands

#: The shells that shtab 1.9 supports.
_SHELLS = ("bash", "zsh", "fish", "tcsh")

_EPILOG = """\
examples:
  countermark completion bash > ~/.local/share/bash-completion/completions/countermark
  countermark completion zsh > ~/.zfunc/_countermark
  countermark completion fish > ~/.config/fish/completions/countermark.fish
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "completion",
        help="print a completion script for a shell",
        description="Print a script that completes commands, options and the names of schemes."
        " It needs pip install 'countermark[completion]'; the script itself starts no Python.",
        epilog=_EPILOG,
    )
    parser.add_argument("shell", metavar="SHELL", choices=_SHELLS, help=", ".join(_SHELLS))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the script.

    Raises:
        ImportError: The library shtab is not installed.
    """
    try:
        import shtab
    except ModuleNotFoundError as error:
        raise ImportError(
            "completion needs shtab: pip install 'countermark[completion]'", name=error.name
        ) from error
    _add_values(options.parser, shtab.FILE)
    print(shtab.complete(options.parser, options.shell))
    return 0


def _add_values(parser: argparse.ArgumentParser, file: Any) -> None:
    """Add the values to complete: the names of schemes, and the names of files."""
    from countermark.schemes import scheme_slugs

    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                _add_values(command, file)
        elif action.metavar == "SCHEME" or action.dest == "slug":
            action.choices = [*scheme_slugs(), *(["lint"] if action.dest == "slug" else [])]
        elif action.metavar == "FILE":
            action.complete = file  # type: ignore[attr-defined]

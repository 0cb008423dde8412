"""The parser of arguments, and the types of arguments."""

from __future__ import annotations

import re
import sys
from argparse import Action, ArgumentParser, ArgumentTypeError, HelpFormatter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from countermark._redaction import shown

if TYPE_CHECKING:
    from argparse import _SubParsersAction

#: The parser of the commands, to which each command adds its own.
Commands: TypeAlias = "_SubParsersAction[Parser]"


class _Formatter(HelpFormatter):
    """Fills paragraphs, and keeps the lines of examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class Parser(ArgumentParser):
    """A parser that does not repeat unknown arguments in its messages.

    An argument could be a secret, and the output of commands is often logged. An option has one
    spelling, so that a later option cannot change the meaning of a script.
    """

    _given: Sequence[str] = ()

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Formatter, allow_abbrev=False, **options)
        self.set_defaults(command=self)  # that of a command replaces that of the main parser

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments; unknown ones are an error of the command, which names its help."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            options.command.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments, and remember them for ``error``."""
        self._given = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print *message* in one line, and exit with code 2."""
        known = [word for action in self._actions for word in action.option_strings]
        known += [word for action in self._actions for word in action.choices or ()]
        given = {part for each in self._given for part in (each, *each.split("=", 1)) if part}
        # All in one pass, the longest first: an argument may contain another one.
        written = {form: part for part in given - {*known} for form in (repr(part), part)}
        forms = sorted(map(re.escape, written), key=len, reverse=True)
        if forms:
            pattern = rf"(?<![\w-])(?:{'|'.join(forms)})(?![\w-])"
            message = re.sub(pattern, lambda match: shown(written[match[0]], known), message)
        try:
            self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")
        except SystemExit as end:
            raise end from None  # its context quotes the argument


class Version(Action):
    """The option ``--version``. The version is looked up only if it is asked for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, parser: ArgumentParser, *given: object) -> NoReturn:
        from importlib.metadata import version

        print(version("countermark"))
        parser.exit()


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return the type of a whole number from *least* to *most*, for argparse."""
    needed = f"give a whole number from {least} " + ("on" if most is None else f"to {most}")

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ArgumentTypeError(needed) from None
        if number < least or (most is not None and number > most):
            raise ArgumentTypeError(needed)
        return number

    return read


def share(text: str) -> str:
    """Return *text* if it is a number from 0 to 100. As text it stays exact."""
    try:
        fits = 0 <= float(text) <= 100
    except ValueError:
        fits = False
    if not fits:
        raise ArgumentTypeError("give a number from 0 to 100")
    return text

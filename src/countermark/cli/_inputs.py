"""Texts that a command reads from a file or from standard input."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import BinaryIO

from countermark.errors import ConfigurationError


def content_of(name: str, option: str, options: Namespace, most: int) -> bytes:
    """Return the first *most* bytes of the file *name*, or of standard input for ``-``.

    Args:
        name: The name.
        option: The option that gave it, for messages.
        options: The options of the command, which may read the secret from the same place.
        most: The number of bytes.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    _check_distinct(name, option, options)
    with _errors_of(option), _opened(name) as file:
        return file.read(most)


def read_text(name: str, option: str) -> str:
    """Return the text of a file of UTF-8, with LF as its newlines, and without a mark at its start.

    The arguments and errors are as for ``content_of``.
    """
    with _errors_of(option), _opened(name) as file:
        return re.sub("\r\n?", "\n", file.read().decode("utf-8-sig"))


def lines_of(name: str, option: str, options: Namespace) -> Iterator[bytes]:
    """Return the lines of a file, without newlines, and without a mark at its start.

    The arguments are as for ``content_of``.
    """
    _check_distinct(name, option, options)
    return _lines(name, option)


def without_newline(line: bytes) -> bytes:
    """Return *line* without one newline at its end, as LF or CR LF."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _lines(name: str, option: str) -> Iterator[bytes]:
    # The errors of the caller's own work between two lines do not come through here.
    with _errors_of(option), _opened(name) as file:
        for number, line in enumerate(file):
            yield without_newline(line if number else line.removeprefix(BOM_UTF8))


def _check_distinct(name: str, option: str, options: Namespace) -> None:
    if name == "-" and options.secret_fd == 0:
        raise ConfigurationError(
            f"--secret-fd 0 and {option} both read standard input; use another descriptor"
        )


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    opened: AbstractContextManager[BinaryIO]
    if name != "-":
        opened = open(name, "rb")  # noqa: SIM115, PTH123  # closed below; may be /dev/fd/3
    elif sys.stdin is not None:
        opened = nullcontext(sys.stdin.buffer)
    else:
        raise ValueError  # the process began without it
    with opened as file:
        yield file


@contextmanager
def _errors_of(option: str) -> Iterator[None]:
    try:
        yield
        return
    except OSError as error:
        reason = error.strerror or "the input is not readable"
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except ValueError:  # a path with a NUL character, or a closed input
        reason = "there is no such input"
    raise ConfigurationError(
        f"the file of {option} cannot be read: {reason}; give a file of UTF-8 text"
    )

"""Texts that a command reads from a file or from standard input."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from countermark.errors import ConfigurationError


@contextmanager
def opened(name: str, option: str, options: Namespace) -> Iterator[BinaryIO]:
    """Open the file *name*, or standard input for ``-``, to read bytes.

    Args:
        name: The name.
        option: The option or argument that gave it, for messages.
        options: The options of the command, which may read the secret from the same place.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    if name == "-":
        if options.secret_fd == 0:
            raise ConfigurationError(
                f"--secret-fd 0 and {option} both read standard input; use another descriptor"
            )
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb")  # noqa: SIM115, PTH123  # closed below; a path may be /dev/fd/3
    except (OSError, ValueError) as error:  # a ValueError: the path has a NUL character
        reason = getattr(error, "strerror", None) or "the path is invalid"
    else:
        with file:
            yield file
        return
    raise ConfigurationError(f"the file of {option} cannot be read: {reason}; correct the path")


def without_newline(line: bytes) -> bytes:
    """Return *line* without one newline at its end, as LF or CR LF."""
    return line.removesuffix(b"\n").removesuffix(b"\r")

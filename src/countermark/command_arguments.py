"""What the arguments of commands must be, and how a wrong one is told."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number for argparse, from *least* to *most*."""
    needed = f"it is a whole number from {least} " + ("on" if most is None else f"to {most}")

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
    """Return *text* if it is a number from 0 to 100: the digits, which are exact."""
    try:
        fits = 0 <= float(text) <= 100
    except ValueError:
        fits = False
    if not fits:
        raise ArgumentTypeError("it is a number from 0 to 100")
    return text

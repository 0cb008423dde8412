"""Parses and describes how a vendor replaces a secret."""

from __future__ import annotations

from countermark.errors import InvalidScheme
from countermark.schemes._parts import Rotation
from countermark.schemes._tables import Table

OVERLAPS = ("both", "chosen", "grace", "none", "unknown")


def parse_rotation(secret: Table) -> Rotation:
    """Return the rotation that the table ``[secret.rotation]`` describes.

    Raises:
        InvalidScheme: A value is invalid, or two contradict each other.
    """
    given = secret.maybe("rotation", dict)
    if given is None:
        return Rotation()
    table = Table(f"{secret.where}: [rotation]", given)
    rotation = Rotation(
        overlap=table.choose("overlap", OVERLAPS, "unknown"),
        grace=table.maybe("grace", int),
        shown_once=table.take("shown_once", bool, default=False),
        source=table.texts("source"),
    )
    table.close()
    _check(rotation, table.where)
    return rotation


def describe_rotation(rotation: Rotation) -> str:
    """Return what becomes of the old secret, and how the new one is shown, in one line."""
    old = {
        "both": "the old secret stays valid until you remove it",
        "chosen": "the old secret stays valid until the time that you choose",
        "grace": f"the old secret stays valid for {rotation.grace} seconds",
        "none": "the old secret becomes invalid at once",
        "unknown": "not known how long the old secret stays valid",
    }[rotation.overlap]
    return f"{old}; a new one is shown a single time" if rotation.shown_once else old


def _check(rotation: Rotation, where: str) -> None:
    if (rotation.overlap == "grace") != (rotation.grace is not None):
        raise InvalidScheme(
            f'{where}: overlap = "grace" needs grace, in seconds, and the others take none; add'
            " or remove it"
        )
    if rotation.grace is not None and rotation.grace < 1:
        raise InvalidScheme(f"{where}: grace must be 1 or more; it is in seconds")
    if rotation.overlap == "unknown" and not rotation.shown_once:
        raise InvalidScheme(f"{where} states nothing; add overlap or shown_once, or leave it out")
    if not rotation.source:
        raise InvalidScheme(f"{where}: source is missing; add the pages that describe the rotation")

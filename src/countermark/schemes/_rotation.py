"""Parses and describes how a vendor replaces a secret."""

from __future__ import annotations

from countermark.schemes._parts import Rotation
from countermark.schemes._tables import Table

OVERLAPS = ("both", "chosen", "grace", "none", "unknown")


def parse_rotation(secret: Table) -> Rotation:
    """Return the rotation that the table ``[secret.rotation]`` describes."""
    if not secret.has("rotation"):
        return Rotation()
    table = secret.table("rotation")
    overlap, once = table.left.get("overlap", "unknown"), table.left.get("shown_once", False)
    if overlap in OVERLAPS and (overlap == "grace") != table.has("grace"):
        table.fault(
            'overlap = "grace" needs grace, in seconds, and the others take none; add or remove it',
            "grace",
        )
    if overlap == "unknown" and once is False:
        table.fault("states nothing; add overlap or shown_once, or leave it out")
    rotation = Rotation(
        overlap=table.choose("overlap", OVERLAPS, "unknown"),
        grace=table.whole("grace", 1),
        shown_once=table.take("shown_once", bool, default=False),
        source=table.texts("source", required=True),
    )
    table.close()
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

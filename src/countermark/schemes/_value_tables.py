"""Parses the tables ``[values.x]`` of a scheme to rules."""

from __future__ import annotations

from countermark.schemes._formats import TYPES, VALUE_KINDS
from countermark.schemes._parts import COMPUTED, PRINCIPAL_TEXTS
from countermark.schemes._tables import Table
from countermark.schemes._value_rules import ValueRule

CHARSETS = ("any", "ascii")
#: The keys that only a text can have.
TEXT_RULES = ("charset", "lower", "pattern", "refuse_prefixes", "refuse_containing", "apart_from")


def parse_rules(values: Table) -> dict[str, ValueRule]:
    """Return the rules of the table ``[values]``, by the names of the values."""
    for name in [name for name in values.left if name in COMPUTED]:
        del values.left[name]
        values.fault(f"{name} is computed; leave it out of [values]", name)
    tables = values.tables()
    for name in PRINCIPAL_TEXTS:
        if name in tables:
            _check_own_value(tables[name])
    return {name: _rule(table) for name, table in tables.items()}


def _check_own_value(table: Table) -> None:
    """Check the keys of a value that every principal can have."""
    if table.left.get("kind") in VALUE_KINDS[1:]:
        table.left["kind"] = VALUE_KINDS[0]
        table.fault("kind must be text; change or drop it", "kind")
    if "default" in table.left:
        del table.left["default"]
        table.fault("only attributes can have a default; drop it", "default")


def _rule(table: Table) -> ValueRule:
    if table.left.get("kind", "text") not in VALUE_KINDS:
        for key in ("default", "id_at"):  # they depend on the kind
            table.left.pop(key, None)
    kind = table.choose("kind", VALUE_KINDS, "text")
    _check_keys(table, kind)
    pattern = table.maybe("pattern", str)
    rule = ValueRule(
        kind=kind,
        default=table.data("default", TYPES[kind]),
        charset=table.choose("charset", CHARSETS, "any"),
        lower=table.take("lower", bool, default=False),
        refuse_prefixes=table.texts("refuse_prefixes"),
        refuse_containing=table.texts("refuse_containing"),
        apart_from=table.texts("apart_from"),
        id_at=table.take("id_at", str, ""),
        patterns=() if pattern is None else (pattern,),
    )
    table.close()
    return rule


def _check_keys(table: Table, kind: str) -> None:
    """Check the keys that depend on the kind and on each other."""
    if kind != "object" and "id_at" in table.left:
        table.fault('id_at is for kind = "object"; leave it out', "id_at")
    for key in TEXT_RULES if kind != "text" else ():
        if key in table.left:
            table.fault(f'only a text can have {key}; leave it out, or set kind = "text"', key)
    if table.left.get("apart_from") and not (
        table.left.get("refuse_prefixes") or table.left.get("refuse_containing")
    ):
        table.fault(
            "apart_from gives the reason of refuse_prefixes or refuse_containing; add one of them",
            "apart_from",
        )

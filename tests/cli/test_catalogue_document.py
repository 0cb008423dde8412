"""``countermark schemes --json``, and the page that defines how to read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import date
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from countermark import Scheme
from countermark.cli import main
from countermark.schemes import scheme_slugs
from countermark.schemes._formats import FORMATS, VALUE_KINDS
from countermark.schemes._parser import (
    ALGORITHMS,
    CONSTRUCTIONS,
    ENCODINGS,
    KEY_FORMS,
    PAYLOAD_ENCODINGS,
    PAYLOAD_FORMATS,
    TOKEN_ENCODINGS,
)
from countermark.schemes._value_tables import CHARSETS
from countermark.webhooks import WebhookScheme
from countermark.webhooks._scheme import webhook_scheme_slugs
from tests.schemes.mappings import SMALLEST, table_of

PAGE = (Path(__file__).parents[2] / "docs/catalogue-format.md").read_text(encoding="utf-8")


@pytest.fixture
def printed() -> str:
    # Not by capsys: the tests watch it for secrets, and published examples have some.
    with redirect_stdout(StringIO()) as output:
        assert main(["schemes", "--json"]) == 0
    return output.getvalue()


@pytest.fixture
def document(printed: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed)
    return found


def dated(table: dict[str, Any]) -> dict[str, Any]:
    return table | {"read": date.fromisoformat(table["read"])}


def test_the_document_names_its_versions_and_the_newest_reading(
    printed: str, document: dict[str, Any]
) -> None:
    assert printed.isascii()
    assert list(document) == ["format", "countermark", "read", "schemes", "webhooks"]
    assert document["format"] == 1
    assert "the version of the language, a whole number: 1 |" in PAGE
    assert document["countermark"] == version("countermark")
    newest = max(Scheme.load(slug).read or date.min for slug in scheme_slugs())
    newest = max(
        newest, *(WebhookScheme.load(slug).read or date.min for slug in webhook_scheme_slugs())
    )
    assert document["read"] == newest.isoformat()


def test_the_document_holds_every_scheme_and_webhook_format(document: dict[str, Any]) -> None:
    assert list(document["schemes"]) == scheme_slugs()
    for slug, table in document["schemes"].items():
        assert Scheme.from_mapping(dated(table) | {"slug": slug}) == Scheme.load(slug)
    assert list(document["webhooks"]) == webhook_scheme_slugs()
    for slug, table in document["webhooks"].items():
        assert WebhookScheme.from_mapping(dated(table) | {"slug": slug}) == WebhookScheme.load(slug)


def test_the_entries_have_the_order_of_the_files(document: dict[str, Any]) -> None:
    for slug, table in document["schemes"].items():
        read = json.dumps(table_of(slug), default=date.isoformat)
        assert json.dumps({"slug": slug, **table}) == read


def names_in(table: Any) -> Iterator[str]:
    for value in table.values() if isinstance(table, dict) else table:
        if isinstance(value, dict | list):
            yield from names_in(value)
    if isinstance(table, dict):
        yield from table


def test_no_entry_has_a_name_that_javascript_would_move(document: dict[str, Any]) -> None:
    assert not [name for name in names_in(document) if name.isdigit()]


def test_the_defaults_on_the_page_are_those_of_the_parser() -> None:
    rule = {"kind": "text", "charset": "any", "lower": False}
    rule |= {name: [] for name in ("refuse_prefixes", "refuse_containing", "apart_from")}
    explicit = {
        **SMALLEST,
        "mac": {**SMALLEST["mac"], "key": "text", "construction": "hmac"},
        "token": {"template": "{mac}", "encoding": "none"},
        "values": {"plan": rule},
        "fields": {},
    }
    assert Scheme.from_mapping(explicit) == Scheme.from_mapping(
        {**SMALLEST, "values": {"plan": {}}}
    )
    for line in (
        "| `[mac]`: `key`, `construction` | `text`, `hmac` |",
        "| `[token]`: `template` | `{mac}`; in a scheme with `[jwt]`, `{jwt}` |",
        "| `[token]`: `encoding` | `none` |",
        "| `[values.x]`: `kind`, `charset`, `lower` | `text`, `any`, `false` |",
        "| `refuse_prefixes`, `refuse_containing`, `apart_from`, `fields` | empty |",
    ):
        assert line in PAGE


def test_the_page_defines_every_word() -> None:
    words = [*FORMATS, *VALUE_KINDS, *CHARSETS, *ALGORITHMS, *KEY_FORMS, *CONSTRUCTIONS, *ENCODINGS]
    words += [*PAYLOAD_FORMATS, *PAYLOAD_ENCODINGS, *TOKEN_ENCODINGS]
    assert [word for word in words if f"`{word}`" not in PAGE] == []

"""The public API changes only with its table."""

from __future__ import annotations

from pathlib import Path

from tests.frameworks.django_project import start

start()

from tests.project.public_api import table  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs/api.md"


def test_the_table_of_the_public_api_is_that_of_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == table(), (
        "the public API has changed: if that is meant, write docs/api.md again and say so in"
        " CHANGELOG.md"
    )

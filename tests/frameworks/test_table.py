"""The table of the documentation is what a run of all cases shows."""

from __future__ import annotations

from pathlib import Path

import tests.frameworks.table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "frameworks.md"


def test_the_page_is_what_the_run_shows() -> None:
    assert tests.frameworks.table.table() == PAGE.read_text(encoding="utf-8"), (
        "run: python -m tests.frameworks.table > docs/frameworks.md"
    )

"""SECURITY.md names its tests: each is there, so that no promise loses its proof unseen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/*]+\.py|test_\w+\.py|test_\w+)`", PAGE)
SOURCES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}


@pytest.mark.parametrize("name", NAMED)
def test_a_named_test_is_there(name: str) -> None:
    if name.startswith("tests/"):
        assert list(ROOT.glob(name))
    elif name.endswith(".py"):
        assert [path for path in SOURCES if path.name == name]
    else:
        assert [path for path, text in SOURCES.items() if f"def {name}(" in text]


def test_every_promise_has_tests_and_limits() -> None:
    promises = re.split(r"^### \d+\. ", PAGE, flags=re.MULTILINE)[1:]
    assert len(promises) == 9
    for promise in promises[:3] + promises[5:]:
        assert "*Tests:*" in promise
        assert "*Limits" in promise


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\((docs/[^)#]+)", PAGE):
        assert (ROOT / target).is_file()

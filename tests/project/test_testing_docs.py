"""The page on testing: the tests that it shows pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = "pytester"

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
TESTS = [(code, code.count("\ndef test_")) for code in BLOCKS]


@pytest.mark.parametrize(("code", "count"), [pair for pair in TESTS if pair[1]], ids=range(5))
def test_the_tests_of_the_page_pass(code: str, count: int, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(code)
    ran = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:asyncio")
    ran.assert_outcomes(passed=count)


def test_the_page_has_tests_of_all_parts_and_a_server() -> None:
    assert [count for _, count in TESTS] == [2, 1, 1, 3, 2, 0]
    namespace: dict[str, Any] = {"__name__": "page"}
    exec(compile(BLOCKS[-1], PAGE.name, "exec", dont_inherit=True), namespace)
    assert callable(namespace["edge"])


def test_the_page_names_all_fixtures() -> None:
    import _countermark_pytest

    fixtures = [name for name in vars(_countermark_pytest) if name.startswith("countermark_")]
    assert len(fixtures) == 6
    assert [name for name in fixtures if f"| `{name}` |" not in PAGE.read_text("utf-8")] == []

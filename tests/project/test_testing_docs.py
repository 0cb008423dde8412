"""The page on testing: the tests that it shows pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def run(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, PAGE.name, "exec", dont_inherit=True), namespace)
    return namespace


@pytest.mark.parametrize(
    ("number", "test"),
    [
        (number, test)
        for number, code in enumerate(BLOCKS)
        for test in re.findall(r"^def (test_\w+)", code, re.MULTILINE)
    ],
)
def test_the_tests_of_the_page_pass(number: int, test: str) -> None:
    run(BLOCKS[number])[test]()


def test_the_page_has_tests_of_both_stand_ins_and_a_server() -> None:
    counts = [code.count("\ndef test_") for code in BLOCKS]
    assert counts == [3, 2, 0]
    assert callable(run(BLOCKS[2])["edge"])

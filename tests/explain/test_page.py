"""docs/explain.md lists every mistake, and its code and its command run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from countermark.explain import MISTAKES
from tests.cli.commands import Command

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def blank(text: str) -> str:
    return re.sub(r"\{[a-z]+\}", "…", text)


def test_each_mistake_has_a_row_in_its_section() -> None:
    for mistake in MISTAKES.values():
        row = f"| `{mistake.code}` | {blank(mistake.happened)} | {blank(mistake.change)} |"
        anchor = mistake.page.rpartition("#")[2]
        (section,) = (part for part in PAGE.split("\n## ") if row in part)
        assert section.partition("\n")[0].lower().replace(" ", "-") == anchor
    assert PAGE.count("\n| `") == len(MISTAKES) + 4  # of the option explain=


def test_the_code_runs() -> None:
    exec(compile("\n".join(BLOCKS), "explain.md", "exec"), {"__name__": "page"})


def test_the_command_prints_what_the_page_shows(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = PAGE.partition("```console\n")[2].partition("```")[0]
    write, run, *printed = console.splitlines()
    (token,) = re.findall(r"printf '%s' '(.*)' > ", write)
    (secret, scheme) = re.findall(r"SECRET=(\S+) countermark explain (\S+) <", run)[0]
    monkeypatch.setenv("STIGG_SIGNING_SECRET", secret)
    assert command("explain", scheme, stdin=token.encode()).out.splitlines() == printed

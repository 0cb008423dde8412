"""The JavaScript of the module, in Node with stand-ins for the page, its clock and other tabs."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from countermark.frontend import module

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.mjs"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the module and its tests; the module is a file that Node imports."""
    folder = tmp_path_factory.mktemp("module")
    for file in FILES:
        shutil.copy(file, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "countermark.js").write_text(module(), encoding="utf-8")
    return folder


def run(*command: str, cwd: Path) -> str:
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_syntax_is_valid(need_binary: Callable[[str], str], folder: Path) -> None:
    run(need_binary("node"), "--check", "countermark.js", cwd=folder)


def test_it_follows_users_and_time_and_all_of_it_is_tested(
    need_binary: Callable[[str], str], folder: Path
) -> None:
    tests = [file.name for file in FILES if file.name.endswith(".test.mjs")]
    options = ["--experimental-test-coverage", "--test-reporter=tap", "--test"]
    out = run(need_binary("node"), *options, *tests, cwd=folder)
    assert re.search(r"^# fail 0$", out, re.MULTILINE)
    (row,) = re.findall(r"^# +(?:.*/)?countermark\.js +\|(.*)$", out, re.MULTILINE)
    assert [cell.strip() for cell in row.split("|")] == ["100.00", "100.00", "100.00", ""], out


def test_importing_it_outside_a_page_does_nothing(
    need_binary: Callable[[str], str], folder: Path
) -> None:
    code = 'import { refresh } from "./countermark.js"; await refresh(); console.log("done");'
    out = run(need_binary("node"), "--input-type=module", "--eval", code, cwd=folder)
    assert out == "done\n"


def test_it_is_small_and_stores_nothing() -> None:
    text = module()
    assert len(gzip.compress(text.encode())) < 2800
    code = re.sub(r"(^|\s)//.*", "", text)
    assert not re.search(r"[sS]torage|cookie|indexedDB|caches|eval|innerHTML|import", code)

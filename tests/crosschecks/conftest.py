"""The vendors' JavaScript, and random principals."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "node"
_ALPHABETS = (
    "0123456789",
    "abcdefABCDEF0123456789-",
    "".join(map(chr, range(0x21, 0x7F))),
    "aé ß用户Ω😀.-_",
)


@pytest.fixture(scope="session")
def node(need_binary: Callable[[str], str]) -> Callable[..., Any]:
    """Return a function that gives one job to the script and returns its result."""
    program = need_binary("node")
    need_binary("npm")
    assert (FOLDER / "node_modules").exists(), f"run npm install in {FOLDER.name}"

    def run(name: str, **job: Any) -> Any:
        ran = subprocess.run(
            [program, "sign.cjs"],
            cwd=FOLDER,
            input=json.dumps({name: job}),
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return json.loads(ran.stdout)[name]

    return run


@pytest.fixture
def texts() -> Callable[[int], list[str]]:
    """Return a function that makes random texts, as a principal keeps them: with single spaces."""

    def make(count: int) -> list[str]:
        made: list[str] = []
        while len(made) < count:
            alphabet = random.choice(_ALPHABETS)
            text = "".join(random.choices(alphabet, k=random.randint(1, 60)))
            made += filter(None, [" ".join(text.split())])
        return made

    return make

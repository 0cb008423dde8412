"""Checks the current page of a browser with axe-core, which npm installs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

AXE = Path(__file__).parent / "axe/node_modules/axe-core/axe.min.js"
RUN_AXE = """
const done = arguments[0];
axe.run({rules: {"target-size": {enabled: true}}}).then(({violations}) => done(violations.map(
  ({id, nodes}) => `${id}: ${nodes.map(({html}) => html).join(" ")}`)));
"""


def barriers(driver: Any) -> list[str]:
    """Return what axe-core finds on the current page."""
    if not AXE.exists():
        assert not os.environ.get("CI"), "run npm install in tests/integration/axe"
        pytest.skip("axe-core is not installed")
    driver.execute_script(AXE.read_text(encoding="utf-8"))
    found: list[str] = driver.execute_async_script(RUN_AXE)
    return found

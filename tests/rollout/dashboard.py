"""Reads the Grafana dashboard of the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "docs/examples/grafana/rollout.json"


def dashboard() -> dict[str, Any]:
    """Return the dashboard as it is imported."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def expressions() -> dict[str, str]:
    """Return the PromQL of each panel by its title."""
    return {panel["title"]: panel["targets"][0]["expr"] for panel in dashboard()["panels"]}


def filled_in(expression: str, values: Mapping[str, str]) -> str:
    """Return an expression as Grafana sends it, with the values of the variables."""
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], expression)

"""The public API changes only with its table."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import countermark
from tests.frameworks.django_project import start

start()

from tests.project.public_api import MODULES, table  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs/api.md"


def test_the_table_of_the_public_api_is_that_of_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == table(), (
        "the public API has changed: if that is meant, write docs/api.md again and say so in"
        " CHANGELOG.md"
    )


def test_every_public_module_is_in_the_table() -> None:
    modules = {module.name for module in pkgutil.iter_modules(countermark.__path__)}
    public = {name for name in modules if not name.startswith("_")}
    in_table = {name.split(".")[1] for name in MODULES if "." in name}
    assert public - in_table == {"check", "cli", "demo", "mistakes", "tokens"}, (
        "add the module to MODULES"
    )

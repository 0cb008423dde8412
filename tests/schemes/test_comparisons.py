"""The things that the catalogue says its schemes are compared with exist."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from countermark import Scheme
from countermark.schemes import scheme_slugs
from countermark.webhooks._scheme import WebhookScheme, webhook_scheme_slugs

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
SCHEMES = {slug: Scheme.load(slug) for slug in scheme_slugs()}
WEBHOOKS = {slug: WebhookScheme.load(slug) for slug in webhook_scheme_slugs()}
ALL: list[Scheme | WebhookScheme] = [*SCHEMES.values(), *WEBHOOKS.values()]

#: Files that compare the front end alone, or none in particular.
OTHER = {"__init__.py", "conftest.py", "test_browser_sdks.py", "test_frontend_types.py"}
OF_WEBHOOKS = {
    *TESTS.glob("crosschecks/test_webhook_*.py"),
    *TESTS.glob("webhooks/test_*_library.py"),
}
OF_SCHEMES = {
    path for path in TESTS.glob("crosschecks/*.py") if path.name not in OTHER
} - OF_WEBHOOKS  # fmt: skip


def named_in(files: Iterable[Path], slugs: Iterable[str]) -> set[str]:
    """Return the *slugs* that are texts of the *files*."""
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    return {*slugs} & {node.value for node in nodes if isinstance(node, ast.Constant)}


def installed() -> set[str]:
    """Return the packages that the tests install, as ``npm name`` and ``PyPI name``."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    texts = [each for name in ("tests", "crosschecks") for each in groups[name]]
    names = [re.split(r"[<>=!;\[ ]", each)[0] for each in texts if isinstance(each, str)]
    package = json.loads((TESTS / "crosschecks/node/package.json").read_text())
    return {f"PyPI {name}" for name in names} | {f"npm {name}" for name in package["dependencies"]}


def of_packages(schemes: Iterable[Scheme | WebhookScheme]) -> set[str]:
    """Return the slugs of *schemes* that are compared with a package."""
    return {
        scheme.slug
        for scheme in schemes
        if any(not each.startswith("repo ") for each in scheme.compared_with)
    }


def test_the_schemes_that_the_crosschecks_name_are_those_with_a_package() -> None:
    assert named_in(OF_SCHEMES, SCHEMES) == of_packages(SCHEMES.values())
    assert named_in(OF_WEBHOOKS, WEBHOOKS) == of_packages(WEBHOOKS.values())


def test_the_packages_are_installed_by_the_tests() -> None:
    packages = {each for scheme in ALL for each in scheme.compared_with}
    assert {each for each in packages if not each.startswith("repo ")} <= installed()


@pytest.mark.parametrize("scheme", ALL, ids=repr)
def test_the_code_of_a_repository_has_made_an_example(scheme: Scheme | WebhookScheme) -> None:
    origins = " ".join(vector.origin for vector in scheme.vectors)
    assert all(each in origins for each in scheme.compared_with if each.startswith("repo "))


@pytest.mark.parametrize("scheme", ALL, ids=repr)
def test_an_example_says_who_published_it(scheme: Scheme | WebhookScheme) -> None:
    known = r"published by (the vendor|another library)|made |cross-checked "
    assert all(re.match(known, vector.origin) for vector in scheme.vectors)

"""Nothing is found in the example applications of the documentation."""

from __future__ import annotations

import pytest

from tests.check.conftest import SECRET, Check
from tests.check.test_broken_applications import run_in_a_process

EXAMPLES = {
    "bottle": "create_app()",
    "falcon": "create_app()",
    "fastapi": "app",
    "flask": "create_app()",
    "litestar": "create_app()",
    "pyramid": "create_app()",
    "quart": "create_app()",
    "starlette": "app",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_found_in_an_example(
    name: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    monkeypatch.setenv("SECRET_KEY", "of the sessions")
    monkeypatch.setenv("SESSION_SECRET", "of the sessions")
    outcome = check(f"docs.examples.{name}.app:{EXAMPLES[name]}")
    assert (outcome.code, outcome.findings, outcome.err) == (0, [], "")


def test_nothing_is_found_in_the_example_of_django() -> None:
    outcome = run_in_a_process("docs.examples.django.app:application", STIGG_SIGNING_SECRET=SECRET)
    assert (outcome.code, outcome.findings, outcome.err) == (0, [], "")

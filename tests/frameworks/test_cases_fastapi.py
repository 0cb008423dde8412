"""The common cases in FastAPI: with a resolver, and with a dependency that knows the user."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.frameworks.cases import CASES, Case, expected, look
from tests.frameworks.driver_fastapi import DIFFERENT, DIFFERENT_BY_DEPENDENCY, make_driver

# What a dependency raises is the application's own error, with no page at all.
FOUND = [case for case in CASES if not isinstance(case.principal, Exception)]
ADDED = make_driver()
AROUND = make_driver(around=True)
BY_DEPENDENCY = make_driver(by_dependency=True)
BY_DEPENDENCY_AROUND = make_driver(by_dependency=True, around=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_added_as_middleware(case: Case) -> None:
    assert look(ADDED, case) == replace(expected(case), **DIFFERENT.get(case.name, {}))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_around_the_application_nothing_is_different(case: Case) -> None:
    assert look(AROUND, case) == expected(case)


@pytest.mark.parametrize("case", FOUND, ids=lambda case: case.name)
def test_the_dependency_that_loads_the_user_identifies_them(case: Case) -> None:
    wanted = replace(expected(case), **DIFFERENT_BY_DEPENDENCY.get(case.name, {}))
    assert look(BY_DEPENDENCY, case) == wanted


def test_who_a_dependency_identified_shows_on_the_error_page_from_outside() -> None:
    (case,) = [case for case in CASES if case.name == "unhandled error"]
    assert look(BY_DEPENDENCY_AROUND, case) == expected(case)

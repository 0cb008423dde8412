"""The common cases in Starlette: added as middleware and around all, on both event loops."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.frameworks.cases import CASES, Case, expected, look
from tests.frameworks.driver_starlette import DIFFERENT, make_driver

ADDED = {"asyncio": make_driver("asyncio"), "trio": make_driver("trio")}
AROUND = make_driver(around=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("backend", ADDED)
def test_added_as_middleware(backend: str, case: Case) -> None:
    wanted = replace(expected(case), **DIFFERENT.get(case.name, {}))
    assert look(ADDED[backend], case) == wanted


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_around_the_application_nothing_is_different(case: Case) -> None:
    assert look(AROUND, case) == expected(case)

"""The cases of all frameworks, in those that need no module of ours."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from tests.frameworks import (
    driver_bottle,
    driver_falcon,
    driver_litestar,
    driver_pyramid,
    driver_quart,
)
from tests.frameworks.cases import CASES, Case, expected, look

DRIVERS = [driver_bottle, driver_falcon, driver_litestar, driver_pyramid, driver_quart]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("module", DRIVERS, ids=lambda module: module.driver.name)
def test_a_case_shows_what_it_shows_in_every_framework(module: ModuleType, case: Case) -> None:
    assert look(module.driver, case) == replace(
        expected(case), **module.DIFFERENT.get(case.name, {})
    )

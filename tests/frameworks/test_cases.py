"""The common cases in each framework whose driver has one application."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.frameworks.cases import CASES, Case, expected, look
from tests.frameworks.table import MODULES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("name", MODULES)
def test_a_case_shows_what_it_shows_in_every_framework(name: str, case: Case) -> None:
    module = MODULES[name]
    wanted = replace(expected(case), **module.DIFFERENT.get(case.name, {}))
    assert look(module.driver, case) == wanted

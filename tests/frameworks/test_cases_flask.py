"""The cases of all frameworks, in Flask."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.frameworks.cases import CASES, Case, expected, look
from tests.frameworks.driver_flask import DIFFERENT, driver


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_shows_what_it_shows_in_every_framework(case: Case) -> None:
    assert look(driver, case) == replace(expected(case), **DIFFERENT.get(case.name, {}))

"""The common cases in Django, under WSGI and ASGI, with a plain and an async resolver."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.frameworks.cases import CASES, Case, Driver, expected, look
from tests.frameworks.driver_django import DIFFERENT, RESOLVER, ASGIDriver, WSGIDriver, driver

ASYNC = RESOLVER.replace("resolve", "aresolve")
DRIVERS = {
    "wsgi": driver,
    "asgi": ASGIDriver(),
    "wsgi, async resolver": WSGIDriver(ASYNC),
    "asgi, async resolver": ASGIDriver(ASYNC),
}


@pytest.mark.parametrize("where", DRIVERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(where: str, case: Case) -> None:
    asked: Driver = DRIVERS[where]
    assert look(asked, case) == replace(expected(case), **DIFFERENT.get(case.name, {}))

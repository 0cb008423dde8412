"""What several files of tests behind both protocols use."""

from __future__ import annotations

import pytest

from tests.verifying.protocols import ASGI, WSGI, Protocol


@pytest.fixture(params=[ASGI, WSGI], ids=["asgi", "wsgi"])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    chosen: Protocol = request.param
    return chosen

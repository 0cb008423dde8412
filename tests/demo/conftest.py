"""The demo in the process of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from countermark.demo.asgi_app import create_app

URL = "http://127.0.0.1"


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A client that sends the header Origin, as browsers do with forms."""
    with TestClient(create_app(), base_url=URL, headers={"Origin": URL}) as client:
        yield client

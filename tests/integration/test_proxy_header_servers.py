"""No server lets a client name a trusted proxy as its own address, and be believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.proxy_apps import CLAIMED, HEADER
from tests.integration.proxy_servers import ASGI, WSGI, command
from tests.integration.servers import fetch, free_port, running

APPS = "tests.integration.proxy_apps"

#: What a client writes to have its address replaced.
ATTACKS: list[dict[str, str]] = [
    {},
    {"X-Forwarded-For": CLAIMED},
    {"X-Forwarded-For": f"{CLAIMED}, {CLAIMED}"},
    {"X-Forwarded-For": f"{CLAIMED}:8080"},
    {"X-Forwarded-For": f"{CLAIMED}:00_8080"},
    {"X-Forwarded-For": f"[::ffff:{CLAIMED}]:8080"},
    {"X-Forwarded-For": CLAIMED, "X-Forwarded-Port": "8080"},
    {"X-Forwarded-For": ""},
    {"X-Forwarded-For": "[]"},
    {"Forwarded": f"for={CLAIMED}"},
    {"Forwarded": f'for="{CLAIMED}:8080"'},
    {"Forwarded": 'for="1\\0.9.8.7"'},
    {"X-Real-IP": CLAIMED},
    {"CF-Connecting-IP": CLAIMED},
]


@pytest.fixture(scope="module", params=[*ASGI, *WSGI])
def attacked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Return the address of a server that a client reaches without a proxy."""
    port, log = free_port(), tmp_path_factory.mktemp("server") / "log"
    with running(command(request.param, APPS, "attacked", port), port, Path(log)) as address:
        yield address


@pytest.mark.parametrize("headers", ATTACKS, ids=str)
def test_a_client_cannot_claim_the_address_of_a_proxy(
    attacked: str, headers: dict[str, str]
) -> None:
    reply = fetch(attacked, headers={HEADER: "ceo", **headers})
    assert reply.status < 500
    assert b"ceo" not in reply.body
    assert "stigg-customer-token" not in reply.headers

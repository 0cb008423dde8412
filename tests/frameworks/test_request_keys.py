"""No resolver can be made for a key under which a framework keeps what the client wrote."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark import ConfigurationError
from countermark.resolvers import from_environ, from_session, from_state, from_user
from countermark.resolvers._places import CERTIFICATE, ENVIRON, SESSIONS, USERS
from tests.drivers import http_scope
from tests.frameworks.request_keys import (
    ASGI,
    BODY,
    HEADERS,
    MARK,
    PATH,
    WSGI,
    arecording,
    recording,
)


def assert_refused(keys: list[str]) -> None:
    for key in set(keys):
        place, _, entry = key.partition("state:")
        if not place and entry:
            with pytest.raises(ConfigurationError):
                from_state(entry)
            continue
        if key != "state":  # read by entry, each of which is above
            with pytest.raises(ConfigurationError):
                from_environ(key)
            with pytest.raises(ConfigurationError):
                from_user(key=key)
            with pytest.raises(ConfigurationError):
                from_session("user", session=key)


@pytest.mark.parametrize("framework", WSGI)
def test_every_key_with_request_data_is_refused_under_wsgi(framework: str) -> None:
    keys: list[str] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": PATH,
        "QUERY_STRING": f"q={MARK}",
        "CONTENT_LENGTH": str(len(BODY)),
        "wsgi.input": BytesIO(BODY.encode()),
        **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in HEADERS.items()},
        "CONTENT_TYPE": HEADERS["Content-Type"],
    }
    setup_testing_defaults(environ)
    recording(WSGI[framework](), keys)(environ, lambda *_: None)
    assert {"PATH_INFO", "QUERY_STRING", "HTTP_COOKIE", "wsgi.input"} <= set(keys)
    assert_refused(keys)


@pytest.mark.parametrize("framework", ASGI)
def test_every_key_with_request_data_is_refused_under_asgi(framework: str) -> None:
    keys: list[str] = []
    scope = http_scope(
        method="POST",
        path=PATH,
        raw_path=PATH.encode(),
        query_string=f"q={MARK}".encode(),
        headers=[(name.lower().encode(), value.encode()) for name, value in HEADERS.items()],
        state={},
    )
    messages = [{"type": "http.request", "body": BODY.encode(), "more_body": False}]

    async def receive() -> Any:
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        pass

    asyncio.run(arecording(ASGI[framework](), keys)(scope, receive, send))
    assert {"path", "query_string", "headers"} <= set(keys)
    assert_refused(keys)


@given(st.text(max_size=20))
def test_what_is_not_known_is_refused_whatever_its_name(key: str) -> None:
    for make, known in (
        (from_environ, ENVIRON),
        (lambda key: from_user(key=key), USERS),
        (lambda key: from_session("user", session=key), SESSIONS),
    ):
        for name in (key, f"HTTP_{key}", f"REDIRECT_{key}", f"REQUEST_{key}"):
            if name not in known:
                with pytest.raises(ConfigurationError):
                    make(name)


def test_the_known_keys_are_these() -> None:
    assert {"REMOTE_USER", "countermark.user_id"} == ENVIRON - CERTIFICATE
    assert {"session", "beaker.session"} == SESSIONS
    assert {"user", "countermark.user"} == USERS

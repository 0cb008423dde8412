"""The receiver: a service that accepts requests with a valid token alone."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from countermark import ConfigurationError, Keyring, Signer
from countermark.testing import Receiver, tampered
from tests import drivers
from tests.conftest import SECRET

RING = Keyring(SECRET)


def ask(receiver: Receiver, token: str, **headers: str) -> Any:
    sent = {receiver.token_header: token, **headers}
    return TestClient(receiver).get("/any/path", headers=sent)


def test_a_valid_token_is_accepted_and_any_other_one_refused() -> None:
    receiver, token = Receiver("stigg", RING), Signer("stigg", RING).sign("user-1")
    assert ask(receiver, token).json() == {"principal_id": "user-1"}
    assert ask(receiver, tampered(token)).status_code == 401
    assert TestClient(receiver).post("/").status_code == 401
    codes = [(verdict.code, verdict.admitted) for verdict in receiver.verdicts]
    assert codes == [("verified", True), ("mismatch", False), ("missing", False)]


def test_the_id_comes_in_a_header_if_the_token_does_not_contain_it() -> None:
    receiver, token = Receiver("cognito-flow", RING), Signer("cognito-flow", RING).sign("user-1")
    headers = {receiver.id_header: "user-1"}
    assert ask(receiver, token, **headers).json() == {"principal_id": "user-1"}
    assert ask(receiver, token, **{receiver.id_header: "user-2"}).status_code == 401


def test_in_the_mode_monitor_each_request_is_answered() -> None:
    receiver = Receiver("stigg", RING, mode="monitor")
    answer = ask(receiver, "HMAC-SHA256")
    assert (answer.status_code, answer.json()) == (200, {"principal_id": None})
    assert not receiver.verdicts[0].verified


def test_a_scheme_that_an_id_alone_does_not_prove_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="a token is for more than an id"):
        Receiver("acquire", RING)


def test_only_http_is_served() -> None:
    receiver = Receiver("stigg", RING)
    with pytest.raises(WebSocketDisconnect), TestClient(receiver).websocket_connect("/"):
        raise NotImplementedError
    assert drivers.request(receiver, drivers.http_scope(type="lifespan")) == []

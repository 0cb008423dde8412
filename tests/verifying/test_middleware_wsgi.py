"""Verifying under WSGI: the environ, the body, what servers make of headers."""

from __future__ import annotations

from typing import Any
from wsgiref.validate import validator

import pytest

from countermark import wsgi
from countermark.verifying import Allowance, from_query
from tests.drivers import Environ, call, wsgi_answer
from tests.verifying.protocols import (
    ASGI,
    FLOW_SIGNER,
    FLOW_VERIFIER,
    GOOD,
    HEADER,
    SIGNER,
    VERIFIER,
    environ_of,
)

TOKEN = (HEADER, GOOD.encode())
ORIGIN = (b"origin", b"https://app.example")
ASKED = (b"access-control-request-method", b"PUT")


class Unreadable:
    """A body that must not be read."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"wsgi.input.{name} was used")


def statuses(app: Any, *requests: list[tuple[bytes, bytes]]) -> list[str]:
    return [call(app, **environ_of(headers)).starts[0][0] for headers in requests]


def test_the_body_is_not_read() -> None:
    app = wsgi.VerifyingMiddleware(wsgi_answer(), verifier=VERIFIER, mode="enforce")
    for headers in ([], [TOKEN]):
        environ = environ_of(headers, method="POST")
        assert call(app, **environ, **{"wsgi.input": Unreadable()}).body


def test_the_iterable_of_the_application_is_returned_unchanged() -> None:
    body = iter([b"a", b"b"])

    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [])
        return body

    middleware = wsgi.VerifyingMiddleware(app, verifier=VERIFIER, mode="enforce")
    assert call(middleware, **environ_of([TOKEN])).body is body


@pytest.mark.parametrize("mode", ["off", "monitor", "enforce"])
def test_earlier_content_of_the_environ_is_replaced(mode: Any) -> None:
    seen: list[Any] = []
    app = wsgi.VerifyingMiddleware(
        wsgi_answer(
            before=lambda e: seen.append((e[wsgi.VERIFIED_IDENTITY_KEY], e[wsgi.VERDICT_KEY]))
        ),
        verifier=VERIFIER,
        mode=mode,
    )
    forged = {wsgi.VERIFIED_IDENTITY_KEY: "admin", wsgi.VERDICT_KEY: "verified"}
    for headers in ([], [TOKEN]):
        call(app, **environ_of(headers), **forged)
    assert len(seen) == (1 if mode == "enforce" else 2)
    for identity, verdict in seen:
        assert "admin" not in (identity, verdict)
        assert verdict != "verified"


def test_no_header_can_be_the_key() -> None:
    environ = environ_of([(b"countermark.verified_identity", b"admin")])
    assert wsgi.VERIFIED_IDENTITY_KEY not in environ
    assert wsgi.VERDICT_KEY not in environ


def test_if_applied_twice_both_check_and_the_application_sees_the_inner_one() -> None:
    seen: list[Any] = []
    inner = wsgi.VerifyingMiddleware(
        wsgi_answer(before=lambda environ: seen.append(environ[wsgi.VERIFIED_IDENTITY_KEY])),
        verifier=FLOW_VERIFIER,
        token="X-Signature",
        claimed_id=from_query("id"),
        mode="enforce",
    )
    outer = wsgi.VerifyingMiddleware(inner, verifier=VERIFIER, mode="enforce")
    signature = (b"x-signature", FLOW_SIGNER.sign("user-2").encode())
    found = []
    for headers in ([TOKEN, signature], [TOKEN], [signature]):
        result = call(outer, **environ_of(headers, query=b"id=user-2"))
        found.append(result.starts[0][0])
    assert found == ["200 OK", "401 Unauthorized", "401 Unauthorized"]
    assert [(each.scheme, each.principal_id) for each in seen] == [("cognito-flow", "user-2")]


def test_signing_and_verifying_go_together() -> None:
    signing = wsgi.SigningMiddleware(wsgi_answer(), signers=SIGNER, principal=lambda _: "user-1")
    app = wsgi.VerifyingMiddleware(signing, verifier=VERIFIER, mode="enforce")
    assert call(app, **environ_of([TOKEN])).header("Stigg-Customer-Token") == GOOD


def test_the_middleware_conforms_to_wsgi() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    middleware = wsgi.VerifyingMiddleware(
        validator(app), verifier=VERIFIER, mode="enforce", origins=["https://app.example"],
        allowance=Allowance(1),
    )  # fmt: skip
    checked = validator(middleware)
    requests = [([TOKEN, ORIGIN], "GET"), ([ORIGIN], "GET"), ([ORIGIN], "GET"), ([TOKEN], "GET")]
    requests += [([ORIGIN], "HEAD"), ([ORIGIN, ASKED], "OPTIONS")]
    found = []
    for headers, method in requests:
        environ = environ_of(headers, method=method)
        result = call(checked, **environ)
        found.append(result.starts[0][0])
        assert isinstance(b"".join(result.body), bytes)
        result.body.close()  # type: ignore[attr-defined]
    assert found == [
        "200 OK", "200 OK", "401 Unauthorized", "403 Forbidden", "401 Unauthorized",
        "204 No Content",
    ]  # fmt: skip


def test_an_allowance_counts_under_wsgi() -> None:
    app = wsgi.VerifyingMiddleware(
        wsgi_answer(), verifier=VERIFIER, mode="enforce", allowance=Allowance(1)
    )
    assert statuses(app, [], []) == ["200 OK", "401 Unauthorized"]


def test_both_protocols_refuse_with_the_same_words() -> None:
    app = wsgi.VerifyingMiddleware(wsgi_answer(), verifier=VERIFIER, mode="enforce")
    result = call(app, **environ_of([]))
    headers = {name.lower(): value for name, value in result.headers}
    assert headers == ASGI().headers


def test_the_middleware_keeps_nothing_of_a_request() -> None:
    app = wsgi.VerifyingMiddleware(wsgi_answer(), verifier=VERIFIER, mode="enforce")
    before = dict(vars(app))
    statuses(app, [TOKEN], [])
    assert vars(app) == before

"""Webhooks under WSGI: bodies of known and unknown length, and what servers call things."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any

import pytest

from countermark.wsgi import WebhookMiddleware
from tests.conftest import Events
from tests.drivers import Environ, WSGIAnswer, call, wsgi_answer
from tests.webhooks.fake_store import Store
from tests.webhooks.samples import (
    BODY,
    SECRET,
    Delivery,
    base64,
    cognito,
    github,
    mac,
    stigg,
    verifier,
)

GOOD = verifier("stigg")


def environ_of(delivery: Delivery, **changes: Any) -> Environ:
    path, _, query = delivery.path.partition("?")
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in delivery.headers.items()
    }
    return {
        "REQUEST_METHOD": delivery.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(delivery.body)),
        "wsgi.input": BytesIO(delivery.body),
        **headers,
        **changes,
    }


def deliver(app: Any, delivery: Delivery, **changes: Any) -> WSGIAnswer:
    return call(app, **environ_of(delivery, **changes))


def status(found: WSGIAnswer) -> int:
    return int(found.starts[-1][0].split()[0])


class Handler:
    """An application that notes its environs and bodies, and answers with *statuses*."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.environs: list[Environ] = []
        self.bodies: list[bytes] = []

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        self.environs.append(environ)
        self.bodies.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        start_response(self.statuses.pop(0) if self.statuses else "200 OK", [("X-A", "b")])
        return [b"o", b"k"]


# Verified


def test_the_application_gets_the_delivery_as_it_came(events: Events) -> None:
    handler = Handler()
    found = deliver(WebhookMiddleware(handler, verifier=GOOD, on_event=events), stigg())
    assert (status(found), b"".join(found.body)) == (200, b"ok")
    assert handler.bodies == [BODY]
    verified = handler.environs[0]["countermark.verified_webhook"]
    assert (verified.scheme, verified.delivery_id) == ("stigg", "evt-1")
    assert [(event.name, event.scheme) for event in events] == [("verified", "webhook:stigg")]


class Slow(BytesIO):
    """A body that comes byte by byte."""

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0
        return super().read(1)


def test_the_body_may_come_in_parts() -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, duplicates="deliver")
    for more in ({}, {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}):
        found = deliver(app, stigg(), **{"wsgi.input": Slow(BODY), **more})
        assert status(found) == 200
    assert handler.bodies == [BODY, BODY]


def test_no_more_is_read_than_the_content_length() -> None:
    stream = BytesIO(BODY + b"the next request")
    assert status(deliver(WebhookMiddleware(Handler(), verifier=GOOD), stigg(), **{
        "wsgi.input": stream
    })) == 200  # fmt: skip
    assert stream.read() == b"the next request"


def test_a_chunked_body_is_passed_on_with_its_length() -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD)
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    environ = environ_of(stigg(), **chunked)
    del environ["CONTENT_LENGTH"]
    assert status(call(app, **environ)) == 200
    assert handler.bodies == [BODY]
    assert handler.environs[0]["CONTENT_LENGTH"] == str(len(BODY))
    assert "HTTP_TRANSFER_ENCODING" not in handler.environs[0]


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"RAW_URI": "/hooks?x=1", "PATH_INFO": "/other"},
        {"REQUEST_URI": "/hooks?x=1", "PATH_INFO": "/other"},
        {"REQUEST_URI": "http://a.example:80/hooks?x=1", "PATH_INFO": "/other"},
        {"SCRIPT_NAME": "/hooks", "PATH_INFO": ""},
    ],
)
def test_the_path_that_is_signed_is_the_one_that_was_sent(raw: dict[str, str]) -> None:
    app = WebhookMiddleware(wsgi_answer(), verifier=verifier("cognito"))
    assert status(deliver(app, cognito(), **raw)) == 200
    wrong = {name: value.replace("hooks", "hook") for name, value in raw.items()}
    wrong = wrong or {"PATH_INFO": "/hook"}
    assert status(deliver(app, cognito(), **wrong)) == 401


def test_a_decoded_path_is_percent_encoded_again() -> None:
    app = WebhookMiddleware(wsgi_answer(), verifier=verifier("cognito"))
    for path, decoded in (("/caf%C3%A9%20a", "/caf\xc3\xa9 a"), ("/a:b@c,d;e=f", "/a:b@c,d;e=f")):
        signed = cognito_at(path)
        assert status(deliver(app, signed, PATH_INFO=decoded, QUERY_STRING="")) == 200


def cognito_at(path: str) -> Delivery:
    plain = cognito()
    lines = [f"(request-target): post {path}", f"date: {plain.headers['Date']}"]
    lines += [f"digest: {plain.headers['Digest']}"]
    return cognito(signature=base64(mac(SECRET.encode(), "\n".join(lines).encode())))


def test_content_type_and_length_can_be_signed() -> None:
    plain = cognito()
    covered = "(request-target) date digest content-type"
    lines = [f"(request-target): post {plain.path}", f"date: {plain.headers['Date']}"]
    lines += [f"digest: {plain.headers['Digest']}", "content-type: application/json"]
    signature = base64(mac(SECRET.encode(), "\n".join(lines).encode()))
    signed = cognito(headers=covered, signature=signature)
    app = WebhookMiddleware(wsgi_answer(), verifier=verifier("cognito"))
    assert status(deliver(app, signed, CONTENT_TYPE="application/json")) == 200
    assert status(deliver(app, signed, CONTENT_TYPE="text/plain")) == 401
    assert status(deliver(app, signed)) == 401


# Refused


def test_an_invalid_delivery_is_refused_with_a_reason(events: Events) -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, on_event=events)
    found = deliver(app, stigg(secret="wrong"))
    assert (found.starts[0][0], handler.environs) == ("401 Unauthorized", [])
    (body,) = found.body
    assert json.loads(body)["type"] == "urn:countermark:problem:webhook_mismatch"
    assert found.header("Cache-Control") == "no-store"
    assert found.header("WWW-Authenticate") is not None
    assert [(event.name, event.reason) for event in events] == [("refused", "mismatch")]
    assert deliver(app, stigg(secret="wrong"), REQUEST_METHOD="HEAD").body == [b""]
    # How servers join two headers.
    twice = deliver(app, github(), HTTP_STIGG_WEBHOOKS_SECRET=f"{SECRET},{SECRET}")
    assert (status(twice), events[-1].reason) == (401, "ambiguous")


class Unread:
    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the body was read")


@pytest.mark.parametrize("delivery", [github(), cognito()])
def test_another_body_than_was_signed_is_refused(delivery: Delivery, events: Events) -> None:
    handler = Handler()
    scheme = "github" if "X-GitHub-Delivery" in delivery.headers else "cognito"
    app = WebhookMiddleware(handler, verifier=verifier(scheme), on_event=events)
    found = deliver(app, delivery._replace(body=b"{}"))
    assert (status(found), handler.environs) == (401, [])
    assert [(event.name, event.reason) for event in events] == [
        ("refused", "mismatch" if scheme == "github" else "digest_mismatch")
    ]


@pytest.mark.parametrize("headers", [{}, stigg(secret="wrong").headers])
def test_a_delivery_without_a_valid_secret_is_refused_before_the_body_is_read(
    headers: dict[str, str],
) -> None:
    app = WebhookMiddleware(Handler(), verifier=GOOD)
    assert status(deliver(app, Delivery(headers), **{"wsgi.input": Unread()})) == 401


@pytest.mark.parametrize("length", ["11", "99999999999999999999", "-1", "+5", "١", "1_0", " 5"])
def test_a_body_with_too_large_a_content_length_is_not_read(length: str) -> None:
    app = WebhookMiddleware(Handler(), verifier=GOOD, max_body=10)
    found = deliver(app, stigg(), CONTENT_LENGTH=length, **{"wsgi.input": Unread()})
    assert status(found) == 413
    assert found.header("WWW-Authenticate") is None


def test_a_body_of_unknown_length_is_read_up_to_the_limit() -> None:
    app = WebhookMiddleware(Handler(), verifier=GOOD, max_body=10)
    ended: dict[str, Any] = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    assert status(deliver(app, stigg(), **ended, **{"wsgi.input": BytesIO(b"1" * 10)})) == 200
    stream = BytesIO(b"1" * 99)
    assert status(deliver(app, stigg(), **ended, **{"wsgi.input": stream})) == 413
    assert stream.tell() == 11


class Torn:
    """The body of a sender who has gone, with servers that say so."""

    def read(self, size: int = -1) -> bytes:
        raise OSError("request data read error")


@pytest.mark.parametrize(
    "half",
    [
        {"CONTENT_LENGTH": str(len(BODY) + 1)},
        {"wsgi.input": Torn()},
        {"CONTENT_LENGTH": "", "wsgi.input_terminated": True, "wsgi.input": Torn()},
    ],
)
def test_an_incomplete_body_is_refused_without_an_event(
    half: dict[str, Any], events: Events
) -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, on_event=events)
    found = deliver(app, stigg(), **half)
    assert (status(found), list(events), handler.environs) == (400, [], [])


def test_a_body_without_a_length_is_empty_unless_it_is_chunked() -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD)
    for length in ("", "0"):
        found = deliver(app, stigg(), CONTENT_LENGTH=length, **{"wsgi.input": Unread()})
        assert (status(found), handler.bodies.pop()) == (200, b"")
    found = deliver(app, stigg(), CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")
    assert status(found) == 411


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        ("/hooks", True),
        ("/hooks/", True),
        ("//hooks/a", True),
        ("/hook", False),
        ("", False),
        ("hooks", True),
        ("x:hooks", True),
        ("*", True),
        ("/hooks\n", True),
        ("/ho\xffoks", True),
        ("/ho\xc3oks/a", True),
        ("/\xe2\x82hooks", True),
        ("/HOOKS", True),
    ],
)
def test_which_paths_are_verified(path: str, covered: bool) -> None:
    app = WebhookMiddleware(wsgi_answer(), verifier=GOOD, paths="/hooks")
    found = deliver(app, Delivery({}), PATH_INFO=path)
    assert status(found) == (401 if covered else 200)


def test_non_ascii_paths_are_verified() -> None:
    app = WebhookMiddleware(wsgi_answer(), verifier=GOOD, paths="/é")
    assert status(deliver(app, Delivery({}), PATH_INFO="/\xc3\xa9")) == 401
    assert status(deliver(app, Delivery({}), PATH_INFO="/\xe9")) == 200
    assert status(deliver(app, Delivery({}), PATH_INFO="/€x")) == 200  # from an odd driver


# Duplicates


def test_a_delivery_is_passed_on_until_it_is_handled(events: Events) -> None:
    handler = Handler("500 Oops", "404 Not Found", "204 No Content")
    app = WebhookMiddleware(handler, verifier=GOOD, on_event=events)
    assert [status(deliver(app, stigg())) for _ in range(5)] == [500, 404, 204, 200, 200]
    assert len(handler.environs) == 3
    assert len(events.named("duplicate")) == 2


def test_a_delivery_is_handled_again_after_an_exception_and_the_response_is_closed() -> None:
    closed: list[int] = []
    reached: list[int] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"a"
            if len(reached) < 3:
                raise RuntimeError("half way")

        def close(self) -> None:
            closed.append(1)

    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        reached.append(1)
        if len(reached) == 1:
            raise RuntimeError("at once")
        start_response("200 OK", [])
        return Body()

    wrapped = WebhookMiddleware(app, verifier=GOOD)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            deliver(wrapped, stigg())
    assert deliver(wrapped, stigg()).body == [b"a"]
    assert deliver(wrapped, stigg()).body == [b""]
    assert (len(reached), len(closed)) == (3, 2)


def test_an_error_that_replaces_a_success_is_a_failure(events: Events) -> None:
    def app(environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])
        start_response("500 Oops", [], (None, None, None))
        return [b""]

    wrapped = WebhookMiddleware(app, verifier=GOOD, on_event=events)
    found = deliver(wrapped, stigg())
    assert [len(start) for start in found.starts] == [2, 3]
    deliver(wrapped, stigg())
    assert events.named("duplicate") == []


def test_of_two_attempts_at_once_one_is_handled_and_the_other_is_retried() -> None:
    inner: list[WSGIAnswer] = []

    def app(environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        inner.append(deliver(wrapped, stigg()))
        start_response("200 OK", [])
        return [b""]

    wrapped = WebhookMiddleware(app, verifier=GOOD)
    assert status(deliver(wrapped, stigg())) == 200
    assert [status(found) for found in inner] == [503]
    assert inner[0].header("Retry-After") == "5"


def test_without_an_id_the_response_is_not_read() -> None:
    given = [b"ok"]

    def app(environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])
        return given

    assert deliver(WebhookMiddleware(app, verifier=GOOD), stigg(b"{}")).body is given


def test_when_unavailable_decides_while_the_store_is_unavailable() -> None:
    store: Any = Store(1, 2, 3)
    handler = Handler()
    for policy, expected in (("fail_open", 200), ("fail_closed", 503)):
        app = WebhookMiddleware(handler, verifier=GOOD, store=store, when_unavailable=policy)  # type: ignore[arg-type]
        assert status(deliver(app, stigg())) == expected
    assert len(handler.environs) == 1

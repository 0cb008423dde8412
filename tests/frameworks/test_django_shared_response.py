"""A view may return one response object to several requests: each gets the token of its user."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from tests.frameworks.cases import SECRET, signers
from tests.frameworks.django_project import start

start()

from django.http import (  # noqa: E402
    FileResponse,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.template import engines  # noqa: E402
from django.template.response import SimpleTemplateResponse  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402

from countermark import Keyring  # noqa: E402
from countermark.django.middleware import SigningMiddleware  # noqa: E402
from tests.frameworks.django_project.people import person  # noqa: E402

TOKEN = "Stigg-Customer-Token"
STIGG = signers()[0]
USERS = [f"user-{number}" for number in range(8)]


def ask(middleware: Any, user: str) -> Any:
    request = RequestFactory().get("/")
    request.user = person(user)
    return middleware(request)


@pytest.mark.parametrize("headers", [{}, {"Cache-Control": "no-cache"}, {"Vary": "Accept"}])
@pytest.mark.parametrize("read", [False, True], ids=["header", "body"])
def test_requests_that_are_sent_at_once_carry_their_own_tokens(
    headers: dict[str, str], read: bool
) -> None:
    shared = HttpResponse("the same object for all", headers=headers)
    before = dict(shared.headers)
    all_have_passed = Barrier(len(USERS))

    def view(request: Any) -> HttpResponse:
        if read:
            request.countermark.payload()
        return shared

    def serve(user: str) -> bool:
        """Serve a request, as an outer middleware that waits for all the others."""
        response = ask(middleware, user)
        all_have_passed.wait(timeout=30)
        return bool(response.headers.get(TOKEN) == STIGG.sign(user))

    with override_settings(COUNTERMARK={"SIGNERS": {"stigg": {"keyring": Keyring(SECRET)}}}):
        middleware = SigningMiddleware(view)
        with ThreadPoolExecutor(len(USERS)) as pool:
            for _ in range(20):
                assert all(pool.map(serve, USERS))
    assert dict(shared.headers) == before


def template() -> SimpleTemplateResponse:
    made = engines["django"].from_string("rendered")
    return SimpleTemplateResponse(made, {"a": 1}).render()


@pytest.mark.parametrize(
    ("make", "body"),
    [
        (lambda: HttpResponse("text", status=201, reason="Made", charset="latin-1"), b"text"),
        (lambda: JsonResponse({"a": 1}), b'{"a": 1}'),
        (lambda: StreamingHttpResponse(iter([b"a", b"b"])), b"ab"),
        (lambda: FileResponse(io.BytesIO(b"file"), filename="a.txt"), b"file"),
        (template, b"rendered"),
    ],
    ids=["text", "json", "stream", "file", "template"],
)
def test_the_response_keeps_everything_but_its_headers(make: Any, body: bytes) -> None:
    original = make()
    original.set_cookie("a", "1")
    closed: list[bool] = []
    original._resource_closers.append(lambda: closed.append(True))
    with override_settings(COUNTERMARK={"SIGNERS": {"stigg": {"keyring": Keyring(SECRET)}}}):
        response = ask(SigningMiddleware(lambda request: original), "user-1")
    assert type(response) is type(original)
    assert {**vars(response), "headers": 0} == {**vars(original), "headers": 0}
    assert TOKEN not in original.headers
    assert response.headers[TOKEN] == STIGG.sign("user-1")
    assert b"".join(response) == body
    response.close()
    assert closed == [True]


def test_a_cookie_that_an_outer_middleware_sets_is_in_no_other_response() -> None:
    shared = HttpResponse("the same object for all")
    shared.set_cookie("theme", "dark")
    with override_settings(COUNTERMARK={"SIGNERS": {"stigg": {"keyring": Keyring(SECRET)}}}):
        middleware = SigningMiddleware(lambda request: shared)
        responses = []
        for user in USERS:
            response = ask(middleware, user)
            response.set_cookie("sessionid", f"of-{user}")
            responses.append(response)
    for user, response in zip(USERS, responses, strict=True):
        assert {name: morsel.value for name, morsel in response.cookies.items()} == {
            "theme": "dark",
            "sessionid": f"of-{user}",
        }
    assert list(shared.cookies) == ["theme"]

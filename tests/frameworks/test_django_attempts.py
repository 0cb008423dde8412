"""An outer middleware may pass one request on twice, for instance to try again after a 503."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import markcoroutinefunction

from tests.frameworks.cases import SECRET
from tests.frameworks.django_project import start

start()

from django.contrib.auth.middleware import AuthenticationMiddleware  # noqa: E402
from django.core.exceptions import SynchronousOnlyOperation  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402
from django.utils.functional import SimpleLazyObject  # noqa: E402

from countermark import Keyring  # noqa: E402
from countermark.django.middleware import SigningMiddleware  # noqa: E402
from tests.conftest import Events  # noqa: E402
from tests.frameworks.django_project.people import person  # noqa: E402

TOKEN = "Stigg-Customer-Token"


def new_request() -> Any:
    request = RequestFactory().get("/")
    request.user = person("user-1")
    return request


def check(response: Any) -> None:
    assert response.content.decode() == response.headers[TOKEN]
    assert response.headers["Cache-Control"] == "private, no-store"


@pytest.fixture(autouse=True)
def settings() -> Any:
    with override_settings(COUNTERMARK={"SIGNERS": {"stigg": {"keyring": Keyring(SECRET)}}}):
        yield


@pytest.mark.parametrize("raises", [False, True], ids=["503", "exception"])
def test_the_second_attempt_is_signed_and_closed(raises: bool) -> None:
    attempts = []

    def view(request: Any) -> Any:
        attempts.append(request)
        if len(attempts) == 1:
            if raises:
                raise RuntimeError("try again")
            return HttpResponse(status=503)
        return HttpResponse(request.countermark["stigg"].token)

    middleware, request = SigningMiddleware(view), new_request()
    if raises:
        with pytest.raises(RuntimeError):
            middleware(request)
    else:
        assert middleware(request).status_code == 503
    check(middleware(request))


@pytest.mark.asyncio
async def test_the_second_attempt_is_signed_and_closed_in_an_event_loop() -> None:
    attempts = []

    async def view(request: Any) -> Any:
        attempts.append(request)
        if len(attempts) == 1:
            return HttpResponse(status=503)
        await request.countermark.load()
        return HttpResponse(request.countermark["stigg"].token)

    middleware = SigningMiddleware(markcoroutinefunction(view))
    request = new_request()

    async def auser() -> Any:
        return request.user

    request.auser = auser
    assert (await middleware(request)).status_code == 503
    check(await middleware(request))


@pytest.mark.asyncio
async def test_without_token_headers_an_async_page_is_closed_without_a_false_failure() -> None:
    asked = []

    async def view(request: Any) -> Any:
        await request.countermark.load()
        return HttpResponse(request.countermark["stigg"].token)

    events = Events()
    request = new_request()

    def get_user() -> Any:
        raise SynchronousOnlyOperation("asked for in the event loop")

    get_user.__module__ = AuthenticationMiddleware.__module__
    request.user = SimpleLazyObject(get_user)

    async def auser() -> Any:
        asked.append(True)
        return person("user-1")

    request.auser = auser
    signers = {"stigg": {"keyring": Keyring(SECRET), "header": None}}
    with override_settings(COUNTERMARK={"SIGNERS": signers, "ON_EVENT": events}):
        response = await SigningMiddleware(markcoroutinefunction(view))(request)
    assert asked
    assert response.headers["Cache-Control"] == "private, no-store"
    assert events.named("failed") == []
    assert request.countermark["stigg"].principal_id == "user-1"

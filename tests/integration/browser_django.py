"""The pages of the browser tests with Django: its sessions, its users, its conditional views.

One process serves all settings, which Django has for a process alone; so requests
take turns.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

from tests.frameworks.django_project import start

start()

from django.contrib.auth import login, logout  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.http import HttpResponse, HttpResponseNotModified, StreamingHttpResponse  # noqa: E402
from django.test import override_settings  # noqa: E402
from django.urls import include, path  # noqa: E402

from tests.frameworks.django_project import settings  # noqa: E402
from tests.frameworks.django_project.people import person  # noqa: E402
from tests.integration.browser_pages import (  # noqa: E402
    KEYRING,
    KEYS,
    PAGES,
    SETTINGS,
    html,
    matches,
    parts,
)

CONDITIONAL = "django.middleware.http.ConditionalGetMiddleware"


def user_of_key(request: Any) -> str | None:
    return KEYS.get(request.headers.get("Authorization", ""))


def show(request: Any, body: str, name: str) -> Any:
    page = PAGES[name]
    if matches(page, {key.lower(): value for key, value in request.headers.items()}):
        return HttpResponseNotModified(headers=page.headers)

    def text() -> str:
        signed = request.countermark.get("stigg") if body == "shown" else None
        return html(signed.token if signed else None)

    if not page.streamed:
        return HttpResponse(text(), status=page.status, headers=page.headers)
    content = (part for _ in "1" for part in parts(text())) if page.late else parts(text())
    return StreamingHttpResponse(content, status=page.status, headers=page.headers)


def sign_in(request: Any, user: str) -> Any:
    logout(request)
    if user != "nobody":
        login(request, person(user))
    headers = {"Cache-Control": "no-store"}
    return HttpResponse("<!doctype html><title>signed in</title>", headers=headers)


urlpatterns = [
    path("sign-in/<str:user>", sign_in),
    path("signatures", include("countermark.django.urls")),
    path("<str:body>/<str:name>", show),
]


def middleware(setting: str) -> list[str]:
    found = [*settings.MIDDLEWARE]
    if setting.startswith("outer"):
        found.insert(0, CONDITIONAL)
    elif setting == "inner":
        found.append(CONDITIONAL)
    return found


def countermark(setting: str) -> dict[str, Any]:
    options = {"keyring": KEYRING, **({"header": None} if setting == "state" else {})}
    found: dict[str, Any] = {"SIGNERS": {"stigg": options}}
    if "cache_control" in SETTINGS[setting]:
        found["CACHE_CONTROL"] = SETTINGS[setting]["cache_control"]
    if setting.startswith("bearer"):
        found["RESOLVER"] = user_of_key
    return found


override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"]).enable()
_handlers: dict[str, Any] = {}
_given = {setting: countermark(setting) for setting in SETTINGS}
for _setting in SETTINGS:
    with override_settings(MIDDLEWARE=middleware(_setting), COUNTERMARK=_given[_setting]):
        _handlers[_setting] = WSGIHandler()
_turn = Lock()
_overrides: list[Any] = []  # the one that is in force, with the name of its setting


def _use(setting: str) -> None:
    """Put the settings of the middleware into force, unless they are."""
    if not _overrides or _overrides[0] != setting:
        if _overrides:
            _overrides[1].disable()
        _overrides[:] = setting, override_settings(COUNTERMARK=_given[setting])
        _overrides[1].enable()


def app(environ: Any, start_response: Any) -> Any:
    setting, _, rest = environ["PATH_INFO"].strip("/").partition("/")
    if setting == "sign-in":
        setting, rest = "default", f"sign-in/{rest}"
    if setting not in SETTINGS:  # such as /favicon.ico
        start_response("404 Not Found", [])
        return []
    environ["PATH_INFO"] = f"/{rest}"
    with _turn:
        _use(setting)
        return _handlers[setting](environ, start_response)

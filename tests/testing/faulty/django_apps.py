"""Faults in applications of Django and Django REST framework."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tests.frameworks.django_project import start

start()

from django.http import HttpResponse, HttpResponseNotModified, JsonResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import include, path, re_path  # noqa: E402
from django.views import View  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework.viewsets import ViewSet  # noqa: E402

from countermark.django import identity_from  # noqa: E402
from tests.testing.faulty import STIGG, Faulty, id_with, password_of  # noqa: E402

#: The settings for all these applications; each needs ``ROOT_URLCONF``.
SETTINGS: dict[str, Any] = {
    "COUNTERMARK": {"SIGNERS": [STIGG], "RESOLVER": f"{__name__}.session_user"},
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "countermark.django.middleware.SigningMiddleware",
    ],
}


def session_user(request: Any) -> Any:
    return request.session.get("user")


def sign_in(request: Any) -> HttpResponse:
    user = id_with(request.POST.get("password"))
    if user is None:
        return HttpResponse(status=403)
    request.session["user"] = user
    return HttpResponse()


def sign_out(request: Any) -> HttpResponse:
    request.session.flush()
    return HttpResponse()


def log_in(client: Any, user: str) -> None:
    assert client.post("/sign-in", {"password": password_of(user)}).status_code == 200


def log_out(client: Any) -> Any:
    return client.post("/sign-out")


def urlconf(*patterns: Any) -> tuple[Any, ...]:
    """Return the patterns for the setting ``ROOT_URLCONF``."""
    return (*patterns, path("sign-in", sign_in), path("sign-out", sign_out))


# The payload of the first user is kept.


@lru_cache(maxsize=8)
def remembered(scheme: str, first: Any) -> str:
    return str(first.get(scheme) and first[scheme].token)


class Once:
    """An identity that equals all others, so that a cache mixes them up."""

    def __init__(self, identity: Any) -> None:
        self.identity = identity

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return True

    def __getitem__(self, scheme: str) -> Any:
        return self.identity[scheme]

    def get(self, scheme: str) -> Any:
        return self.identity.get(scheme)


def memoised(request: Any) -> HttpResponse:
    return HttpResponse(f"<p data-token='{remembered('stigg', Once(identity_from(request)))}'>")


# The view signs what the request says.


class Support(View):  # type: ignore[misc]
    """A form with which a user asks for help."""

    def post(self, request: Any, pk: str) -> HttpResponse:
        if session_user(request):
            identity_from(request).identify(request.POST.get("customer_id", session_user(request)))
        return JsonResponse(identity_from(request).payload())


def support(request: Any) -> HttpResponse:
    """Show the same form, as a function."""
    if request.method == "POST":
        return Support().post(request, "1")
    return HttpResponse("form")


class Profiles(ViewSet):  # type: ignore[misc]
    """Shows any profile, with its token."""

    authentication_classes: tuple[Any, ...] = ()

    def retrieve(self, request: Any, pk: str) -> Response:
        if session_user(request):
            identity_from(request).identify(pk)
        return Response(identity_from(request).payload())

    def list(self, request: Any) -> Response:
        if session_user(request):
            asked = request.query_params.get("show-as", session_user(request))
            identity_from(request).identify(asked)
        return Response(identity_from(request).payload())


PROFILE = Profiles.as_view({"get": "retrieve"})


PROFILES = Profiles.as_view({"get": "list"})


class Acting(APIView):  # type: ignore[misc]
    """Lets a header say who the user is."""

    authentication_classes: tuple[Any, ...] = ()

    def get(self, request: Any) -> Response:
        if session_user(request):
            user = request.headers.get("X-Acting-For", session_user(request))
            identity_from(request).identify(user)
        return Response(identity_from(request).payload())


# A token on a 304.


def unchanged(request: Any) -> HttpResponse:
    signed = identity_from(request).get("stigg")
    if "If-None-Match" in request.headers:
        return HttpResponseNotModified(headers={"X-Token": signed.token if signed else "-"})
    return HttpResponse("page", headers={"ETag": '"1"', "Cache-Control": "no-store"})


def faulty(client: Callable[[], Any], *message: str) -> Faulty:
    return Faulty(client, log_in, message, log_out)


#: The applications by name: their routes, and the fault.
CASES: dict[str, tuple[tuple[Any, ...], Faulty]] = {
    "a memoised function": (
        urlconf(path("", memoised)), faulty(Client, "GET /, requested by 'ben'", "of 'ann'")
    ),
    "a field of a form": (
        urlconf(re_path(r"^help/(?P<pk>[0-9]+)/$", Support.as_view())),
        faulty(Client, "POST /help/1/, requested by 'ann'", "    customer_id=user-2"),
    ),
    "a view set": (
        urlconf(path("api/", include([path("profiles/<pk>/", PROFILE)]))),
        faulty(APIClient, "GET /api/profiles/user-2/, requested by 'ann'", "of 'ben'"),
    ),
    "an action of a view set": (
        urlconf(path("api/profiles", PROFILES)),
        faulty(APIClient, "    GET /api/profiles?show-as=user-2\n", "requested by 'ann'"),
    ),
    "a function that looks at the method": (
        urlconf(path("support", support)),
        faulty(Client, "POST /support, requested by 'ann'", "    customer_id=user-2"),
    ),
    "a header of REST framework": (
        urlconf(path("acting", Acting.as_view())),
        faulty(APIClient, "    GET /acting\n    X-Acting-For: user-2\n", "requested by 'ann'"),
    ),
    "a token on a 304": (
        urlconf(path("", unchanged)), faulty(Client, '    If-None-Match: "1"\n', "a 304 makes")
    ),
}  # fmt: skip

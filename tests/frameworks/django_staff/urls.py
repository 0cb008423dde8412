from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import include, path

from tests.frameworks.django_staff.settings import PACKAGE


def page(request: Any) -> HttpResponse:
    signed = request.countermark.get("stigg")
    return HttpResponse(signed.token if signed else "-")


async def apage(request: Any) -> HttpResponse:
    await request.countermark.load()
    return page(request)


def quiet(request: Any) -> HttpResponse:
    return HttpResponse("plain", headers={"Cache-Control": "public, max-age=60"})


urlpatterns = [
    path("page", page),
    path("async-page", apage),
    path("quiet", quiet),
    path("staff/", include(f"{PACKAGE}.urls")),
]

"""The routes of the cases, and what else is tested."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from django.contrib.auth import alogin, alogout, login, logout
from django.http import (
    HttpResponse,
    HttpResponseNotModified,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.http.response import ResponseHeaders
from django.template import engines

from countermark.django import identity_from
from tests.frameworks.django_project.people import person

PAGE = "{% load countermark %}<p>{% countermark %}</p>"
SHARED = HttpResponse("the same object for all")


def token(request: Any) -> str:
    signed = request.countermark.get("stigg")
    return signed.token if signed else "-"


def page(request: Any) -> HttpResponse:
    html = engines["django"].from_string(PAGE).render({}, request)
    return HttpResponse(html, headers={"X-State": token(request)})


def told(verb: str, *arguments: str) -> Callable[[Any], HttpResponse]:
    def view(request: Any) -> HttpResponse:
        getattr(identity_from(request), verb)(*arguments)
        return page(request)

    return view


def stream(request: Any) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        yield token(request)[:5]
        yield token(request)[5:]

    async def aparts() -> AsyncIterator[str]:
        for part in parts():
            yield part

    # Django warns of an iterator that is not of the server's kind.
    return StreamingHttpResponse(aparts() if hasattr(request, "scope") else parts())


def redirected(request: Any) -> HttpResponse:
    return HttpResponseRedirect("/page")


def not_modified(request: Any) -> HttpResponse:
    return HttpResponseNotModified(headers={"ETag": '"1"'})


def bare_304(request: Any) -> HttpResponse:
    return HttpResponseNotModified()


def error(request: Any) -> HttpResponse:
    raise ZeroDivisionError


def file(request: Any) -> HttpResponse:
    return HttpResponse("a{}", headers={"ETag": '"1"'})


def public(request: Any) -> HttpResponse:
    return HttpResponse("all", headers={"Cache-Control": "public, max-age=60"})


def plain(request: Any) -> HttpResponse:
    return HttpResponse("plain")


def shared(request: Any) -> HttpResponse:
    return SHARED


def cookies(request: Any) -> HttpResponse:
    response = HttpResponse("ok", headers={"Vary": "Accept", "X-Other": "1"})
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


def sign_in(request: Any, user: str) -> HttpResponse:
    before = token(request)
    login(request, person(user))
    return JsonResponse([before, token(request)], safe=False)


def sign_out(request: Any) -> HttpResponse:
    before = token(request)
    logout(request)
    return JsonResponse([before, token(request)], safe=False)


async def apage(request: Any) -> HttpResponse:
    await identity_from(request).load()
    return page(request)


async def apage_unloaded(request: Any) -> HttpResponse:
    return page(request)


async def asign_in(request: Any, user: str) -> HttpResponse:
    await request.auser()
    before = token(await _loaded(request))
    await alogin(request, person(user))
    return JsonResponse([before, token(await _loaded(request))], safe=False)


async def asign_out(request: Any) -> HttpResponse:
    before = token(await _loaded(request))
    await alogout(request)
    return JsonResponse([before, token(request)], safe=False)


async def astream(request: Any) -> StreamingHttpResponse:
    return stream(request)


def nonce(request: Any) -> HttpResponse:
    from django.middleware.csp import get_nonce

    html = engines["django"].from_string(
        '{% load countermark %}{% countermark "stigg" id="who" nonce=csp_nonce %}'
    )
    return HttpResponse(html.render({"csp_nonce": get_nonce(request)}, request))


async def _loaded(request: Any) -> Any:
    await request.countermark.load()
    return request


def hijack(request: Any) -> HttpResponse:
    request.session["hijack_history"] = ["staff-1"]
    return HttpResponse("hijacked")


def forged(request: Any) -> HttpResponse:
    forged = {"Stigg-Customer-Token": "forged", "Helpscout-Signature": "forged"}
    identity_from(request).identify("user-1")  # without an address
    return HttpResponse("ok", headers=forged)


class UnreadableResponse(HttpResponse):  # type: ignore[misc]
    """A response that cannot be asked for its headers the first time."""

    was_asked = False

    def items(self) -> Any:
        if not self.was_asked:
            self.was_asked = True
            raise TypeError
        return super().items()


class SlottedHeaders(ResponseHeaders):  # type: ignore[misc]
    """Headers that cannot be copied, since they have no dictionary of their own."""

    __dict__ = None  # type: ignore[assignment]


def odd(request: Any, nth: int) -> HttpResponse:
    kind = UnreadableResponse if nth == 1 else HttpResponse
    response = kind("odd", headers={"Cache-Control": "no-cache"})
    if nth == 2:
        response.headers = SlottedHeaders(dict(response.headers))
    return response


def public_read(request: Any) -> HttpResponse:
    """Answer with what the event ``exposed`` warns of: a token in a public page."""
    return HttpResponse(token(request), headers={"Cache-Control": "public, max-age=60"})


def counted(request: Any) -> HttpResponse:
    request.META["tests.calls"].append(1)
    return HttpResponse("for everybody")

"""A request is verified before a framework routes it to the receiver, in any spelling."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from asgiref.wsgi import WsgiToAsgi
from fastapi import FastAPI

from countermark.asgi import WebhookMiddleware as ASGIWebhookMiddleware
from countermark.wsgi import WebhookMiddleware as WSGIWebhookMiddleware
from tests.drivers import call, http_scope
from tests.frameworks.webhook_receivers import ASGI, DJANGO_URLS, HANDLED, PATH, WSGI
from tests.webhooks.samples import verifier

from django.http import HttpResponse  # isort: skip
from django.urls import re_path  # isort: skip
from django.test import override_settings  # isort: skip  # Django is set up by now

STIGG = verifier("stigg")
PIECES = [
    *(chr(number) for number in range(33)), *"!#%*.:;?@\\~\x7f", "\x80", "\x85", "\xa0", "\xff",
    "\u2028", "\uff0f", "\u212a", "\u017f", "/", "//", "/./", "/../", "/x/../", "%2f", "%5c", "%0a",
    "\r\n", "x:", "http:", "http://x", ";x", "x", "/@@", "/@@x/../",
]  # fmt: skip
#: What is read for the path by some, though it is another text. The others read only the path.
LENIENT = {
    "Flask": "hooks/stigg", "Bottle": "/\xffhooks/stigg", "Falcon": "hooks/stigg",
    "Pyramid": "/hooks/stigg\n", "Starlette": "/hooks/stigg\n",
    "Quart": "\n/hooks/stigg",
    "sinks of Falcon": "/hooks/stigg-2", "traversal of Pyramid": "/hooks/x/../@@stigg",
    "mounts of Litestar": "/hooks/stiggx",
    "FastAPI": "/hooks/stigg\n", "Litestar": "hooks/stigg",
}  # fmt: skip
ROOTS = {"Litestar": ("/app", "/x/app/hooks/stigg"), "Falcon": ("/hooks", "/hooks/stigg"),
         "Django": ("/app", "/app/hooks/stigg"), "Starlette": ("/app", "/app/hooks/stigg\n"),
         "Quart": ("/app", "/apphooks/stigg")}  # fmt: skip


def spellings() -> Iterator[str]:
    """Yield the path with each piece put in anywhere, or in a letter's place."""
    for piece in PIECES:
        for place in range(len(PATH) + 1):
            yield PATH[:place] + piece + PATH[place:]
            yield PATH[:place] + piece + PATH[place + 1 :]
    for place in range(len(PATH)):
        yield PATH[:place] + PATH[place + 1 :]
    yield PATH.upper()


async def aanswer(app: Any, path: str, root: str = "", **more: Any) -> str:
    sent: list[Any] = []
    received = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        with contextlib.suppress(StopIteration):
            return next(received)
        return await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"method": "POST", "headers": [(b"host", b"localhost")], **more}
    scope = http_scope(path=path, root_path=root, **given)
    with contextlib.suppress(Exception):  # what a server gives no application, some cannot take
        await app(scope, receive, send)
    return b"".join(message.get("body", b"") for message in sent).decode()


def answers(app: Any, paths: Iterable[str], root: str = "") -> list[str]:
    async def all_of_them() -> list[str]:
        return [path for path in paths if HANDLED in await aanswer(app, path, root)]

    with override_settings(ROOT_URLCONF=DJANGO_URLS, MIDDLEWARE=[]):
        return asyncio.run(all_of_them())


def wsgi_answers(app: Any, paths: Iterable[str]) -> list[str]:
    def answer(path: str) -> str:
        native = path if max(path) < "\u0100" else path.encode().decode("latin-1")
        with contextlib.suppress(Exception):
            given = {"REQUEST_METHOD": "POST", "PATH_INFO": native, "HTTP_HOST": "localhost"}
            return b"".join(call(app, **given).body).decode()
        return ""

    with override_settings(ROOT_URLCONF=DJANGO_URLS, MIDDLEWARE=[]):
        return [path for path in paths if HANDLED in answer(path)]


@pytest.mark.parametrize("framework", WSGI)
def test_no_spelling_leads_to_a_receiver_under_wsgi(framework: str) -> None:
    app = WSGI[framework]()
    lenient = LENIENT.get(framework, PATH)
    assert wsgi_answers(app, [PATH, lenient]) == [PATH, lenient]
    assert wsgi_answers(WSGIWebhookMiddleware(app, verifier=STIGG, paths=PATH), spellings()) == []


@pytest.mark.parametrize("framework", ASGI)
def test_no_spelling_leads_to_a_receiver_under_asgi(framework: str) -> None:
    app = ASGI[framework]()
    lenient = LENIENT.get(framework, PATH)
    assert answers(app, [PATH, lenient]) == [PATH, lenient]
    assert answers(ASGIWebhookMiddleware(app, verifier=STIGG, paths=PATH), spellings()) == []


@pytest.mark.parametrize("framework", ROOTS)
def test_no_root_leads_to_a_receiver(framework: str) -> None:
    app = ASGI[framework]()
    own_root, lenient = ROOTS[framework]
    assert answers(app, [lenient], own_root) == [lenient]
    covered = ASGIWebhookMiddleware(app, verifier=STIGG, paths=PATH)
    some = list(spellings())[::40]
    for root in ("/app", "/app/", "app", "/", "/hooks"):
        paths = [before + root + path for before in ("", "/x", "/") for path in (PATH, *some)]
        assert answers(covered, [lenient, PATH, *paths], root) == []


def test_no_virtual_root_of_pyramid_leads_to_a_receiver() -> None:
    app = WSGI["traversal of Pyramid"]()
    given = {"REQUEST_METHOD": "POST", "HTTP_HOST": "localhost", "HTTP_X_VHM_ROOT": "/hooks"}
    covered = WSGIWebhookMiddleware(app, verifier=STIGG, paths=PATH, prefix="")
    assert [
        HANDLED in b"".join(call(each, PATH_INFO="/stigg", **given).body).decode()
        for each in (app, covered)
    ] == [True, False]


def test_no_virtual_root_of_pyramid_leads_to_a_receiver_under_asgi() -> None:
    app: Any = WsgiToAsgi(WSGI["traversal of Pyramid"]())  # type: ignore[no-untyped-call]
    covered = ASGIWebhookMiddleware(app, verifier=STIGG, paths=PATH, prefix="")
    headers = [(b"host", b"localhost"), (b"x-vhm-root", b"/hooks")]
    given: dict[str, Any] = {"path": "/stigg", "headers": headers}
    assert [HANDLED in asyncio.run(aanswer(each, **given)) for each in (app, covered)] == [
        True,
        False,
    ]


def test_no_letter_that_matches_another_ignoring_case_leads_to_a_receiver() -> None:
    urls = (re_path("(?i)^hooks/stigg$", lambda request: HttpResponse(HANDLED)),)
    spelled = [PATH.upper(), "/hooks/st\u0131gg", "/hooks/st\u0130gg"]
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=[]):
        app = WSGI["Django"]()
        covered = WSGIWebhookMiddleware(app, verifier=STIGG, paths=PATH, prefix="")
        found = [
            HANDLED in b"".join(call(each, **_posted(path)).body).decode()
            for each in (app, covered)
            for path in spelled
        ]
    assert found == [True] * 3 + [False] * 3


def _posted(path: str) -> dict[str, Any]:
    native = path.encode().decode("latin-1")
    return {"REQUEST_METHOD": "POST", "PATH_INFO": native, "HTTP_HOST": "localhost"}


@pytest.mark.parametrize("prefix", [None, "/app"])
@pytest.mark.parametrize("framework", ["Quart", "Litestar"])
def test_no_root_within_fastapi_leads_to_a_receiver(framework: str, prefix: str | None) -> None:
    outer = FastAPI()
    outer.root_path = "/app"
    outer.mount("/", ASGI[framework]())
    lenient = "/apphooks/stigg"
    assert answers(outer, [lenient]) == [lenient]
    covered = ASGIWebhookMiddleware(outer, verifier=STIGG, paths=PATH, prefix=prefix)
    assert answers(covered, [lenient]) == []

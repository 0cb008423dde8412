"""Drives Django for the common cases, under WSGI and under ASGI."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from wsgiref.util import setup_testing_defaults

from tests.drivers import http_scope
from tests.frameworks.cases import Response
from tests.frameworks.django_project import start

start()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.test import override_settings  # noqa: E402

from tests.frameworks.django_project import settings  # noqa: E402

RESOLVER = f"{settings.PROJECT}.people.resolve"

#: Nothing differs: Django makes the response to an unhandled error inside of its middleware.
DIFFERENT: dict[str, dict[str, Any]] = {}


def wsgi(application: Any, path: str, *, method: Any = "GET", **environ: Any) -> Response:
    """Ask a WSGI application, read the body to its end and close it."""
    given: dict[str, Any] = {"REQUEST_METHOD": method, "HTTP_HOST": "testserver", **environ}
    given["PATH_INFO"], _, given["QUERY_STRING"] = path.partition("?")
    setup_testing_defaults(given)
    starts: list[Any] = []

    def start_response(*arguments: Any) -> None:
        starts.append(arguments)

    body = application(given, start_response)
    content = b"".join(body)
    body.close()
    status, headers = starts[-1][:2]
    return Response(int(status[:3]), _joined(headers), _seen(content, method))


async def asgi(application: Any, path: str, *, method: Any = "GET", **scope: Any) -> Response:
    """Ask an ASGI application."""
    given = http_scope(path=path, raw_path=path.encode(), method=method, **scope)
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        # Django listens on, for a client who leaves; this one does not.
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await application(given, receive, send)
    head, *rest = sent
    pairs = [(name.decode().lower(), value.decode("latin-1")) for name, value in head["headers"]]
    body = b"".join(message.get("body", b"") for message in rest)
    return Response(head["status"], _joined(pairs), _seen(body, method))


def _seen(body: bytes, method: str) -> str:
    return "" if method == "HEAD" else body.decode()  # servers drop it


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in pairs:
        lowered = name.lower()
        assert lowered == "set-cookie" or lowered not in headers, f"{name} came twice"
        headers[lowered] = f"{headers[lowered]}\n{value}" if lowered in headers else value
    return headers


def cookie(response: Response) -> str:
    """Return the session cookie that a response sets, as a browser sends it back."""
    found = re.search(r"sessionid=[^;]*", response.headers.get("set-cookie", ""))
    assert found is not None
    return found[0]


def _resolving(resolver: str) -> Any:
    return override_settings(COUNTERMARK={**settings.COUNTERMARK, "RESOLVER": resolver})


class WSGIDriver:
    """Django under WSGI."""

    name = "django"

    def __init__(self, resolver: str = RESOLVER) -> None:
        self._resolver = resolver
        self._handler = WSGIHandler()

    def get(self, path: str, principal: Any, *, method: str = "GET") -> Response:
        with _resolving(self._resolver):
            return wsgi(self._handler, path, method=method, **{"tests.principal": principal})


class ASGIDriver(WSGIDriver):
    """Django under ASGI, with the same views, which are no coroutines."""

    name = "django, asgi"

    def __init__(self, resolver: str = RESOLVER) -> None:
        super().__init__(resolver)
        self._handler = get_asgi_application()

    def get(self, path: str, principal: Any, *, method: str = "GET") -> Response:
        with _resolving(self._resolver):
            return asyncio.run(
                asgi(self._handler, path, method=method, **{"tests.principal": principal})
            )


driver = WSGIDriver()

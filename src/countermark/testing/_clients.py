"""Sends one request through any test client, and reads and changes its cookies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from countermark._option_checks import is_async
from countermark.errors import ConfigurationError
from countermark.testing._response_view import ResponseView, view_of

_TYPES = {"form": "application/x-www-form-urlencoded", "json": "application/json"}


class Parameter(NamedTuple):
    """One value that a request sends."""

    where: str  #: ``query``, ``header``, ``cookie``, ``form`` or ``json``.
    name: str
    value: str


class Request(NamedTuple):
    """A request, before it is sent."""

    method: str
    path: str  #: Encoded. It may have a query.
    parameters: tuple[Parameter, ...] = ()

    def given(self, where: str) -> dict[str, str]:
        """Return the values of one place by name."""
        return {name: value for place, name, value in self.parameters if place == where}

    @property
    def url(self) -> str:
        """The path with the whole query."""
        query = urlencode(self.given("query"))
        return f"{self.path}{'&' if '?' in self.path else '?'}{query}" if query else self.path

    def encoded(self) -> tuple[bytes, str | None]:
        """Return the body and its content type, which is None without a body."""
        form, data = self.given("form"), self.given("json")
        if data:
            return json.dumps(data).encode(), _TYPES["json"]
        return (urlencode(form).encode(), _TYPES["form"]) if form else (b"", None)


class _Adapter(Protocol):
    """The differences between the clients."""

    def send(self, client: Any, request: Request) -> Any: ...

    def cookies(self, client: Any) -> dict[str, str]: ...

    def set_cookie(self, client: Any, name: str, value: str) -> None: ...

    def drop_cookie(self, client: Any, name: str) -> None: ...


class _Httpx:
    """The clients of httpx, Starlette, FastAPI and Litestar."""

    def send(self, client: Any, request: Request) -> Any:
        body, content_type = request.encoded()
        headers = request.given("header")
        if content_type is not None:
            headers["content-type"] = content_type
        return client.request(
            request.method,
            request.url,
            content=body or None,
            headers=headers,
            follow_redirects=False,
        )

    def cookies(self, client: Any) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in client.cookies.jar}

    def set_cookie(self, client: Any, name: str, value: str) -> None:
        client.cookies.set(name, value)

    def drop_cookie(self, client: Any, name: str) -> None:
        client.cookies.delete(name)


class _Django:
    """The clients of Django and Django REST framework."""

    def send(self, client: Any, request: Request) -> Any:
        body, content_type = request.encoded()
        headers = request.given("header")
        return client.generic(
            request.method, request.url, body, content_type or "", headers=headers
        )

    def cookies(self, client: Any) -> dict[str, str]:
        return {name: cookie.value for name, cookie in client.cookies.items()}

    def set_cookie(self, client: Any, name: str, value: str) -> None:
        client.cookies[name] = value

    def drop_cookie(self, client: Any, name: str) -> None:
        client.cookies.pop(name, None)


class _Werkzeug:
    """The clients of Flask and Werkzeug."""

    def send(self, client: Any, request: Request) -> Any:
        body, content_type = request.encoded()
        return client.open(
            request.url,
            method=request.method,
            data=body,
            content_type=content_type,
            headers=request.given("header"),
            follow_redirects=False,
        )

    def cookies(self, client: Any) -> dict[str, str]:
        # The public method needs the name of the cookie. It is None if cookies are disabled.
        return {cookie.key: cookie.value for cookie in (client._cookies or {}).values()}  # noqa: SLF001

    def set_cookie(self, client: Any, name: str, value: str) -> None:
        if client._cookies is not None:  # noqa: SLF001
            client.set_cookie(name, value)

    def drop_cookie(self, client: Any, name: str) -> None:
        if client._cookies is not None:  # noqa: SLF001
            client.delete_cookie(name)


def adapter_of(client: Any) -> _Adapter:
    """Return the adapter for *client*.

    Raises:
        ConfigurationError: It is not a synchronous test client of a known kind.
    """
    if not any(is_async(getattr(client, name, None)) for name in ("open", "request")):
        if hasattr(client, "generic") and hasattr(client, "cookies"):
            return _Django()
        if hasattr(client, "open") and hasattr(client, "set_cookie"):
            return _Werkzeug()
        if hasattr(client, "request") and hasattr(client, "cookies"):
            return _Httpx()
    raise ConfigurationError(
        "client= must return a synchronous test client of Starlette, FastAPI, httpx, Django,"
        " Django REST framework, Flask or Werkzeug"
    )


class Session:
    """A client that one user uses, or an anonymous one."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._adapter = adapter_of(client)
        #: The error of the latest request, if the application raised one.
        self.error: Exception | None = None

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the client has."""
        return self._adapter.cookies(self.client)

    def send(self, request: Request) -> ResponseView | None:
        """Return the response; None if the application raised an error."""
        self.error = None
        with self._with_cookies(request.given("cookie")):
            try:
                response = self._adapter.send(self.client, request)
            except Exception as error:  # the client raised what the application raised
                self.error = error
                return None
            return view_of(response)

    @contextmanager
    def _with_cookies(self, given: dict[str, str]) -> Iterator[None]:
        present = self.cookies
        added = {name: value for name, value in given.items() if name not in present}
        for name, value in added.items():
            self._adapter.set_cookie(self.client, name, value)
        yield
        for name in added:
            self._adapter.drop_cookie(self.client, name)

"""A client for applications that believe a header of the client, in place of a session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.test import Client

from countermark import Keyring, Signer
from tests.conftest import SECRET

STIGG = Signer("stigg", Keyring(SECRET))
USERS = {"ann": "user-1", "ben": "user-2"}

#: Takes the environ and the id of the user, and returns status, headers and body.
View = Callable[[dict[str, Any], "str | None"], tuple[int, list[tuple[str, str]], str]]


def application(view: View) -> Any:
    """Return the WSGI application of a view."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        status, headers, body = view(environ, environ.get("HTTP_AUTHORIZATION"))
        start_response(f"{status} ", [("Content-Type", "text/plain"), *headers])
        return [body.encode()]

    return app


class UserClient(Client):
    """Sends the id of the user with each request."""

    user: str | None = None

    def open(self, *args: Any, **options: Any) -> Any:
        if self.user is not None:
            options["headers"] = {**options.get("headers", {}), "Authorization": self.user}
        return super().open(*args, **options)


def log_in(client: Any, user: str) -> None:
    client.user = USERS[user]


def log_out(client: Any) -> None:
    client.user = None


def client_of(view: View) -> Callable[[], UserClient]:
    app = application(view)
    return lambda: UserClient(app)


def token(user: str | None) -> str:
    return "" if user is None else STIGG.sign(user)

"""Falcon, set up as on its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import falcon
from docs.examples.falcon import app as example
from falcon import Request, Response

from countermark.wsgi import IDENTITY_KEY
from tests.frameworks import cases
from tests.frameworks.clients import WSGIDriver, token_of, whose


class View:
    """A resource that answers GET and HEAD by a function."""

    def __init__(self, answer: Callable[[Request, Response], object]) -> None:
        self.on_get = self.on_head = lambda req, resp: answer(req, resp) and None


def page(req: Request, resp: Response) -> None:
    identity = req.env[IDENTITY_KEY]
    resp.content_type = falcon.MEDIA_HTML
    resp.set_header("X-State", token_of(identity))
    resp.text = "<!doctype html>" + example.identity_script(identity)


def login(req: Request, resp: Response) -> None:
    req.env[IDENTITY_KEY].identify("user-2")
    page(req, resp)


def logout(req: Request, resp: Response) -> None:
    req.env[IDENTITY_KEY].forget()
    page(req, resp)


def stream(req: Request, resp: Response) -> None:
    def parts() -> Iterator[bytes]:
        token = token_of(req.env[IDENTITY_KEY]).encode()
        yield token[:3]
        yield token[3:]

    resp.stream = parts()


def redirect(req: Request, resp: Response) -> None:
    raise falcon.HTTPFound("/page")


def not_modified(req: Request, resp: Response) -> None:
    resp.status, resp.etag = falcon.HTTP_304, "1"


def error(req: Request, resp: Response) -> None:
    raise ZeroDivisionError


def file(req: Request, resp: Response) -> None:
    resp.text, resp.etag = "a", "1"


def public(req: Request, resp: Response) -> None:
    resp.text, resp.cache_control = "a", ["public", "max-age=60"]


VIEWS = [page, login, logout, stream, redirect, not_modified, error, file, public]


def create_app() -> Any:
    with patch.multiple(example, signers=cases.signers, principal=whose):
        app: Any = example.create_app()
    for view in VIEWS:
        app.app.add_route("/" + view.__name__.replace("_", "-"), View(view))
    return app


driver = WSGIDriver("falcon", create_app())

DIFFERENT: dict[str, dict[str, Any]] = {}

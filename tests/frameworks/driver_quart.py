"""Quart, set up as on its page."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import patch

from docs.examples.quart import app as example
from quart import Quart, Response, redirect, render_template_string, stream_with_context

from tests.frameworks import cases
from tests.frameworks.clients import ASGIDriver, token_of, whose


async def page() -> Response:
    html = await render_template_string("<!doctype html>{{ countermark() }}")
    return Response(html, headers={"X-State": token_of(example.identity())})


async def login() -> Response:
    example.identity().identify("user-2")
    return await page()


async def logout() -> Response:
    example.identity().forget()
    return await page()


async def stream() -> Response:
    @stream_with_context
    async def parts() -> AsyncIterator[str]:
        token = token_of(example.identity())
        yield token[:3]
        yield token[3:]

    return Response(parts())


async def error() -> str:
    raise ZeroDivisionError


def create_app() -> Quart:
    with (
        patch.dict(os.environ, SECRET_KEY=cases.SECRET),
        patch.multiple(example, signers=cases.signers, principal=whose),
    ):
        app: Quart = example.create_app()
    for view in (login, logout, stream, error):
        app.add_url_rule(f"/{view.__name__}", view_func=view)
    app.add_url_rule("/page", "cases-page", page)
    app.add_url_rule("/redirect", "redirect", lambda: redirect("/page"))
    not_modified = {"ETag": '"1"'}
    app.add_url_rule("/not-modified", "304", lambda: Response("", 304, not_modified))
    app.add_url_rule("/file", "file", lambda: Response("a", headers={"ETag": '"1"'}))
    public = {"Cache-Control": "public, max-age=60"}
    app.add_url_rule("/public", "public", lambda: Response("a", headers=public))
    return app


driver = ASGIDriver("quart", create_app())

DIFFERENT: dict[str, dict[str, Any]] = {}

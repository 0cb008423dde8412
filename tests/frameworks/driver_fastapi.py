"""The cases' application in FastAPI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.requests import HTTPConnection

from countermark.fastapi import IdentityDep, SigningMiddleware, current_user_id, signatures_router
from tests.frameworks import cases
from tests.frameworks.driver_starlette import PLACE, TEMPLATES, ASGIDriver, principal_of

# FastAPI answers an unhandled error outside of all middlewares that are added, as Starlette.
DIFFERENT: dict[str, dict[str, Any]] = {
    "unhandled error": {"header": None, "closed": False, "varies": False},
}
# Where a dependency identifies the user, nobody has asked it before a 404 of the router.
DIFFERENT_BY_DEPENDENCY = DIFFERENT | {"not found": {"header": None, "closed": False}}


async def current_user(connection: HTTPConnection, identity: IdentityDep) -> None:
    """Load the user, as applications do, and tell countermark."""
    user = connection.scope[PLACE]
    if user is not None:
        identity.identify(user)


def shown(request: Request, identity: IdentityDep) -> Response:
    """Return the page of the cases."""
    signed = identity.get("stigg")
    state = {"x-state": signed.token if signed else "-"}
    return TEMPLATES.TemplateResponse(request, "page.html", headers=state)


router = APIRouter()


@router.api_route("/page", methods=["GET", "HEAD"], response_model=None)
def page(request: Request, identity: IdentityDep) -> Response:
    return shown(request, identity)


@router.get("/login", response_model=None)
async def log_in(request: Request, identity: IdentityDep) -> Response:
    identity.identify("user-2")
    return shown(request, identity)


@router.get("/logout", response_model=None)
def log_out(request: Request, identity: IdentityDep) -> Response:
    identity.forget()
    return shown(request, identity)


@router.get("/stream", response_model=None)
async def stream(identity: IdentityDep) -> Response:
    async def parts() -> AsyncIterator[str]:
        signed = identity.get("stigg")
        for character in signed.token if signed else "-":
            yield character

    return StreamingResponse(parts())


@router.get("/redirect", response_model=None)
async def redirect() -> Response:
    return RedirectResponse("/page", 302)


@router.get("/not-modified", response_model=None)
async def not_modified() -> Response:
    return Response(status_code=304, headers={"etag": '"1"'})


@router.get("/error")
async def error() -> None:
    raise ZeroDivisionError


@router.get("/file", response_model=None)
async def file() -> Response:
    return PlainTextResponse("a{}", headers={"etag": '"1"'})


@router.get("/public", response_model=None)
async def public() -> Response:
    return PlainTextResponse("all", headers={"cache-control": "public, max-age=60"})


@router.websocket("/ws")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def make_driver(*, by_dependency: bool = False, around: bool = False) -> ASGIDriver:
    """Return a driver in which a resolver or a dependency says who the user is.

    The middleware is added, or wrapped *around* the application.
    """
    asked = [Depends(current_user)] if by_dependency else []
    app = FastAPI()
    app.include_router(router, dependencies=asked)
    app.include_router(signatures_router(), dependencies=asked)
    resolver = current_user_id if by_dependency else principal_of
    if around:
        signing = SigningMiddleware(
            app, signers=cases.signers(), principal=resolver, websocket_headers=True
        )
        return ASGIDriver("fastapi", signing, "asyncio")
    app.add_middleware(
        SigningMiddleware, signers=cases.signers(), principal=resolver, websocket_headers=True
    )
    return ASGIDriver("fastapi", app, "asyncio")

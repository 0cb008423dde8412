"""Sign in, sign out, a page and the endpoint, with Litestar's sessions.

STIGG_SIGNING_SECRET=... uvicorn --factory app:create_app
"""

from typing import Any

from litestar import Litestar, MediaType, Request, asgi, get, post
from litestar.exceptions import PermissionDeniedException
from litestar.middleware import DefineMiddleware
from litestar.middleware.session.server_side import ServerSideSessionConfig
from litestar.response import Redirect
from litestar.types import Receive, Scope, Send

from countermark import Signer
from countermark.asgi import SignaturesEndpoint, SigningMiddleware
from countermark.resolvers import from_session
from countermark.signing import identity_script

PAGE = "<!doctype html><title>Countermark</title>{script}<p>Hello, {user_id}.</p>"
PASSWORDS = {"ann's password": "user-1", "bob's password": "user-2"}  # yours are hashed

principal = from_session("user_id")
answer_signatures = SignaturesEndpoint()


def signers() -> list[Signer]:
    return [Signer.from_env("stigg")]  # reads STIGG_SIGNING_SECRET


@get("/", media_type=MediaType.HTML)
async def page(request: Request[Any, Any, Any]) -> str:
    script = identity_script(request.state.countermark)
    return PAGE.format(script=script, user_id=request.session.get("user_id", "anonymous"))


@post("/sign-in")
async def sign_in(request: Request[Any, Any, Any]) -> Redirect:
    user_id = PASSWORDS.get((await request.form())["password"])
    if user_id is None:
        raise PermissionDeniedException("Unknown password")
    request.session["user_id"] = user_id
    return Redirect("/", status_code=303)


@post("/sign-out")
async def sign_out(request: Request[Any, Any, Any]) -> Redirect:
    request.session.clear()
    return Redirect("/", status_code=303)


@asgi("/signatures", copy_scope=False)
async def signatures(scope: Scope, receive: Receive, send: Send) -> None:
    await answer_signatures(scope, receive, send)


def create_app() -> Litestar:
    return Litestar(
        [page, sign_in, sign_out, signatures],
        middleware=[
            ServerSideSessionConfig().middleware,
            DefineMiddleware(SigningMiddleware, signers=signers(), principal=principal),
        ],
    )

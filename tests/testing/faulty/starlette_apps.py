"""Faults in applications of Starlette and FastAPI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

from fastapi import Depends, FastAPI, Header
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient

from countermark import Keyring, Principal, Signer
from countermark.asgi import Scope
from countermark.fastapi import IdentityDep
from countermark.starlette import SigningMiddleware, identity_from
from tests.conftest import SECRET
from tests.testing.faulty import IDS, STIGG, USERS, Faulty, id_with, password_of


def session_user(scope: Scope) -> Any:
    return scope["session"].get("user")


async def home(request: Request) -> Response:
    return JSONResponse(identity_from(request).payload())


async def sign_in(request: Request) -> Response:
    user = id_with((await request.body()).decode())
    if user is None:
        return Response(status_code=403)
    request.session["user"] = user
    return Response()


async def sign_out(request: Request) -> Response:
    request.session.clear()
    return Response()


def middleware(resolver: Callable[[Scope], Any], signer: Signer = STIGG) -> list[Middleware]:
    return [
        Middleware(SessionMiddleware, secret_key=SECRET),
        Middleware(SigningMiddleware, signers=signer, principal=resolver),
    ]


def create_app(*routes: BaseRoute, resolver: Callable[[Scope], Any] = session_user) -> Starlette:
    """Return an application with a session, whose fault is in a route or in the resolver."""
    common = [
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
    ]
    return Starlette(routes=[*routes, *common], middleware=middleware(resolver))


def log_in(client: TestClient, user: str) -> None:
    client.post("/sign-in", content=password_of(user)).raise_for_status()


def log_out(client: TestClient) -> Any:
    return client.post("/sign-out")


def faulty(app: Any, *message: str, **options: Any) -> Faulty:
    given = {"options": {"signers": STIGG, **options}} if options else {}
    return Faulty(lambda: TestClient(app), log_in, message, log_out, **given)


# The resolver reads what the request says.


def by_query(scope: Scope) -> Any:
    asked = parse_qs(scope["query_string"].decode()).get("customer")
    return asked[0] if asked else session_user(scope)


def by_cookie(scope: Scope) -> Any:
    return HTTPConnection(scope).cookies.get("uid") or session_user(scope)


def by_email_in_header(scope: Scope) -> Any:
    asked = HTTPConnection(scope).headers.get("x-forwarded-email")
    known = {principal.email: principal.id for principal in USERS.values()}
    return known.get(asked) or session_user(scope)


def default_user(scope: Scope) -> Any:
    return session_user(scope) or "guest"


def with_tenant_of_query(scope: Scope) -> Any:
    """Sign an id that is made of the user's and the request's."""
    user, asked = session_user(scope), parse_qs(scope["query_string"].decode()).get("account")
    return f"{user}@{asked[0]}" if user and asked else user


# The route signs what the request says.


async def profile(request: Request) -> Response:
    identity = identity_from(request)
    if identity:
        identity.identify(request.path_params["id"])
    return JSONResponse(identity.payload())


class Orders:
    """A route without a method in its table."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        asked = (await request.json()).get("buyer") if request.method == "POST" else None
        if asked and identity_from(request):
            identity_from(request).identify(asked)
        await JSONResponse(identity_from(request).payload())(scope, receive, send)


# A response is used for all.

SHARED = JSONResponse({})


async def shared(request: Request) -> Response:
    signed = identity_from(request).get("stigg")
    if signed is not None:
        SHARED.headers.append("X-Token", signed.token)
    return SHARED


async def start(request: Request) -> Response:
    """Redirect to an address with the token of the user who asked first."""
    signed = identity_from(request).get("stigg")
    if signed is not None:
        FIRST.setdefault("token", signed.token)
    return RedirectResponse(f"/page?{urlencode(FIRST)}", headers={"Cache-Control": "no-store"})


FIRST: dict[str, str] = {}

# A dependency of FastAPI falls back to a header.


def fastapi_app() -> FastAPI:
    def current_user(
        request: Request,
        identity: IdentityDep,
        x_acting_user: Annotated[str | None, Header()] = None,
    ) -> None:
        user = x_acting_user or session_user(request.scope)
        if user is not None:
            identity.identify(user)

    app = FastAPI(middleware=middleware(lambda scope: None), openapi_url=None)
    app.add_api_route("/sign-in", sign_in, methods=["POST"], response_model=None)
    app.add_api_route("/sign-out", sign_out, methods=["POST"], response_model=None)

    @app.get("/page", dependencies=[Depends(current_user)])
    def page(identity: IdentityDep) -> Any:
        return identity.payload()

    return app


# The request changes a claim of the user's own token.

JWT = Signer("intercom-jwt", Keyring(SECRET), claims=["plan"])


def with_plan_of_query(scope: Scope) -> Any:
    user, asked = session_user(scope), parse_qs(scope["query_string"].decode()).get("plan")
    return user and Principal(user, attributes={"plan": asked[0] if asked else "free"})


def jwt_app() -> Starlette:
    app = create_app(Route("/", home))
    app.user_middleware[:] = middleware(with_plan_of_query, JWT)
    return app


def cases() -> dict[str, Callable[[], Faulty]]:
    """Return the applications by name."""
    ben = f"of '{'ben'}'"
    page = Mount("/app", routes=[WebSocketRoute("/ws", home), Route("/page", home)])
    return {
        "a query parameter": lambda: faulty(
            create_app(Route("/", home), resolver=by_query),
            f"    GET /?customer={IDS['ann']}\n", "an anonymous user", "of 'ann'",
        ),
        "a cookie": lambda: faulty(
            create_app(page, resolver=by_cookie), "    GET /app/page\n    Cookie: uid=user-1\n"
        ),
        "an address in a header": lambda: faulty(
            create_app(page, resolver=by_email_in_header), "    X-Forwarded-Email: ann@a.example\n"
        ),
        "a default user": lambda: faulty(
            create_app(Route("/", home), resolver=default_user),
            "requested by an anonymous user", "a principal that is not in users= ('guest')",
            "an anonymous user must not get a token",
        ),
        "a changed id": lambda: faulty(
            create_app(Route("/", home), resolver=with_tenant_of_query),
            "    GET /?account=user-2\n", "requested by 'ann'",
        ),
        "a path": lambda: faulty(
            create_app(Route("/profiles/{id}", profile)),
            "GET /profiles/user-2, requested by 'ann'", ben,
        ),
        "a JSON body": lambda: faulty(
            create_app(Route("/orders", Orders())),
            "POST /orders, requested by 'ann'", '{"buyer": "user-2"}', ben,
            paths=["POST /orders", "/orders"], parameters=["buyer"],
        ),
        "a shared response": lambda: faulty(
            create_app(Route("/", shared)),
            "requested by 'ben'", "in the header x-token", "of 'ann'",
        ),
        "an address of a redirect": lambda: faulty(
            create_app(Route("/", start)),
            "requested by 'ben'", "in the header location", "of 'ann'",
        ),
        "a dependency with a header": lambda: faulty(
            fastapi_app(), "    GET /page\n    x-acting-user: user-1\n"
        ),
        "a claim": lambda: faulty(
            jwt_app(), "changes what is signed: plan", "    GET /?plan=user-2\n", signers=JWT,
            parameters=["plan"],
        ),
    }  # fmt: skip

"""Litestar, with seven faults."""

from typing import Any

from litestar import Litestar, get
from litestar.config.cors import CORSConfig
from litestar.middleware import DefineMiddleware
from litestar.middleware.session.server_side import ServerSideSessionConfig

from countermark import Keyring, Signer, Verifier
from countermark.asgi import SigningMiddleware, VerifyingMiddleware
from countermark.resolvers import from_session
from countermark.rollout import Meter

# The types of Litestar's applications and ours do not unify.
signing: Any = SigningMiddleware
verifying: Any = VerifyingMiddleware
RING = Keyring("a secret that only the customers' tokens have")


def tenant(scope: Any) -> Any:
    import sqlite3

    return (
        sqlite3.connect("users.db").execute("select id from tenants").fetchone()[scope["session"]]
    )


signers = Signer("stigg", RING)


@get("/", middleware=[DefineMiddleware(signing, signers=signers, principal=tenant)])
async def page() -> str:
    return "Hello"


def create_app() -> Litestar:
    return Litestar(
        [page],
        cors_config=CORSConfig(allow_origins=["https://app.example"], allow_credentials=True),
        middleware=[
            DefineMiddleware(
                verifying,
                verifier=Verifier("stigg", RING),
                mode="monitor",
                tenant=tenant,
                meter=Meter(),
            ),
            DefineMiddleware(
                signing,
                signers=signers,
                principal=from_session("user_id"),
            ),
            ServerSideSessionConfig().middleware,
        ],
    )

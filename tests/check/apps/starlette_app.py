"""Starlette, with six faults."""

import time
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.sessions import SessionMiddleware

from countermark import Signer, Verifier
from countermark.starlette import SigningMiddleware, VerifyingMiddleware


def load_user(scope: dict[str, Any]) -> Any:
    time.sleep(0.01)  # as a query of a database would
    return scope["session"].get("user_id")


def principal(scope: dict[str, Any]) -> Any:
    return load_user(scope)


app = Starlette(
    middleware=[
        Middleware(
            CORSMiddleware,
            allow_origins=["*"],
            allow_credentials=True,
            allow_headers=["X-Requested-With"],
            expose_headers=["Stigg-Custmer-Token"],
        ),
        Middleware(VerifyingMiddleware, verifier=Verifier.from_env("stigg"), mode="enforce"),
        Middleware(SigningMiddleware, signers=Signer.from_env("stigg"), principal=principal),
        Middleware(SessionMiddleware, secret_key="a secret of its own"),
    ],
)

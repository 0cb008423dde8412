"""FastAPI, with six faults."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI

from countermark import Keyring, Signer, VerifiedIdentity, Verifier
from countermark.asgi import WebhookMiddleware
from countermark.fastapi import SigningMiddleware, VerifyingMiddleware, verified_identity
from countermark.verifying import from_query
from countermark.webhooks import WebhookVerifier

KEYRING = Keyring("the same secret for tokens and for webhooks")

hooks = FastAPI()
verified = verified_identity(
    Verifier("intercom-hmac", Keyring("another secret, which Intercom has made")),
    claimed_id=from_query("user_id"),
    token="X-User-Hash",
)


class ETagMiddleware:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


app = FastAPI()


@app.get("/")
async def page(identity: Annotated[VerifiedIdentity, Depends(verified)]) -> str:
    return "Hello"


app.mount("/hooks", WebhookMiddleware(hooks, verifier=WebhookVerifier("stigg", KEYRING)))
app.add_middleware(ETagMiddleware)
app.add_middleware(SigningMiddleware, signers=Signer("stigg", KEYRING))
app.add_middleware(
    VerifyingMiddleware,
    verifier=Verifier("stigg", KEYRING),
    mode="enforce",
    token="X-CUSTMER-KEY",
)
# A misspelled option raises at the first request.
app.add_middleware(VerifyingMiddleware, verifer=Verifier("stigg", KEYRING), mode="monitor")  # type: ignore[call-arg]

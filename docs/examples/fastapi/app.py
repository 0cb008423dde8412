"""A FastAPI application with countermark.

Set STIGG_SIGNING_SECRET and SESSION_SECRET, then: uvicorn app:app --lifespan on
"""

import os
import secrets
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2 import DictLoader, Environment
from pydantic import BaseModel
from starlette.middleware.sessions import SessionMiddleware

from countermark import Signer
from countermark.fastapi import (
    IdentityDep,
    SigningMiddleware,
    context_processor,
    signatures_router,
)

PAGE = """<!doctype html>
<title>Example</title>
<p>{{ user.name if user else "You are not signed in." }}</p>
{{ countermark(nonce=nonce) }}
<script nonce="{{ nonce }}">
  const signed = JSON.parse(document.getElementById("countermark").textContent);
  if (signed.stigg) console.log("Stigg takes", signed.stigg);
</script>
"""
templates = Jinja2Templates(
    env=Environment(loader=DictLoader({"page.html": PAGE}), autoescape=True),
    context_processors=[context_processor],
)


class Credentials(BaseModel):
    name: str
    password: str


class User(Credentials):
    id: str


# In place of a database, which would hold hashes of passwords.
USERS = {
    "ann": User(id="user-1", name="ann", password="ann's password"),
    "ben": User(id="user-2", name="ben", password="ben's password"),
}


# docs: from here
async def current_user(request: Request, identity: IdentityDep) -> User | None:
    user = USERS.get(request.session.get("name", ""))
    if user is not None:
        identity.identify(user.id)  # from here on, tokens and headers are theirs
    return user


CurrentUser = Annotated[User | None, Depends(current_user)]

app = FastAPI()
app.include_router(signatures_router("/signatures"), dependencies=[Depends(current_user)])
# The one that is added last is the outermost.
app.add_middleware(SigningMiddleware, signers=Signer.from_env("stigg"))
app.add_middleware(SessionMiddleware, secret_key=os.environ["SESSION_SECRET"])
# docs: to here


@app.get("/")
async def page(request: Request, user: CurrentUser) -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    policy = {"Content-Security-Policy": f"script-src 'nonce-{nonce}'"}
    context = {"user": user, "nonce": nonce}
    return templates.TemplateResponse(request, "page.html", context, headers=policy)


@app.post("/sign-in", status_code=204)
async def sign_in(request: Request, sent: Credentials, identity: IdentityDep) -> None:
    user = USERS.get(sent.name)
    if user is None or not secrets.compare_digest(user.password.encode(), sent.password.encode()):
        raise HTTPException(403, "Wrong name or password.")
    request.session["name"] = user.name
    identity.identify(user.id)


@app.post("/sign-out", status_code=204)
async def sign_out(request: Request, identity: IdentityDep) -> None:
    request.session.clear()
    identity.forget()

"""The parts of an application are found through wrappers, mounts, routes and dependencies."""

from __future__ import annotations

import pytest

from tests.check.conftest import SECRET, CheckCode
from tests.check.test_broken_applications import run_in_a_process

# A deprecated scheme gives each part of countermark a finding.
PARTS = f"""
import functools
from countermark import Keyring, Signer, Verifier
from countermark.verifying import from_query
from countermark.wsgi import SigningMiddleware as WSGISigning
from countermark.asgi import SigningMiddleware, VerifyingMiddleware

SIGNER = Signer("intercom-hmac", Keyring("{SECRET}"))
VERIFIER = Verifier("intercom-hmac", Keyring("{SECRET}"))
VERIFYING = dict(verifier=VERIFIER, mode="off", token="Hash", claimed_id=from_query("id"))

def nothing(environ, start_response=None):
    raise AssertionError

wsgi = WSGISigning(nothing, signers=SIGNER, principal=nothing)
asgi = SigningMiddleware(nothing, signers=SIGNER, principal=nothing)
verifying = VerifyingMiddleware(nothing, **VERIFYING)
"""
WRAPPERS = {
    "an attribute": """
class Wrapper:
    def __init__(self, app):
        self.application = app
    def __call__(self, environ, start_response):
        raise AssertionError
app = Wrapper(wsgi)
""",
    "an attribute of any name": """
class Wrapper:
    def __init__(self, app):
        self.what = 1
        self.downstream = app
    def __call__(self, environ, start_response):
        raise AssertionError
app = Wrapper(wsgi)
""",
    "several wrappers with attributes of any name": """
class Wrapper:
    def __init__(self, app):
        self.itself, self.kind, self.downstream = self, Wrapper, app
    def __call__(self, environ, start_response):
        raise AssertionError
app = Wrapper(Wrapper(Wrapper(wsgi)))
""",
    "a slot": """
class Base:
    __slots__ = ("_app", "other")
class Wrapper(Base):
    @property
    def other(self):
        raise AssertionError
    def __call__(self, environ, start_response):
        raise AssertionError
app = Wrapper()
app._app = wsgi
""",
    "a closure": """
def wrap(inner):
    def app(environ, start_response):
        return inner(environ, start_response)
    return app
app = wrap(wrap(wsgi))
""",
    "a closure of any name": """
def wrap(downstream):
    later = 1
    def app(environ, start_response):
        return downstream(environ, start_response, missing)
    if later == 2:
        missing = 1
    return app
app = wrap(wsgi)
""",
    "a global variable": """
def app(environ, start_response):
    return wsgi(environ, start_response)
""",
    "a decorator": """
@functools.wraps(wsgi.__call__)
def app(environ, start_response):
    raise AssertionError
app.__wrapped__ = wsgi
""",
    "a method": """
class Application:
    def __init__(self, app):
        self.app = app
    def run(self, environ, start_response):
        raise AssertionError
app = Application(wsgi).run
""",
    "a mount of Starlette": """
from starlette.applications import Starlette
from starlette.routing import Host, Mount, Router
app = Starlette(routes=[Host("a.example", Router([Mount("/a", routes=[Mount("/b", asgi)])]))])
""",
    "a route of Starlette": """
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
route = Route("/", nothing, middleware=[Middleware(VerifyingMiddleware, **VERIFYING)])
app = Starlette(routes=[route])
""",
    "a backend of Starlette": """
from starlette.applications import Starlette
from starlette.middleware.authentication import AuthenticationMiddleware
from countermark.starlette import TokenBackend
app = Starlette()
app.add_middleware(AuthenticationMiddleware, backend=TokenBackend(**VERIFYING))
""",
    "a dependency of FastAPI": """
from fastapi import Depends, FastAPI
from countermark.fastapi import verified_identity
verified = verified_identity(**VERIFYING)
def outer(identity = Depends(verified)):
    raise AssertionError
app = FastAPI()
app.get("/")(outer)
app.get("/2")(outer)
""",
    "a router that another router of FastAPI includes": """
from fastapi import APIRouter, Depends, FastAPI
from countermark.fastapi import verified_identity
inner, outer = APIRouter(), APIRouter(prefix="/v1")
inner.get("/")(nothing)
outer.include_router(inner, dependencies=[Depends(verified_identity(**VERIFYING))])
app = FastAPI()
app.include_router(outer)
""",
    "a mount in a router of FastAPI": """
from fastapi import APIRouter, FastAPI
router, app = APIRouter(prefix="/v1"), FastAPI()
router.mount("/a", asgi)
app.include_router(router)
""",
    "Quart": """
from quart import Quart
app = Quart("quart")
app.asgi_app = SigningMiddleware(app.asgi_app, signers=SIGNER, principal=nothing)
""",
    "Flask behind an adapter": """
from asgiref.wsgi import WsgiToAsgi
from flask import Flask
flask = Flask("flask")
flask.wsgi_app = WSGISigning(flask.wsgi_app, signers=SIGNER, principal=nothing)
app = WsgiToAsgi(flask)
""",
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_part_is_found_in(wrapper: str, check_code: CheckCode) -> None:
    outcome = check_code(PARTS + WRAPPERS[wrapper])
    assert [found["code"] for found in outcome.findings] == ["deprecated_scheme"], outcome.err


def test_no_proxy_or_lazy_object_is_evaluated(check_code: CheckCode) -> None:
    code = """
from django.conf import settings
from django.utils.functional import SimpleLazyObject
from quart import session
from werkzeug.local import LocalProxy

def fail():
    raise AssertionError

lazy, proxy = SimpleLazyObject(fail), LocalProxy(fail)

def principal(scope):
    return session["user_id"], settings.DEBUG, lazy.x, proxy.x

class Wrapper:
    def __init__(self):
        self.lazy, self.proxy, self.inner = lazy, proxy, SigningMiddleware(
            nothing, signers=SIGNER, principal=principal
        )
    async def __call__(self, scope, receive, send):
        return settings, lazy, proxy, session
inner = Wrapper()
async def app(scope, receive, send):
    return inner, settings, lazy, proxy, session
"""
    outcome = check_code(PARTS + code)
    assert (outcome.found, outcome.err) == ([("deprecated_scheme", "SigningMiddleware")], "")


def test_a_middleware_that_wraps_itself_ends_the_walk(check_code: CheckCode) -> None:
    outcome = check_code(f"{PARTS}\nasgi.app = asgi\napp = asgi")
    assert outcome.found == [("deprecated_scheme", "SigningMiddleware")]


OPTIONS = "signers=SIGNER, principal=nothing"
DECLARED = """
from starlette.applications import Starlette
from starlette.middleware import Middleware

class Own(SigningMiddleware):
    def __init__(self, app):
        raise AssertionError

class Other(SigningMiddleware):
    pass

def factory(app, **options):
    raise AssertionError

def hook(event):
    raise SystemExit  # other exceptions of a hook are dropped

async def async_hook(event):
    raise AssertionError
"""


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ("SigningMiddleware, signers=[], principal=nothing", "signers= is empty"),
        ("SigningMiddleware, signers=[SIGNER, SIGNER], principal=nothing", "two signers are for"),
        (f"SigningMiddleware, {OPTIONS}, on_event=async_hook", "on_event= must be a function"),
        (f"SigningMiddleware, {OPTIONS}, on_event=1", "on_event= must be a function"),
        (f"SigningMiddleware, 1, {OPTIONS}", "its arguments do not fit the constructor"),
        (f"SigningMiddleware, {OPTIONS}, no=1", "its arguments do not fit the constructor"),
    ],
)
def test_an_invalid_option_is_found_before_the_first_request(
    declared: str, problem: str, check_code: CheckCode
) -> None:
    code = f"{PARTS}{DECLARED}\napp = Starlette(middleware=[Middleware({declared})])"
    (found,) = check_code(code).findings
    assert (found["code"], found["where"]) == ("misconfigured", "SigningMiddleware")
    assert problem in found["problem"]


def test_hooks_and_constructors_of_the_application_do_not_run(check_code: CheckCode) -> None:
    code = f"""
ambiguous = Signer("customerly", Keyring("{SECRET[::-1]}"))
app = Starlette(middleware=[
    Middleware(Own),
    Middleware(factory, a=1),
    Middleware(Other, signers=ambiguous, principal=nothing, on_event=hook),
])
"""
    outcome = check_code(PARTS + DECLARED + code)
    assert outcome.found == [("ambiguous_scheme", "Other")]
    assert outcome.err == "Own has a constructor of its own, which does not run here\n"


def test_a_key_of_two_environments_of_one_verifier_is_found(check_code: CheckCode) -> None:
    code = f"""
ring, other = Keyring("{SECRET}"), Keyring("{SECRET[::-1]}")
verifier = Verifier("stigg", ring, other_environments={{"sandbox": %s}})
app = VerifyingMiddleware(nothing, verifier=verifier, mode="off")
"""
    assert check_code(PARTS + code % "other").findings == []
    (found,) = check_code(PARTS + code % "ring").findings
    assert found["problem"] == (
        "stigg (verifying) and stigg (verifying) in sandbox have the same secret"
    )


def test_examples_are_computed_without_the_rules_of_the_account(check_code: CheckCode) -> None:
    code = f"""
signer = Signer("intercom-hmac", Keyring("{SECRET}"), never_signed=["id"])
app = SigningMiddleware(nothing, signers=signer, principal=nothing)
"""
    assert [code for code, _ in check_code(PARTS + code).found] == ["deprecated_scheme"]


def test_django_behind_a_wrapper_is_checked() -> None:
    outcome = run_in_a_process(
        "tests.check.apps.django_asgi:application", STIGG_SIGNING_SECRET="too short"
    )
    assert outcome.found == [
        ("blocking_function", "VerifyingMiddleware tenant="),
        ("cors_origins", "corsheaders"),
        ("lifespan", "VerifyingMiddleware"),
    ]

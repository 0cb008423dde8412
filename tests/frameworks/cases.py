"""What happens to identities in every framework: the same cases, asked of each.

A driver has an application of its framework with these routes, behind countermark
as the framework's page in the documentation sets it up, for the schemes ``stigg``
and ``helpscout`` with :data:`SECRET`:

``/page``
    Answers 200 with the element of the template helper (all schemes) as HTML, and
    with the header ``x-state``: Stigg's token from the request's state, or ``-``.
``/login`` and ``/logout``
    The same, after ``identity.identify("user-2")`` and ``identity.forget()``.
``/stream``
    Streams the state's token (or ``-``) as a body of several parts, read while it streams.
``/redirect``, ``/not-modified``
    302 to ``/page``; 304 with ``ETag``. Both read nothing.
``/error``
    Raises an exception without a handler.
``/file``
    200 with an ``ETag``, as for a static file. Reads nothing.
``/public``
    200 with ``Cache-Control: public, max-age=60``. Reads nothing.
``/signatures``
    The framework's endpoint.

Any other path is the framework's own 404. The resolver returns the case's principal,
which the driver puts where the framework keeps users, or raises it if it is an exception.

The module of a driver with one application has two names for the tests: ``driver``, and
``DIFFERENT``, the fields of :class:`Seen` that differ in this framework, by the name of the
case. ``{}``: none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from countermark import InvalidPrincipal, Keyring, Principal, Signer

SECRET = "a-secret-of-the-tests-with-enough-bytes"


def signers() -> list[Signer]:
    """Return what every application signs with."""
    return [Signer("stigg", Keyring(SECRET)), Signer("helpscout", Keyring(SECRET))]


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, header names in lower case."""

    status: int
    headers: dict[str, str]
    body: str = ""


class Driver(Protocol):
    """One framework."""

    name: str

    def get(self, path: str, principal: Any, *, method: str = "GET") -> Response:
        """Ask the application for *path* as *principal*.

        A principal that is an exception is what looking the user up raises.
        """
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """A request, and what is seen of its tokens.

    Attributes:
        id: Whom Stigg's token is for, None: there is none.
        email: Whom Help Scout's is for.
        places: Where tokens show: ``state``, ``header``, ``template``, ``endpoint``.
        closed: Whether no cache may store the response.
        varies: Whether it varies by cookie.
    """

    name: str
    principal: Any = "user-1"
    path: str = "/page"
    status: int = 200
    method: str = "GET"
    id: str | None = "user-1"
    email: str | None = None
    places: frozenset[str] = frozenset({"state", "header", "template", "endpoint"})
    closed: bool = True
    varies: bool = True


NOWHERE: frozenset[str] = frozenset()
HEADER = frozenset({"header", "endpoint"})
ENDPOINT = frozenset({"endpoint"})
STREAM = frozenset({"state", "header", "endpoint"})
REFERENCE = "3a409367-a417-4d46-9a92-3d7bc5dc4605"


def _anonymous(name: str, principal: Any = None, **changes: Any) -> Case:
    return Case(name, principal, **{"id": None, "places": NOWHERE, "closed": False, **changes})


def _failed(name: str, principal: Any) -> Case:
    """Return a case in which it cannot be told who that is: headers stay untouched."""
    return _anonymous(name, principal, varies=False)


def _left_alone(name: str, path: str, **changes: Any) -> Case:
    """Return a case in which a response is left alone to the byte."""
    return Case(
        name, path=path, **{"places": ENDPOINT, "closed": False, "varies": False, **changes}
    )


ANN = Principal("user-1", email="ann@b.example")
CASES = [
    _anonymous("anonymous"),
    Case("id only"),
    Case("e-mail only", Principal(email="ann@b.example"), id=None, email="ann@b.example"),
    Case("id and e-mail", ANN, email="ann@b.example"),
    Case("int id", 42, id="42"),
    Case("UUID id", UUID(REFERENCE), id=REFERENCE),
    Case("id with a colon", "org:42", id="org:42"),
    Case("long id", "u" * 512, id="u" * 512),
    Case(
        "non-ASCII id, which Stigg refuses",
        Principal("jöhn", email="ann@b.example"),
        id=None,
        email="ann@b.example",
    ),
    _failed("too long", "u" * 513),
    _failed("control characters", "user-1\r\nX-Admin: 1"),
    _failed("outer white space", " user-1"),
    _failed("lone surrogate", "user-\ud800"),
    _failed("a boolean", True),
    _failed("empty", ""),
    _failed("the lookup raises", OSError("no database")),
    _failed("the lookup refuses", InvalidPrincipal("not fit")),
    _anonymous("impersonated", Principal("user-1", actor="staff-1")),
    Case("login in the request", None, "/login", id="user-2"),
    Case("user switch in the request", "user-1", "/login", id="user-2"),
    _anonymous("logout in the request", "user-1", path="/logout"),
    Case("not found", path="/missing", status=404, places=HEADER),
    _anonymous("not found, anonymous", path="/missing", status=404),
    Case("HEAD", method="HEAD", places=STREAM),
    Case("redirect", path="/redirect", status=302, places=HEADER),
    Case("streaming", path="/stream", places=STREAM),
    _anonymous("streaming, anonymous", path="/stream"),
    _left_alone("not modified", "/not-modified", status=304),
    _left_alone("static file with validator", "/file"),
    _left_alone("public page", "/public"),
    _anonymous("public page, anonymous", path="/public", varies=False),
    _left_alone("OPTIONS", "/public", method="OPTIONS"),
    Case("unhandled error", path="/error", status=500, places=HEADER),
]


@dataclass(frozen=True, slots=True)
class Seen:
    """What showed: tokens of Stigg by place, Help Scout's header, and the cache rules."""

    status: int
    state: str | None
    header: str | None
    template: str | None
    endpoint: str | None
    by_email: str | None
    closed: bool
    varies: bool


_SCRIPT = re.compile(r'<script type="application/json" id="countermark">(.*?)</script>', re.DOTALL)


def look(driver: Driver, case: Case) -> Seen:
    """Run *case* in the framework of *driver*.

    ``OPTIONS`` is answered in each framework's own way, so its status is not looked at.
    """
    response = driver.get(case.path, case.principal, method=case.method)
    # The endpoint is asked as the person who is signed in after the request.
    after = {"/login": "user-2", "/logout": None}.get(case.path, case.principal)
    endpoint = _endpoint(driver.get("/signatures", after))
    script = _SCRIPT.search(response.body)
    template: Any = json.loads(script[1]) if script else {}
    state = response.headers.get("x-state") or (response.body if case.path == "/stream" else None)
    return Seen(
        status=case.status if case.method == "OPTIONS" else response.status,
        state=None if state == "-" else state,
        header=response.headers.get("stigg-customer-token"),
        template=template.get("stigg", {}).get("customerToken"),
        endpoint=endpoint.get("stigg", {}).get("customerToken"),
        by_email=response.headers.get("helpscout-signature"),
        closed="no-store" in response.headers.get("cache-control", ""),
        varies="cookie" in response.headers.get("vary", "").lower(),
    )


def expected(case: Case) -> Seen:
    """Return what every framework must show."""
    stigg, helpscout = signers()
    token = None if case.id is None else stigg.sign(case.id)
    email = case.email if "header" in case.places else None
    shown = {place: token if place in case.places else None for place in PLACES}
    return Seen(
        status=case.status,
        by_email=None if email is None else helpscout.sign(Principal(email=email)),
        closed=case.closed,
        varies=case.varies,
        **shown,
    )


PLACES = ("state", "header", "template", "endpoint")


def _endpoint(response: Response) -> dict[str, Any]:
    assert response.status in {200, 401, 503}
    assert "no-store" in response.headers["cache-control"]
    found: dict[str, Any] = json.loads(response.body) if response.status == 200 else {}
    return found

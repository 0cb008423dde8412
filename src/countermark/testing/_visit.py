"""Requests one route as all users, with changed parameters, and looks for faults."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from countermark.testing._clients import Parameter, Request
from countermark.testing._driver import Driver, Observation
from countermark.testing._faults import ANONYMOUS, Fault, Usual, described, fault_with
from countermark.testing._response_view import view_of
from countermark.testing._routes import Route
from countermark.testing._shrinking import smallest
from countermark.testing._tampering import SAFE, claims_of, tampered_with

_VALIDATORS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
_MOST_TRIALS = 200
_MOST_SPLITS = 100


class FaultFound(Exception):  # the assertion raises its message
    """A response has a fault; the message describes it."""


class Visit:
    """The requests to one route by one method.

    Args:
        driver: Drives the application.
        route: The route.
        method: The method.
        names: Names of parameters in addition to the usual ones and those of the route.
    """

    def __init__(self, driver: Driver, route: Route, method: str, names: tuple[str, ...]) -> None:
        self._driver, self._route, self._method = driver, route, method
        self._names = (*route.names, *names)
        # Other methods change the state of a session, so each request has one of its own.
        self._sessions = driver.sessions() if method in SAFE else {}
        self._usual: dict[Hashable, Usual] = {}
        self._latest: dict[Hashable, Observation] = {}
        self._fill: str | None = None
        self._splits = _MOST_SPLITS

    def run(self) -> None:
        """Send all requests.

        Raises:
            FaultFound: A response has a fault.
        """
        users = [*self._driver.users]
        if self._route.has_parameters and self._request_as(users[0]).status == 404:
            self._fill = "1"  # an id that is a number
        for user in (*users, ANONYMOUS, ANONYMOUS, *reversed(users)):
            self._request_as(user)
        for user, other in zip((ANONYMOUS, *users), (*users, users[0]), strict=True):
            self._claim_to_be(user, other)
        if self._method in SAFE:
            for user in users:
                self._ask_again(user)
                self._log_out(user)

    def _request_as(self, user: Hashable) -> Observation:
        """Request the route without parameters, and note what is usual."""
        before = self._usual.pop(user, None)
        observed = self._check(user, self._own_request(user))
        usual = Usual.of(observed.found)
        self._usual[user] = usual if before is None else before.common_with(usual)
        self._latest[user] = observed
        return observed

    def _claim_to_be(self, user: Hashable, other: Hashable) -> None:
        """Request the route as *user*, with the ids of *other* in all places."""
        own = self._own_request(user)
        for value in claims_of(other, self._driver.users[other]):
            if self._route.has_parameters:
                self._check(user, Request(self._method, self._route.filled(value)))
            for parameters in tampered_with(self._method, self._names, value):
                self._probe(user, own._replace(parameters=parameters))

    def _probe(self, user: Hashable, request: Request) -> None:
        """Send a request; if the application refuses a parameter, send the others apart."""
        observed = self._check(user, request)
        refused = observed.status >= 400 and observed.status != self._latest[user].status
        if refused and len(request.parameters) > 1 and self._splits > 0:
            self._splits -= 1
            half = len(request.parameters) // 2
            for part in (request.parameters[:half], request.parameters[half:]):
                self._probe(user, request._replace(parameters=part))

    def _ask_again(self, user: Hashable) -> None:
        """Send the request of a browser that has stored the response."""
        view = self._latest[user].view
        found = [
            Parameter("header", header, value)
            for name, header in _VALIDATORS.items()
            for value in (view.values(name)[:1] if view else ())
        ]
        if found:
            self._check(user, self._own_request(user)._replace(parameters=tuple(found)))

    def _log_out(self, user: Hashable) -> None:
        """Sign the user out, and search the responses and cookies from then on."""
        logout = self._driver.functions.logout
        if logout is None:
            return
        session, request = self._driver.session(user), self._own_request(user)
        self._driver.request(session, user, request)
        response: Any = logout(session.client)
        search = self._driver.search
        if hasattr(response, "status_code"):
            for one in search.find(view_of(response)):
                detail = "call forget() of the request's identity in the view that signs out"
                raise FaultFound(described(user, None, fault_with("at logout", one, detail), []))
        found = self._driver.request(session, ANONYMOUS, request).found
        for name, value in session.cookies.items():
            found += search.find_in_text(value, f"the cookie {name} of the client")
        for one in found:
            detail = "it is still there after a request, logout=, and the same request"
            fault = fault_with("logged out", one, detail)
            raise FaultFound(described(user, request, fault, []))

    def _check(self, user: Hashable, request: Request) -> Observation:
        """Send a request and return what it shows.

        Raises:
            FaultFound: The response has a fault.
        """
        session = self._sessions.get(user) or self._driver.session(user)
        observed = self._driver.request(session, user, request, self._usual.get(user))
        if observed.fault is not None:
            raise FaultFound(self._reduced(user, request, observed.fault))
        return observed

    def _reduced(self, user: Hashable, request: Request, fault: Fault) -> str:
        """Return the description of a fault, with the smallest request that shows it."""
        shown = fault

        def shows_fault(changed: Request) -> bool:
            nonlocal shown
            session = self._driver.sessions()[user]
            found = self._driver.observe(session, user, changed, self._usual.get(user)).fault
            if found is None or not fault.same_as(found):
                return False
            shown = found
            return True

        if not shows_fault(request):
            note = "note: it did not happen again in new sessions; earlier requests matter"
            return described(user, request, fault, [note])
        if request.parameters:
            request = smallest(request, shows_fault, _MOST_TRIALS)
        return described(user, request, shown, [])

    def _own_request(self, user: Hashable) -> Request:
        users = self._driver.users
        principal = next(iter(users.values())) if user is ANONYMOUS else users[user]
        return Request(self._method, self._route.filled(self._fill or principal.label))

"""Drives an application as several users, and checks whose tokens its responses have."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

from countermark._option_checks import check_functions, is_async
from countermark._redaction import guarded
from countermark.errors import ConfigurationError
from countermark.principal import Principal, Signable
from countermark.signing._signer import Signer
from countermark.testing._application import middlewares_of, resolvers_of
from countermark.testing._assertions import signer_of
from countermark.testing._driver import Driver, Functions
from countermark.testing._faults import ANONYMOUS
from countermark.testing._parameter_names import names_in_code
from countermark.testing._routes import METHODS, Route, given_routes, routes_of
from countermark.testing._visit import FaultFound, Visit


def assert_own_identity_only(
    client: Callable[[], Any],
    login: Callable[[Any, Any], object],
    users: Mapping[Any, Signable],
    paths: Iterable[str] | None = None,
    *,
    signers: str | Signer | Iterable[str | Signer],
    logout: Callable[[Any], object] | None = None,
    methods: Iterable[str] = METHODS,
    parameters: Iterable[str] = (),
    exclude: Iterable[str] = (),
    max_requests: int = 10_000,
) -> None:
    """Check that each response of an application has tokens of the current user alone.

    Each path is requested by each user, twice and in turns, and by an anonymous user. Then
    each user, and the anonymous one, claims to be another user: by usual names of query
    parameters, headers, cookies, and entries of forms and JSON, by the names in the code of
    the route, the resolver and the middlewares, and by the parameters of the path. A response
    fails

    - if it has a token of another user, or any token for an anonymous user or after *logout*,
    - if a parameter changes the claims of a token,
    - if it has a token, and a shared cache or the browser's may serve it to another user.

    It also fails if a user never gets a token, or a response has the status 429, since then
    nothing was tested. Requests other than GET are sent in a new session each. An error that
    the application raises counts as a response without a token.

    Args:
        client: Returns a new test client of Starlette, FastAPI, httpx, Django, Django REST
            framework, Flask or Werkzeug, such as ``app.test_client``.
        login: Takes a client and a key of *users*, and signs that user in.
        users: Two users or more, each with the principal that the application signs.
        paths: The paths, such as ``"/"``, ``"/search?page=1"`` or ``"POST /orders/{id}"``.
            None: those of the application's router, with all their methods.
        signers: The signers of the application; or names of schemes, whose secrets and
            settings are then read from their environment variables.
        logout: Takes a client and signs its user out. If it returns the response, that is
            checked too.
        methods: The methods of the router's paths to request.
        parameters: Further names of parameters, headers or cookies to try.
        exclude: Paths of the router to leave out, for instance of a page on which staff
            become another user.
        max_requests: The maximum number of requests, without up to 200 to find the smallest
            request that fails.

    Raises:
        AssertionError: A response fails. The message has the smallest request that does it.
        ConfigurationError: An argument is invalid, or *max_requests* is not enough.
    """
    __tracebackhide__ = True
    try:
        functions = _checked(client, login, logout)
        driver = Driver(
            functions, _principals(users), _signers(signers), _checked_limit(max_requests)
        )
        sample = driver.session(ANONYMOUS).client
        names = (
            *_listed("parameters", parameters),
            *names_in_code(*resolvers_of(sample)),
            *names_in_code(*middlewares_of(sample)),
        )
        if paths is None:
            chosen = _chosen(routes_of(sample), _methods(methods), _listed("exclude", exclude))
        else:
            chosen = _chosen(given_routes(paths))
        for route, method in chosen:
            Visit(driver, route, method, names).run()
        problem = driver.untested()
    except FaultFound as found:
        problem = str(found)
    finally:
        del client, login, users, paths, signers, logout, methods, parameters, exclude, max_requests
    if problem is not None:
        raise AssertionError(problem)


@guarded
def _checked(client: Any, login: Any, logout: Any) -> Functions:
    if not callable(client) or is_async(client):
        raise ConfigurationError(
            "client= must be a function that returns a new client, such as app.test_client or"
            " lambda: TestClient(app)"
        )
    if not callable(login):
        raise ConfigurationError("login= must be a function that takes a client and a user")
    check_functions(login=login, logout=logout)
    return Functions(client, login, logout)


@guarded
def _principals(users: Any) -> dict[Hashable, Principal]:
    if not isinstance(users, Mapping) or len(users) < 2:
        raise ConfigurationError(
            "users= must be a mapping of two users or more, such as {'ann': Principal('user-1'),"
            " 'ben': Principal('user-2')}"
        )
    principals = {
        name: given if isinstance(given, Principal) else Principal(given)
        for name, given in users.items()
    }
    if len(set(principals.values())) < len(principals):
        raise ConfigurationError("users= must have different principals")
    return principals


@guarded
def _listed(name: str, given: Any) -> tuple[str, ...]:
    listed = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else None
    if listed is None or not all(isinstance(text, str) for text in listed):
        raise ConfigurationError(f"{name}= must be a list of texts")
    return listed


@guarded
def _signers(signers: Any) -> list[Signer]:
    several = isinstance(signers, Iterable) and not isinstance(signers, str | bytes | Mapping)
    found = [signer_of(signer) for signer in (signers if several else [signers])]
    if not found:
        raise ConfigurationError("signers= must have at least one signer")
    return found


@guarded
def _methods(given: Any) -> tuple[str, ...]:
    listed = _listed("methods", given)
    if not listed or not set(listed) <= set(METHODS):
        raise ConfigurationError(f"methods= must name some of {', '.join(METHODS)}")
    return listed


@guarded
def _checked_limit(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise ConfigurationError("max_requests= must be a whole number above 0")
    return given


def _chosen(
    routes: Iterable[Route], methods: tuple[str, ...] = (), excluded: tuple[str, ...] = ()
) -> Iterator[tuple[Route, str]]:
    """Yield the routes that are not excluded, once by each method; no *methods* means all."""
    seen = set()
    for route in routes:
        for method in route.methods:
            key = (route.path, method)
            chosen = not methods or method in methods
            if chosen and route.path not in excluded and key not in seen:
                seen.add(key)
                yield route, method

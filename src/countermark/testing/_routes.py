"""The routes of an application, read from its router."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from countermark._redaction import guarded
from countermark.errors import ConfigurationError
from countermark.testing._application import layers_of
from countermark.testing._parameter_names import calls_of, names_in_code, names_of_dependencies

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Parameters: {id} and {id:int} of Starlette, <id> and <int:id> of Flask and Django.
_PARAMETER = re.compile(r"\{[^{}]*\}|<[^<>]*>")
# A named group of a regular expression, as in Django's re_path().
_GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()\\]|\\.)*\)")


class Route(NamedTuple):
    """A path with its methods."""

    path: str  #: It may have parameters, such as ``{id}`` or ``<int:id>``.
    methods: tuple[str, ...]
    names: tuple[str, ...] = ()  #: The names of parameters that its code may read.

    @property
    def has_parameters(self) -> bool:
        """True if the path has parameters."""
        return _PARAMETER.search(self.path) is not None

    def filled(self, value: str) -> str:
        """Return the path, encoded, with *value* for each parameter."""
        constants = _PARAMETER.split(self.path)
        return quote(value, safe="").join(
            quote(part, safe="/:@!$&'()*+,;=~%?") for part in constants
        )


def routes_of(client: Any) -> list[Route]:
    """Return the routes of the application that *client* requests.

    Raises:
        ConfigurationError: Its router is unknown.
    """
    found = list(_of_django() if hasattr(client, "generic") else _of_application(client))
    if not found:
        raise ConfigurationError(
            "the routes of the application are unknown; give paths=, such as ['/', 'POST /orders']"
        )
    return found


@guarded
def given_routes(paths: Iterable[str]) -> list[Route]:
    """Return the routes that a user has given: paths, with a method in front or without.

    Raises:
        ConfigurationError: *paths* is not a list of paths.
    """
    if isinstance(paths, str) or not isinstance(paths, Iterable):
        raise ConfigurationError("paths= must be a list of paths, such as ['/', 'POST /orders']")
    routes = []
    for given in paths:
        method, _, path = str(given).rpartition(" ")
        if not path.startswith("/") or not re.fullmatch("[A-Z]*", method):
            raise ConfigurationError(
                "each of paths= must be a path such as '/orders/{id}', or 'POST /orders'"
            )
        routes.append(Route(path, (method or "GET",)))
    return routes


def _of_application(client: Any) -> Iterator[Route]:
    for layer in layers_of(client):
        if hasattr(layer, "url_map"):
            return _of_flask(layer)
        if hasattr(layer, "routes"):
            return _of_starlette(layer.routes, "")
    return iter(())


def _of_flask(app: Any) -> Iterator[Route]:
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        kind = getattr(view, "view_class", None)  # of a class of views
        yield _route(rule.rule, rule.methods or (), view if kind is None else kind)


def _of_starlette(routes: Iterable[Any], prefix: str) -> Iterator[Route]:
    for given in routes:
        route = getattr(given, "starlette_route", None) or given
        path, inner = prefix + getattr(route, "path", ""), getattr(route, "routes", None)
        if hasattr(route, "effective_route_contexts"):  # a router that FastAPI includes
            yield from _of_starlette(route.effective_route_contexts(), prefix)
        elif inner:
            yield from _of_starlette(inner, path)
        elif hasattr(route, "endpoint") and not type(route).__name__.endswith("WebSocketRoute"):
            endpoint = route.endpoint
            methods = getattr(route, "methods", None) or _methods_of(endpoint)
            dependant = getattr(route, "dependant", None)
            functions = (*_functions_of(endpoint), *calls_of(dependant))
            yield _route(path, methods, *functions, names=names_of_dependencies(dependant))


def _of_django() -> Iterator[Route]:
    from django.urls import get_resolver

    return _of_patterns(get_resolver().url_patterns, "/")


def _of_patterns(patterns: Iterable[Any], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + _without_regex(str(pattern.pattern))
        if hasattr(pattern, "url_patterns"):
            yield from _of_patterns(pattern.url_patterns, path)
        elif not re.search(r"[\\()\[\]|*+?^$]", path):  # other regular expressions have no path
            yield _of_view(path, pattern.callback)


def _of_view(path: str, view: Any) -> Route:
    """Return the route of a view of Django: a function, a class, or a view set."""
    kind = getattr(view, "view_class", None) or getattr(view, "cls", None)
    actions = getattr(view, "actions", None)  # of a view set of REST framework
    readers = getattr(kind, "authentication_classes", ())
    if actions:
        functions = [getattr(kind, name, None) for name in actions.values()]
        return _route(path, map(str.upper, actions), *functions, *readers)
    if kind is not None:
        return _route(path, _methods_of(kind), *_functions_of(kind), *readers)
    return _route(path, ("GET", "POST"), view)  # it may look at the method itself


def _without_regex(pattern: str) -> str:
    text = _GROUP.sub(r"<\1>", pattern)
    return text.removeprefix("^").removesuffix("$").removesuffix("\\Z").replace("\\.", ".")


def _route(path: str, methods: Iterable[str], *functions: Any, names: Iterable[str] = ()) -> Route:
    given = set(methods)
    known = tuple(method for method in METHODS if method in given)
    return Route(path, known, tuple(dict.fromkeys([*names, *names_in_code(*functions)])))


def _functions_of(view: Any) -> list[Any]:
    """Return the view, or the methods of a class that is one."""
    if isinstance(view, type):
        return [getattr(view, method.lower(), None) for method in METHODS]
    return [view]


def _methods_of(view: Any) -> list[str]:
    """Return the methods of a class that has a method for each; of a function, GET."""
    return [name for name in METHODS if hasattr(view, name.lower())] or ["GET"]

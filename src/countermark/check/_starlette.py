"""The middlewares and routes of Starlette and FastAPI."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from countermark.check._parts import part_of
from countermark.check._walk import Place, Walk


def expand(walk: Walk, app: Any, place: Place) -> None:
    """Add the middlewares of an application of Starlette or FastAPI, and those of its routes."""
    own = place.inside(gets_lifespan=True)
    for declared in app.user_middleware:  # the first is the outermost
        walk.declare(declared.cls, declared.args, declared.kwargs, own)
    _add_routes(walk, app.routes, own)


def _add_routes(walk: Walk, routes: Iterable[Any], place: Place) -> None:
    for given in routes:
        route = getattr(given, "starlette_route", None) or given
        if hasattr(route, "effective_route_contexts"):  # a router that FastAPI includes
            _add_routes(walk, route.effective_route_contexts(), place)
            continue
        inner = getattr(route, "app", None)
        is_mount = not hasattr(route, "endpoint")
        if inner is not None and (is_mount or part_of(inner, "") is not None):
            # The server's lifespan does not reach mounts and routes.
            walk.follow(inner, place.inside(gets_lifespan=False))
        if hasattr(route, "dependant"):
            _add_dependencies(walk, route.dependant)
        _add_routes(walk, getattr(route, "routes", None) or (), place)


def _add_dependencies(walk: Walk, dependant: Any) -> None:
    for dependency in dependant.dependencies:
        walk.find_part(dependency.call)
        _add_dependencies(walk, dependency)

"""The middlewares of Litestar, which it builds for each route."""

from __future__ import annotations

from typing import Any

from countermark.check._cors import cors_of_starlette
from countermark.check._names import short_name
from countermark.check._walk import Place, Walk


def expand(walk: Walk, app: Any, place: Place) -> None:
    """Add the middlewares of an application of Litestar, and those of its handlers."""
    own = place.inside(gets_lifespan=True)
    if app.cors_config is not None:
        walk.add_cors("CORSConfig", cors_of_starlette(vars(app.cors_config)), own)
    chains = {tuple(map(id, app.middleware)): list(app.middleware)}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", None) or [route.route_handler]:
            chain = handler.resolve_middleware()[::-1]  # the outermost first
            chains.setdefault(tuple(map(id, chain)), chain)
    # Middlewares are around routes, so the server's lifespan does not reach them.
    flushes = any(short_name(hook) == "flush" for hook in app.on_shutdown)
    for chain in chains.values():
        inside = own.inside(gets_lifespan=flushes)
        for declared in chain:
            options = getattr(declared, "kwargs", {})
            cls = getattr(declared, "middleware", declared)
            walk.declare(cls, getattr(declared, "args", ()), options, inside)

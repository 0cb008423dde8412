"""The wrappers of Flask and Quart, and the settings of Flask-CORS."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from countermark.check._application import Cors, header_set
from countermark.check._cors import allows_foreign
from countermark.check._names import closure_of
from countermark.check._walk import Place, Walk


def expand_flask(walk: Walk, app: Any, place: Place) -> None:
    """Add the wrappers in ``app.wsgi_app``, and the settings of Flask-CORS."""
    inside = place.inside(gets_lifespan=False)
    walk.follow(app.wsgi_app, inside)
    walk.add_kind("buffering", "compression", inside)
    for hook in app.after_request_funcs.get(None, ()):
        if isinstance(hook, FunctionType) and hook.__module__.startswith("flask_cors."):
            # Its options are nowhere else: paths, each with an object of options.
            for _, options in closure_of(hook).get("resources", ()):
                walk.add_cors("Flask-CORS", _cors_of(options), inside)


def expand_quart(walk: Walk, app: Any, place: Place) -> None:
    """Add the wrappers in ``app.asgi_app``."""
    walk.follow(app.asgi_app, place.inside(gets_lifespan=True))


def _cors_of(options: Any) -> Cors:
    allowed = options.allow_headers
    exposed = (options.expose_headers or "").split(",")
    return Cors(
        every_origin=options.allow_all_origins
        or allows_foreign(one for one in options.origins if not isinstance(one, str)),
        credentials=options.supports_credentials,
        exposed=header_set([name.strip() for name in exposed]),
        # A pattern, such as that of the default, may match each name.
        allowed=header_set(allowed) if all(isinstance(one, str) for one in allowed) else None,
    )

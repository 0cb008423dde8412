"""The JavaScript of the front end under WSGI."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from countermark.frontend._serving import respond_script
from countermark.wsgi._sending import send_response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class ScriptEndpoint:
    """The module ``countermark.js``: a WSGI application to mount anywhere.

    It responds as :class:`countermark.asgi.ScriptEndpoint` does.
    """

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        tags = environ.get("HTTP_IF_NONE_MATCH")
        return send_response(respond_script(environ["REQUEST_METHOD"], tags), start_response)

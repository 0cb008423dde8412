"""Commands of servers that replace the peer's address by one from a header, or may do so.

Each command has a place for the port, and one for the application: its module and name.
"""

from __future__ import annotations

from tests.integration.servers import python

_HYPERCORN_FIX = """
import {loop}
from hypercorn.{loop} import serve
from hypercorn.config import Config
from hypercorn.middleware import ProxyFixMiddleware
from {module} import {name} as app
config = Config()
config.bind = ["127.0.0.1:{port}"]
{run}(serve, ProxyFixMiddleware(app, mode="{mode}"), config)
"""
_ASYNCIO = "(lambda serve, *given: asyncio.run(serve(*given)))"

_PROXY_FIX = """
from werkzeug.middleware.proxy_fix import ProxyFix
from {module} import {name}
app = ProxyFix({name}, x_for=1)
"""
_WERKZEUG = """
from werkzeug.serving import run_simple
run_simple("127.0.0.1", {port}, app, threaded=True)
"""
_WSGIREF = """
from wsgiref.simple_server import make_server
make_server("127.0.0.1", {port}, app).serve_forever()
"""
_GUNICORN_APP = """
from gunicorn.app.base import BaseApplication
class Served(BaseApplication):
    def load_config(self):
        self.cfg.set("bind", "127.0.0.1:{port}")
    def load(self):
        return app
Served().run()
"""
_WAITRESS = """
from waitress import serve
from {module} import {name} as app
serve(app, host="127.0.0.1", port={port}, trusted_proxy="*", trusted_proxy_headers="{headers}")
"""
_GRANIAN = ["-m", "granian", "--port={port}", "tests.integration.proxy_granian:{name}"]
_UVICORN = ["-m", "uvicorn", "--port={port}", "{module}:{name}"]
_GUNICORN = ["-m", "gunicorn", "-b127.0.0.1:{port}", "{module}:{name}", "--forwarded-allow-ips=*"]
_HYPERCORN = ["-m", "hypercorn", "-b127.0.0.1:{port}"]

ASGI = {
    "uvicorn": _UVICORN,
    "uvicorn that trusts all": [*_UVICORN, "--forwarded-allow-ips=*"],
    "gunicorn's ASGI worker": [*_GUNICORN, "-kasgi"],
    "hypercorn": [*_HYPERCORN, "{module}:{name}"],
    "hypercorn on trio": [*_HYPERCORN, "-ktrio", "{module}:{name}"],
    "hypercorn's ProxyFixMiddleware": [
        "-c",
        _HYPERCORN_FIX.replace("{loop}", "asyncio")
        .replace("{run}", _ASYNCIO)
        .replace("{mode}", "legacy"),
    ],
    "hypercorn's modern ProxyFixMiddleware on trio": [
        "-c",
        _HYPERCORN_FIX.replace("{loop}", "trio")
        .replace("{run}", "trio.run")
        .replace("{mode}", "modern"),
    ],
    "daphne": ["-m", "daphne", "-b127.0.0.1", "-p{port}", "--proxy-headers", "{module}:{name}"],
    "granian": [*_GRANIAN, "--interface=asgi"],
}

WSGI = {
    "uvicorn's WSGI interface": [*_UVICORN, "--interface=wsgi"],
    "hypercorn with WSGI": [*_HYPERCORN, "{module}:{name}"],
    "gunicorn": _GUNICORN,
    "gunicorn with threads": [*_GUNICORN, "--threads=2"],
    "gunicorn and ProxyFix": ["-c", _PROXY_FIX + _GUNICORN_APP],
    "Werkzeug and ProxyFix": ["-c", _PROXY_FIX + _WERKZEUG],
    "wsgiref and ProxyFix": ["-c", _PROXY_FIX + _WSGIREF],
    "wsgiref": ["-c", "from {module} import {name} as app" + _WSGIREF],
    "waitress": ["-c", _WAITRESS.replace("{headers}", "x-forwarded-for")],
    "waitress and Forwarded": ["-c", _WAITRESS.replace("{headers}", "forwarded")],
    "granian with WSGI": [*_GRANIAN, "--interface=wsgi"],
}


#: Servers that hand over the socket, and so prove the peer.
PROVING = ["gunicorn", "gunicorn with threads", "gunicorn and ProxyFix", "Werkzeug and ProxyFix"]

#: Servers that are set up to keep the peer's address, or do so by default.
KEEPING = {
    "uvicorn": [*_UVICORN, "--no-proxy-headers"],
    "gunicorn's ASGI worker": ASGI["gunicorn's ASGI worker"],
    "hypercorn": ASGI["hypercorn"],
    "hypercorn on trio": ASGI["hypercorn on trio"],
    "daphne": ["-m", "daphne", "-b127.0.0.1", "-p{port}", "{module}:{name}"],
    "granian": ["-m", "granian", "--port={port}", "--interface=asgi", "{module}:{name}"],
    "granian with WSGI": ["-m", "granian", "--port={port}", "--interface=wsgi", "{module}:{name}"],
    "wsgiref": WSGI["wsgiref"],
    "waitress": ["-m", "waitress", "--listen=127.0.0.1:{port}", "{module}:{name}"],
}


def command(server: str, name: str, port: int, *, keeps: bool = False) -> list[str]:
    """Return the command that serves ``asgi_``*name* or ``wsgi_``*name* of ``proxy_apps``.

    With *keeps*, it is the one of :data:`KEEPING`.
    """
    kind = "asgi" if server in ASGI else "wsgi"
    arguments = KEEPING[server] if keeps else (ASGI | WSGI)[server]
    values = {
        "{module}": "tests.integration.proxy_apps",
        "{name}": f"{kind}_{name}",
        "{port}": str(port),
    }
    filled = []
    for argument in arguments:
        for place, value in values.items():
            argument = argument.replace(place, value)  # noqa: PLW2901
        filled.append(argument)
    return python(*filled)

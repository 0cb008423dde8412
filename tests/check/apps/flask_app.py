"""Flask, with six faults."""

import gzip
from typing import Any

from flask import Flask
from flask_cors import CORS

from countermark import Keyring, Signer
from countermark.flask import Countermark


class GzipMiddleware:
    def __init__(self, wsgi_app: Any) -> None:
        self.wsgi_app = wsgi_app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        started: list[Any] = []
        body = gzip.compress(b"".join(self.wsgi_app(environ, lambda *head: started.extend(head))))
        status, headers = started[:2]
        start_response(status, [*headers, ("Content-Encoding", "gzip")])
        return [body]


def create_app() -> Flask:
    app = Flask(__name__)
    app.wsgi_app = GzipMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    app.config["COUNTERMARK_SIGNERS"] = [
        Signer("cognito-flow", Keyring("sandbox_secret_" + "abcd1234" * 8)),
        Signer("canny-hash", Keyring("too short"), header="Canny-Hash"),
    ]
    app.config["COUNTERMARK_VARY"] = ["Cookies"]
    Countermark(app, principal=lambda environ: None)
    CORS(app, supports_credentials=True, expose_headers=["Canny-Hash", "Cognito-Flow-Signature"])
    return app

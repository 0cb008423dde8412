"""Receivers in frameworks, for the tests with real servers, which import them by name.

With ``WEBHOOKS_BARE`` in the environment there is no middleware around them.
"""

from __future__ import annotations

import os

from countermark.asgi import WebhookMiddleware as ASGIWebhookMiddleware
from countermark.wsgi import WebhookMiddleware as WSGIWebhookMiddleware
from tests.frameworks.webhook_receivers import PATH, flask_app, quart_app
from tests.webhooks.samples import verifier

wsgi_app, asgi_app = flask_app(), quart_app()
if "WEBHOOKS_BARE" not in os.environ:
    stigg = verifier("stigg")
    wsgi_app.wsgi_app = WSGIWebhookMiddleware(wsgi_app.wsgi_app, verifier=stigg, paths=PATH)
    asgi_app = ASGIWebhookMiddleware(asgi_app, verifier=stigg, paths=PATH)

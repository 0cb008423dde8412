"""Countermark for ASGI applications."""

from countermark.asgi.signing import SignaturesEndpoint as SignaturesEndpoint
from countermark.asgi.signing import SigningMiddleware as SigningMiddleware
from countermark.asgi.types import App as App
from countermark.asgi.types import Message as Message
from countermark.asgi.types import Receive as Receive
from countermark.asgi.types import Scope as Scope
from countermark.asgi.types import Send as Send
from countermark.asgi.verifying import VerifyingMiddleware as VerifyingMiddleware
from countermark.asgi.webhooks import WebhookMiddleware as WebhookMiddleware

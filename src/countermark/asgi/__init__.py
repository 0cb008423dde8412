"""Countermark for ASGI applications."""

from countermark.asgi._leaks import LeakGuardMiddleware as LeakGuardMiddleware
from countermark.asgi._lifespan_middleware import LifespanMiddleware as LifespanMiddleware
from countermark.asgi._rollout import RolloutPage as RolloutPage
from countermark.asgi._script import ScriptEndpoint as ScriptEndpoint
from countermark.asgi._signing import SignaturesEndpoint as SignaturesEndpoint
from countermark.asgi._signing import SigningMiddleware as SigningMiddleware
from countermark.asgi._types import App as App
from countermark.asgi._types import Message as Message
from countermark.asgi._types import Receive as Receive
from countermark.asgi._types import Scope as Scope
from countermark.asgi._types import Send as Send
from countermark.asgi._verifying import VerifyingMiddleware as VerifyingMiddleware
from countermark.asgi._webhooks import WebhookMiddleware as WebhookMiddleware

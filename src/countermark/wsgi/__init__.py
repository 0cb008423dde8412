"""Countermark for WSGI applications."""

from countermark.wsgi._leaks import LeakGuardMiddleware as LeakGuardMiddleware
from countermark.wsgi._rollout import RolloutPage as RolloutPage
from countermark.wsgi._script import ScriptEndpoint as ScriptEndpoint
from countermark.wsgi._signing import IDENTITY_KEY as IDENTITY_KEY
from countermark.wsgi._signing import SignaturesEndpoint as SignaturesEndpoint
from countermark.wsgi._signing import SigningMiddleware as SigningMiddleware
from countermark.wsgi._verifying import VERDICT_KEY as VERDICT_KEY
from countermark.wsgi._verifying import VERIFIED_IDENTITY_KEY as VERIFIED_IDENTITY_KEY
from countermark.wsgi._verifying import VerifyingMiddleware as VerifyingMiddleware
from countermark.wsgi._webhooks import WebhookMiddleware as WebhookMiddleware

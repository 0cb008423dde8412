"""Countermark for WSGI applications."""

from countermark.wsgi.signing import ENVIRON_KEY as ENVIRON_KEY
from countermark.wsgi.signing import SignaturesEndpoint as SignaturesEndpoint
from countermark.wsgi.signing import SigningMiddleware as SigningMiddleware
from countermark.wsgi.verifying import VERDICT_KEY as VERDICT_KEY
from countermark.wsgi.verifying import VERIFIED_IDENTITY_KEY as VERIFIED_IDENTITY_KEY
from countermark.wsgi.verifying import VerifyingMiddleware as VerifyingMiddleware
from countermark.wsgi.webhooks import WebhookMiddleware as WebhookMiddleware

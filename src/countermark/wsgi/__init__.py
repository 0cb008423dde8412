"""Countermark for WSGI applications."""

from countermark.wsgi.signing import ENVIRON_KEY as ENVIRON_KEY
from countermark.wsgi.signing import SignaturesEndpoint as SignaturesEndpoint
from countermark.wsgi.signing import SigningMiddleware as SigningMiddleware

"""Explains one token or one delivery."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping

from countermark._redaction import guarded
from countermark.errors import AmbiguousSchemeWarning, WeakKeyWarning
from countermark.keys._keyring import Keyring
from countermark.mistakes._explanation import Explanation
from countermark.principal import Signable
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import placeholders_in
from countermark.tokens._options import checked_scheme
from countermark.verifying._verifier import Verifier
from countermark.webhooks._request_head import Headers, Text
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._verifier import WebhookVerifier

# The age of a token is not the question, unless the caller gives a limit.
_ANY_AGE = 999_999_999


@guarded
def explain(
    scheme: str | Scheme,
    keyring: Keyring,
    token: str | bytes,
    principal: Signable | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    environment: str | None = None,
    other_environments: Mapping[str, Keyring] | None = None,
    max_age: float | None = None,
    clock: Callable[[], float] = time.time,
) -> Explanation:
    """Check a token, and look for the mistake that explains why it is refused.

    It takes up to a second. Nothing is raised for any token or principal.

    Args:
        scheme: The name of a scheme of the catalogue, or a scheme.
        keyring: The keys; a short secret is accepted.
        token: The token, as it was seen.
        principal: The principal that the token should be for, or its id.
        settings: As for :class:`countermark.Verifier`.
        environment: As for :class:`countermark.Verifier`.
        other_environments: As for :class:`countermark.Verifier`.
        max_age: The maximum age of a token with a time of issue, in seconds; None: any.
        clock: Returns the time, in seconds since the epoch.

    Raises:
        ConfigurationError: The scheme's tokens cannot be verified, or the other arguments do
            not fit together.
    """
    scheme = checked_scheme(scheme)
    if max_age is None and scheme.mac and _shows_time(scheme):
        max_age = _ANY_AGE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeakKeyWarning)
        warnings.simplefilter("ignore", AmbiguousSchemeWarning)
        verifier = Verifier(
            scheme,
            keyring,
            settings=settings,
            environment=environment,
            other_environments=other_environments,
            max_age=max_age,
            allow_short_secret=True,
            clock=clock,
        )
    return verifier.explain(token, principal)


@guarded
def explain_webhook(
    scheme: str | WebhookScheme,
    keyring: Keyring | Mapping[str, Keyring],
    *,
    headers: Headers,
    body: Text,
    method: Text = "POST",
    path: Text = "/",
    tolerance: float | None = None,
    base_url: str | None = None,
    verify_token: Keyring | None = None,
    clock: Callable[[], float] = time.time,
) -> Explanation:
    """Check a delivery, and look for the mistake that explains why it is refused.

    It takes up to a second. The arguments are those of
    :func:`countermark.webhooks.verify_webhook` and :class:`countermark.webhooks.WebhookVerifier`.

    Raises:
        ConfigurationError: An argument has the wrong type, or two contradict each other.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeakKeyWarning)
        verifier = WebhookVerifier(
            scheme,
            keyring,
            tolerance=tolerance,
            base_url=base_url,
            verify_token=verify_token,
            clock=clock,
        )
    return verifier.explain(headers=headers, body=body, method=method, path=path)


def _shows_time(scheme: Scheme) -> bool:
    return any("now" in place.names for place in placeholders_in(scheme.token))

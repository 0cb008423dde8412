"""The verify token, which the vendor repeats in the request that verifies the URL."""

from __future__ import annotations

from countermark.errors import ConfigurationError
from countermark.keys._keyring import Keyring, is_set
from countermark.keys._secret import SecretKey
from countermark.webhooks._candidate_keys import CandidateKey, secret_candidates
from countermark.webhooks._scheme import WebhookScheme


def verify_token_from_env(scheme: WebhookScheme) -> Keyring | None:
    """Return the verify token in the environment variable that the scheme names, or None.

    Raises:
        InvalidKey: It is invalid.
    """
    variable = scheme.token_variable
    return Keyring.from_env(variable) if variable and is_set(variable) else None


def verify_tokens(scheme: WebhookScheme, given: object) -> list[CandidateKey]:
    """Return the verify tokens, ready to be compared; none if *given* is None.

    Raises:
        ConfigurationError: *given* is not a keyring, or the scheme has no verify token.
    """
    if given is None:
        return []
    if not scheme.token_variable:
        raise ConfigurationError(f"{scheme.slug} has no verify token; leave verify_token= out")
    if not isinstance(given, Keyring) or not all(
        isinstance(key, SecretKey) for _, key in given.by_role()
    ):
        raise ConfigurationError("verify_token= must be a Keyring with the token, as text")
    return secret_candidates(given)

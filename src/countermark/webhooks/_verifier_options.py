"""Checks the options of a webhook verifier."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import isfinite

from countermark._redaction import shown_variable
from countermark.errors import ConfigurationError
from countermark.keys._keyring import Keyring, checked_keyring
from countermark.webhooks._parts import MAX_TOLERANCE, HttpSignature
from countermark.webhooks._scheme import WebhookScheme


def checked_scheme(scheme: object) -> WebhookScheme:
    """Return the scheme, of the catalogue if *scheme* is a name.

    Raises:
        UnknownScheme: The catalogue has no scheme of that name.
        ConfigurationError: It is neither a name nor a scheme.
    """
    if isinstance(scheme, str):
        return WebhookScheme.load(scheme)
    if not isinstance(scheme, WebhookScheme):
        raise ConfigurationError(
            "scheme must be the name of a webhook scheme, such as 'stigg', or a WebhookScheme"
        )
    return scheme


def checked_rings(scheme: WebhookScheme, keyring: object) -> dict[str, Keyring]:
    """Return the keyrings by key id, which is "" if the vendor names no keys.

    Raises:
        ConfigurationError: The keys do not have the form that the scheme needs.
    """
    if not isinstance(scheme.signature, HttpSignature):
        return {"": checked_keyring(keyring)}
    if isinstance(keyring, Mapping) and keyring:
        rings = dict(keyring)
        if all(isinstance(key_id, str) and key_id for key_id in rings) and all(
            isinstance(ring, Keyring) for ring in rings.values()
        ):
            return rings
    raise ConfigurationError(
        f"{scheme.slug} names its keys: keyring must be a mapping of key ids to keyrings,"
        " such as {'the key id': Keyring(secret)}"
    )


def checked_tolerance(scheme: WebhookScheme, given: object) -> float | None:
    """Return the tolerance in seconds; None: the vendor signs no time.

    Raises:
        ConfigurationError: It is no number of seconds, or too large, or surplus.
    """
    if given is None:
        return None if scheme.timestamp is None else scheme.timestamp.tolerance
    if scheme.timestamp is None:
        raise ConfigurationError(f"{scheme.slug} does not sign a time; leave tolerance= out")
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not isfinite(given) or given <= 0:  # type: ignore[arg-type,operator]
        raise ConfigurationError("tolerance= must be a number of seconds above 0")
    if given > MAX_TOLERANCE:  # type: ignore[operator]
        raise ConfigurationError(
            f"tolerance= must be at most {MAX_TOLERANCE} seconds, as deliveries are remembered for"
            " twice that time"
        )
    return given  # type: ignore[return-value]


def key_ids_from_env(variable: str) -> list[str]:
    """Return the key ids in *variable*, and in those with _PREVIOUS and _NEXT after its name.

    Raises:
        ConfigurationError: The variable is not set.
    """
    if not os.environ.get(variable):
        raise ConfigurationError(
            f"the environment variable {shown_variable(variable)} is not set; set it to the id of"
            " the key"
        )
    names = [f"{variable}{role}" for role in ("", "_PREVIOUS", "_NEXT")]
    return [os.environ[name] for name in names if os.environ.get(name)]

"""The keyrings of environment variables, for signers and verifiers of webhooks."""

from __future__ import annotations

from countermark.errors import ConfigurationError
from countermark.keys._keyring import Keyring
from countermark.keys._user import keyring_of_variable
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._verifier_options import key_ids_from_env


def keyrings_from_env(
    scheme: WebhookScheme, variable: str, *, watch: bool, call: str
) -> Keyring | dict[str, Keyring]:
    """Return the keys of an environment variable that *scheme* names.

    For HTTP signatures, another variable holds the key id; with ``_PREVIOUS`` and ``_NEXT`` after
    its name, it holds further ids, each for all of the keys. The current id is the first.

    Args:
        scheme: The scheme.
        variable: The variable, or "" if the scheme names none.
        watch: Whether to use new contents of the files of the variable.
        call: The class to call with a keyring instead, for a message.

    Raises:
        ConfigurationError: The scheme names no variable, or the variable of the key id is not set.
        InvalidKey: A secret is missing or invalid.
    """
    if not variable:
        raise ConfigurationError(
            f"{scheme.slug} names no environment variable for this key; give the keyring"
            f" yourself: {call}(scheme, Keyring(key))"
        )
    ring, id_variable = keyring_of_variable(variable, watch=watch), scheme.secret.key_id_variable
    return dict.fromkeys(key_ids_from_env(id_variable), ring) if id_variable else ring

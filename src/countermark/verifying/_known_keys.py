"""The keys of a verifier, ready to compare tokens with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from countermark.errors import ConfigurationError
from countermark.keys._keyring import Key, Keyring, Role
from countermark.schemes._scheme import Scheme
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._options import check_keys
from countermark.tokens._reader import MAX_TOKEN, Reader
from countermark.tokens._sharing import shared
from countermark.verifying._results import TokenCheck

#: The codes of tokens that may be another credential.
_CODES: Final = frozenset({"mismatch", "malformed", "principal_missing"})


class KnownKeys:
    """The accepted keys of one scheme, and those of other environments.

    Args:
        scheme: The scheme.
        reader: Reads the tokens of the scheme.
        keyring: The keys that are accepted.
        others: Keyrings of other environments, by name.
        id_rule: The rule for ids, of the scheme and of the user.
        environment: The environment of the verifier, or None.

    Raises:
        ConfigurationError: A key does not fit the scheme or its environment.
    """

    __slots__ = ("accepted", "keyring", "others", "others_prepared", "reader", "scheme")

    #: The role, the key, and the form that the reader compares with, of each accepted key.
    accepted: list[tuple[Role, Key, Any]]

    def __init__(
        self,
        scheme: Scheme,
        reader: Reader,
        keyring: Keyring,
        others: Mapping[str, Keyring],
        *,
        id_rule: ValueRule,
        environment: str | None,
    ) -> None:
        self.scheme = _with_rule(scheme, id_rule)
        self.reader = reader
        self.keyring, self.others = keyring, others
        self.accepted = [(role, key, reader.prepared(key)) for role, key in keyring.by_role()]
        self.others_prepared = []
        for name, ring in others.items():
            if name == environment:
                raise ConfigurationError(
                    "other_environments= must not contain environment= itself; leave it out"
                )
            check_keys(scheme, ring, name, signs=False)
            self.others_prepared += [reader.prepared(key) for _, key in ring.by_role()]

    def credential(self, token: object, code: str) -> TokenCheck | None:
        """Return the outcome for an invalid token that is another credential, or None.

        It contains nothing of the token.

        Args:
            token: The token.
            code: The code without this check.
        """
        if code not in _CODES:
            return None
        from countermark.mistakes._credentials import other_kind, received_secret  # late, as rare

        text = token.decode(errors="replace") if isinstance(token, bytes) else token
        if not isinstance(text, str) or len(text) > MAX_TOKEN:
            return None
        keys: list[tuple[str | None, Key]] = [(role, key) for role, key, _ in self.accepted]
        keys += [(None, key) for ring in self.others.values() for _, key in ring.by_role()]
        received = received_secret(text, keys)
        if received is not None:
            role, key = received
            return TokenCheck("secret_received", None, None, role, key.key_id)
        # A token that does not match has the form of the scheme.
        is_other = code != "mismatch" and other_kind(self.scheme, text) is not None
        return TokenCheck("wrong_credential") if is_other else None


@shared
def _with_rule(scheme: Scheme, id_rule: ValueRule) -> Scheme:
    return scheme._replace(values={**scheme.values, "id": id_rule})

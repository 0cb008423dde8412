"""Explains why a token is refused."""

from __future__ import annotations

from collections.abc import Mapping

from countermark._redaction import guarded
from countermark.keys._keyring import Keyring
from countermark.mistakes._catalogue import mistake
from countermark.mistakes._credentials import other_kind, received_secret
from countermark.mistakes._explanation import UNEXPLAINED, Explanation
from countermark.mistakes._jwt_claims import Clock
from countermark.mistakes._mac_tokens import explain_mac
from countermark.mistakes._siblings import explain_by_sibling
from countermark.principal import Signable
from countermark.schemes._scheme import Scheme
from countermark.tokens._options import with_settings
from countermark.tokens._reader import MAX_TOKEN


@guarded
def explain_token(
    scheme: Scheme,
    keyring: Keyring,
    token: str,
    principal: Signable | None,
    *,
    others: Mapping[str, Keyring],
    settings: Mapping[str, str] | None,
    clock: Clock,
) -> Explanation:
    """Return the mistakes that explain a token that a verifier has refused.

    Args:
        scheme: The scheme.
        keyring: The keys that are accepted.
        token: The token, as it was received.
        principal: The principal that came with it, or None.
        others: Keyrings of other environments, by name.
        settings: The account's constants.
        clock: The time.
    """
    keys = [*keyring.by_role(), *(pair for ring in others.values() for pair in ring.by_role())]
    if len(token) > MAX_TOKEN:
        return UNEXPLAINED
    if received_secret(token, keys):
        return Explanation("explained", (mistake("secret_received"),))
    resolved = with_settings(scheme, settings)
    if scheme.jwt is None:
        found = explain_mac(resolved, keyring, others, token, principal)
    else:
        from countermark.mistakes._jwt_tokens import explain_jwt  # late: most schemes have none

        found = explain_jwt(resolved, keyring, others, token, principal, clock=clock)
    if found.outcome == "unexplained" and found.signed is None:
        return (
            explain_by_sibling(scheme, keyring, token, principal, settings or {})
            or _of_another_kind(scheme, token)
            or found
        )
    return found


def _of_another_kind(scheme: Scheme, token: str) -> Explanation | None:
    kind = other_kind(scheme, token)
    if kind is None:
        return None
    return Explanation("explained", (mistake("wrong_credential", which=kind),))

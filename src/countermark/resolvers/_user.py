"""The principal in a user object that authentication has put into the scope or environ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from countermark._redaction import guarded, shown
from countermark.errors import ConfigurationError
from countermark.principal import Identifier, Principal
from countermark.resolvers._actor import actor_text
from countermark.resolvers._places import OWN_USER, USERS, check_name, check_place
from countermark.signing._principal_lookup import Resolver

#: Returns the principal of a user object, or of None.
UserReader = Callable[[Any], "Principal | Identifier | None"]


@guarded
def from_user(
    attribute: str = "id",
    *,
    key: str = "user",
    actor: str | None = None,
    risk_client_input: bool = False,
    **fields: str,
) -> Resolver:
    """Resolve by the user object that authentication, such as Starlette's, puts into the scope.

    Args:
        attribute: The attribute of the user that holds the id.
        key: The key of the user in the scope or environ: ``user``, or
            ``countermark.user``, which the application's own middleware may set.
        actor: The attribute that is set while staff act as the user: their id, or True.
            While it is set, no token is signed unless ``sign_impersonated=True``.
        risk_client_input: Accept another *key*. If clients can write to it, they get tokens
            for any user. Parts of the request are refused nevertheless.
        fields: Further values that schemes sign: an argument of ``Principal`` and the
            user's attribute that holds it, such as ``email="email"``.

    A user is anonymous if ``is_authenticated`` is false.

    Raises:
        ConfigurationError: *key* is not known to hold a user, or is a part of the
            request; or one of *fields* is not an argument of ``Principal``.
    """
    own = f'Set scope["{OWN_USER}"] in your own middleware'
    check_place(key, USERS, own, risk_client_input=risk_client_input)
    read = principal_of_user(attribute, **(fields if actor is None else {**fields, "actor": actor}))

    def resolve(source: Mapping[str, Any]) -> Principal | Identifier | None:
        return read(source.get(key))

    return resolve


@guarded
def principal_of_user(attribute: str = "id", **fields: str) -> UserReader:
    """Return the function that returns the principal of a user object, or of None.

    Raises:
        ConfigurationError: As for :func:`from_user`.
    """
    for where, given in {"the attribute": attribute, **fields}.items():
        check_name(given, where if given is attribute else "each further field")
    for name in fields:
        if name not in Principal.__slots__ or name == "id":
            known = ", ".join(sorted(set(Principal.__slots__) - {"id"}))
            raise ConfigurationError(
                f"{shown(name, Principal.__slots__)} is not an argument of Principal; use one of"
                f" {known}"
            )

    def read(user: Any) -> Principal | Identifier | None:
        if user is None or not getattr(user, "is_authenticated", True):
            return None
        identifier: Identifier | None = getattr(user, attribute)
        if identifier is None or not fields:
            return identifier
        # Frameworks use an empty text for an address that is not known.
        found = {name: getattr(user, of) or None for name, of in fields.items()}
        if "actor" in fields:
            found["actor"] = actor_text(getattr(user, fields["actor"]))
        return Principal(identifier, **found)

    return read

"""The principal of a user object that authentication has left in the scope or environ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from countermark.errors import ConfigurationError
from countermark.policy import Resolver
from countermark.principal import Identifier, Principal

#: From a user object, or None, to whose request it is.
UserReader = Callable[[Any], "Principal | Identifier | None"]


def from_user(attribute: str = "id", *, key: str = "user", **fields: str) -> Resolver:
    """Resolve by the user object that Starlette's or another authentication puts into the scope.

    Args:
        attribute: The attribute of the user that holds the id.
        key: Where the user is, in the scope or environ.
        fields: What else of the user vendors sign: an argument of ``Principal``
            and the attribute that holds it, such as ``email="email"``.

    A user whose ``is_authenticated`` is false is nobody.

    Raises:
        ConfigurationError: One of *fields* is no argument of ``Principal``.
    """
    read = principal_of_user(attribute, **fields)

    def resolve(source: Mapping[str, Any]) -> Principal | Identifier | None:
        return read(source.get(key))

    return resolve


def principal_of_user(attribute: str = "id", **fields: str) -> UserReader:
    """Return the function from a user object, or None, to their principal.

    Raises:
        ConfigurationError: As for :func:`from_user`.
    """
    for name in fields:
        if name not in Principal.__slots__ or name == "id":
            raise ConfigurationError(f"{name}= is no argument of a Principal")

    def read(user: Any) -> Principal | Identifier | None:
        if user is None or not getattr(user, "is_authenticated", True):
            return None
        identifier: Identifier | None = getattr(user, attribute)
        if identifier is None or not fields:
            return identifier
        # Frameworks leave an address that is not known blank.
        found = {name: getattr(user, of) or None for name, of in fields.items()}
        return Principal(identifier, **found)

    return read

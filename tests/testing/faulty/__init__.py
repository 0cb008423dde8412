"""Small applications, each with one fault that gives a user's token to another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from countermark import Keyring, Principal, Signer
from tests.conftest import SECRET

STIGG = Signer("stigg", Keyring(SECRET))

#: The users, by the names that sign_in() takes.
USERS: dict[str, Principal] = {
    "ann": Principal("user-1", email="ann@a.example"),
    "ben": Principal("user-2", email="ben@a.example"),
}
IDS = {name: str(principal.id) for name, principal in USERS.items()}


class Faulty(NamedTuple):
    """An application, and the fault that must be found.

    Attributes:
        client: Makes a client.
        login: Signs a user of ``USERS`` in.
        message: Texts of the message.
        logout: Signs the user out.
        options: Further arguments of the assertion.
    """

    client: Callable[[], Any]
    login: Callable[[Any, str], object]
    message: tuple[str, ...]
    logout: Callable[[Any], object] | None = None
    options: Mapping[str, Any] = {"signers": STIGG}


def password_of(user: str) -> str:
    return f"{user}'s password"


def id_with(password: str | None) -> str | None:
    """Return the id of the user with a password."""
    found = [id for user, id in IDS.items() if password_of(user) == password]
    return found[0] if found else None

"""Whose request it is by Django's own authentication."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.utils.functional import SimpleLazyObject, empty

from countermark.errors import InvalidPrincipal
from countermark.principal import Identifier, Principal

# Where the lazy user that reads the session comes from.
_OF_DJANGO = "django.contrib.auth.middleware"


def current_user(request: Any) -> Principal | Identifier | None:
    """Return the principal of ``request.user``, None where nobody is signed in."""
    return principal_of(getattr(request, "user", None))


async def acurrent_user(request: Any) -> Principal | Identifier | None:
    """Do the same in an event loop, where a lazy user cannot be asked."""
    user = getattr(request, "user", None)
    if isinstance(user, SimpleLazyObject) and user._wrapped is empty:  # noqa: SLF001
        if getattr(user._setupfunc, "__module__", None) != _OF_DJANGO:  # noqa: SLF001
            # Somebody else's. What auser() says may then be another user.
            return await sync_to_async(principal_of)(user)
        user = await request.auser()
    return principal_of(user)


def principal_of(user: Any) -> Principal | Identifier | None:
    """Return the principal of a user: the primary key, e-mail address and full name.

    Of the last two what the model does not have, or is blank, is left out.
    """
    if user is None or not user.is_authenticated or user.pk is None:
        return None
    field = getattr(user, "get_email_field_name", lambda: "email")()
    email = getattr(user, field, None) or None
    name = getattr(user, "get_full_name", lambda: None)() or None
    try:
        return Principal(user.pk, email=email, name=name)
    except InvalidPrincipal:
        # An odd address is no reason to sign nothing. If it is the key, that shows again.
        key: Identifier = user.pk
        return key

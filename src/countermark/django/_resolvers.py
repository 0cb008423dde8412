"""The principal of Django's own authentication."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.utils.functional import SimpleLazyObject, empty

from countermark.django._impersonation import aactor_from, actor_from
from countermark.errors import InvalidPrincipal
from countermark.principal import Identifier, Principal

# The module of the lazy user that reads the session.
_OF_DJANGO = "django.contrib.auth.middleware"


def current_user(request: Any) -> Principal | Identifier | None:
    """Return the principal of ``request.user``, None if the request is anonymous."""
    return _principal_in(request, getattr(request, "user", None))


async def acurrent_user(request: Any) -> Principal | Identifier | None:
    """Do the same in an event loop, where a lazy user cannot be evaluated."""
    user = getattr(request, "user", None)
    if isinstance(user, SimpleLazyObject) and user._wrapped is empty:  # noqa: SLF001
        if getattr(user._setupfunc, "__module__", None) != _OF_DJANGO:  # noqa: SLF001
            # Another middleware set the user. auser() may return another one.
            return await sync_to_async(_principal_in)(request, user)
        try:
            user = await request.auser()
        except AttributeError:
            # The authentication backend has no aget_user(), such as that of django-su.
            return await sync_to_async(_principal_in)(request, user)
    return principal_of(user, await aactor_from(request)) if _is_known(user) else None


def _principal_in(request: Any, user: Any) -> Principal | Identifier | None:
    # Only for users who are signed in: actor_from() reads the session.
    return principal_of(user, actor_from(request)) if _is_known(user) else None


def _is_known(user: Any) -> bool:
    return user is not None and user.is_authenticated and user.pk is not None


def principal_of(user: Any, actor: Identifier | None = None) -> Principal | Identifier | None:
    """Return the principal of a user: the primary key, e-mail address and full name.

    The last two are left out if the model lacks them or they are blank.

    Args:
        user: The user.
        actor: The id of the member of staff who acts as the user.
    """
    if not _is_known(user):
        return None
    field = getattr(user, "get_email_field_name", lambda: "email")()
    email = getattr(user, field, None) or None
    name = getattr(user, "get_full_name", lambda: None)() or None
    try:
        return Principal(user.pk, email=email, name=name, actor=actor)
    except InvalidPrincipal:
        # Sign without an invalid address. If the primary key is invalid, this raises again.
        return Principal(user.pk, actor=actor)

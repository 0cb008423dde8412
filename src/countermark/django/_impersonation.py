"""Finds the member of staff who acts as the user, from the marks of four Django packages.

Sources, in the versions that the tests use: hijack/views.py of django-hijack,
loginas/utils.py of django-loginas, impersonate/middleware.py of django-impersonate, and
django_su/views.py of django-su. This module imports none of them.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner

from countermark.resolvers._actor import UNKNOWN_ACTOR, actor_text

#: The names of the packages by the names of their apps.
PACKAGES = {
    "hijack": "django-hijack",
    "loginas": "django-loginas",
    "impersonate": "django-impersonate",
    "django_su": "django-su",
}


def actor_from(request: Any) -> str | None:
    """Return the id of the member of staff who acts as ``request.user``, or None.

    Use it in a ``RESOLVER``: ``Principal(user.pk, actor=actor_from(request))``. Call it only
    for users who are signed in. It does not read a session that was not read before, because
    then the user does not come from the session.

    Returns:
        The primary key as text; ``"unknown"`` if the package left a mark without a valid
        id; None if the user acts.
    """
    impersonator = getattr(request, "impersonator", None)  # set by django-impersonate
    if impersonator is not None:
        return actor_text(getattr(impersonator, "pk", None)) or UNKNOWN_ACTOR
    session = _session_in_use(request)
    return None if session is None else _actor_in(session)


async def aactor_from(request: Any) -> str | None:
    """Do the same in an event loop, where a session must be loaded by awaiting it."""
    session = _session_in_use(request)
    if hasattr(session, "aget"):
        await session.aget("hijack_history")
    return actor_from(request)


def installed_packages() -> list[str]:
    """Return the names of the packages in ``INSTALLED_APPS`` with which staff act as users."""
    return [name for app, name in PACKAGES.items() if apps.is_installed(app)]


def _session_in_use(request: Any) -> Any:
    session = getattr(request, "session", None)
    # Reading an untouched session would load it and add "Vary: Cookie" to the response.
    return session if getattr(session, "accessed", True) else None


def _actor_in(session: Any) -> str | None:
    # Staff may act as a user who acts as another user: the first entry is the member of staff.
    if history := session.get("hijack_history"):
        return _first(history)
    if history := session.get("exit_users_pk"):  # set by django-su: pairs of an id and a backend
        return _first(_first_entry(history))
    flag = getattr(settings, "LOGINAS_FROM_USER_SESSION_FLAG", "loginas_from_user")
    return _unsigned(signed) if (signed := session.get(flag)) else None


def _first(entries: Any) -> str:
    return actor_text(_first_entry(entries)) or UNKNOWN_ACTOR


def _first_entry(entries: Any) -> Any:
    return entries[0] if isinstance(entries, list | tuple) and entries else None


def _unsigned(signed: Any) -> str:
    # django-loginas signs the id. The age does not matter: it only limits the way back.
    try:
        return actor_text(TimestampSigner().unsign(signed)) or UNKNOWN_ACTOR
    except (BadSignature, TypeError):
        return UNKNOWN_ACTOR

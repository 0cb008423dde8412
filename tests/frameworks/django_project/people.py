"""Where users come from: any id that begins with ``user-`` is somebody."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.utils.asyncio import async_unsafe

from countermark import Keyring, Principal, Signer
from countermark.django import actor_from
from tests.frameworks.django_project.models import Person


def person(id: str) -> Any:
    return Person(id=id, email=f"{id}@a.example", first_name="Ann", password="of " + id)


class Backend(BaseBackend):  # type: ignore[misc]
    @async_unsafe  # type: ignore[untyped-decorator]  # as a query would be
    def get_user(self, user_id: str) -> Any:
        return person(user_id)


def resolve(request: Any) -> Any:
    """Return the principal of a case, which the driver has put beside the request."""
    who = (getattr(request, "scope", None) or request.META).get("tests.principal")
    if isinstance(who, Exception):
        raise who
    return who


async def aresolve(request: Any) -> Any:
    return resolve(request)


async def acounted(request: Any) -> Any:
    (getattr(request, "scope", None) or request.META)["tests.calls"].append(1)
    return resolve(request)


def impersonating(request: Any) -> Any:
    """Resolve as the documentation shows it."""
    user = request.user
    if not user.is_authenticated:
        return None
    return Principal(user.pk, email=user.email or None, actor=actor_from(request))


def signers_of(tenant: str) -> Any:
    return Signer("stigg", Keyring(f"the-secret-of-{tenant}-with-enough-bytes-in-it"))


not_callable = 7

"""Who a request belongs to, and what makes an id fit to be signed."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from countermark.errors import InvalidPrincipal

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

#: What may stand for a person: text as it is, an integer or a UUID by its ``str``.
Identifier: TypeAlias = "str | int | UUID"

#: What can be signed.
Signable: TypeAlias = "Principal | Identifier"

#: The longest id that is signed, in characters.
MAX_LENGTH = 512

# C0, DEL, C1 and the two Unicode line separators. With any of these in an id,
# the same key would sign text of several lines: Cognito's webhook and API
# signing strings are exactly that.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def identifier_text(value: object, what: str = "the id") -> str:
    """Return the exact text of *value* that is signed.

    Args:
        value: The value.
        what: What to call it in a message.

    Raises:
        InvalidPrincipal: *value* is no ``str``, ``int`` or ``UUID``, or its text
            is empty, longer than 512 characters, holds a control character, a
            lone surrogate or white space at either end.
    """
    text = _text_of(value, what)
    if not text:
        raise InvalidPrincipal(
            f"{what} is empty; give the user's own, or None for an anonymous user",
            code="principal_empty",
        )
    if len(text) > MAX_LENGTH:
        raise _too_long(what)
    if _CONTROL.search(text):
        raise InvalidPrincipal(
            f"{what} holds a control character; remove it where the value is stored",
            code="principal_control_character",
        )
    if _SURROGATE.search(text):
        raise InvalidPrincipal(
            f"{what} holds a lone surrogate; decode the value correctly where it is read",
            code="principal_surrogate",
        )
    if text.strip() != text:
        raise InvalidPrincipal(
            f"{what} begins or ends with white space; strip it where the value is stored",
            code="principal_outer_whitespace",
        )
    return text


def _text_of(value: object, what: str) -> str:
    # The unbound methods see through subclasses: an enum member counts as the
    # text or number that it is, not as the name it would print.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        # str() of a huge integer is quadratic, and refused by Python itself.
        if value.bit_length() > 4 * MAX_LENGTH:
            raise _too_long(what)
        return int.__repr__(value)
    # Whoever has a UUID has imported its module; nobody else pays for it.
    uuid = sys.modules.get("uuid")
    if uuid is not None and isinstance(value, uuid.UUID):
        return str(value)
    raise InvalidPrincipal(
        f"{what} must be a str, an int or a UUID, not {type(value).__name__}; convert it",
        code="principal_type",
    )


def _too_long(what: str) -> InvalidPrincipal:
    return InvalidPrincipal(
        f"{what} is longer than {MAX_LENGTH} characters; give a shorter one",
        code="principal_too_long",
    )


class Principal:
    """The person a request belongs to. Its representation does not say who that is.

    It needs an id, or at least an e-mail address or a phone number. Which of the
    rest a vendor signs, its recipe says; the others are never looked at. It
    cannot be changed.

    Args:
        id: The application's own stable id of the person.
        email: Their e-mail address.
        phone: Their phone number.
        name: What they are called. White space is reduced to single spaces.
        created: When they signed up: seconds since 1970, or a datetime with a time
            zone.
        attributes: What else vendors sign, by the names of their recipes: texts,
            numbers, lists, dicts.
        tenant: The id of the organisation whose keys sign, where each has its own.
        actor: The id of the member of staff who acts as this person. While it
            is set nothing is signed, unless the middleware is told otherwise.

    Raises:
        InvalidPrincipal: One of them is not fit to be signed, or there is nothing
            to tell the person by.
    """

    __slots__ = ("actor", "attributes", "created", "email", "id", "name", "phone", "tenant")

    id: str | None
    email: str | None
    phone: str | None
    name: str | None
    created: float | None
    attributes: Mapping[str, Any]
    tenant: str | None
    actor: str | None

    def __init__(
        self,
        id: Identifier | None = None,
        *,
        email: str | None = None,
        phone: str | None = None,
        name: str | None = None,
        created: float | datetime | None = None,
        attributes: Mapping[str, Any] | None = None,
        tenant: Identifier | None = None,
        actor: Identifier | None = None,
    ) -> None:
        if id is None and email is None and phone is None:
            raise InvalidPrincipal(
                "a principal needs an id, an e-mail address or a phone number; give one of them",
                code="principal_empty",
            )
        put = object.__setattr__
        put(self, "id", None if id is None else identifier_text(id))
        put(self, "email", None if email is None else _email(email))
        put(self, "phone", None if phone is None else identifier_text(phone, "the phone number"))
        put(self, "name", None if name is None else _name(name))
        put(self, "created", None if created is None else _time(created))
        put(self, "attributes", _NONE if attributes is None else _attributes(attributes))
        put(self, "tenant", None if tenant is None else identifier_text(tenant, "the tenant's id"))
        put(self, "actor", None if actor is None else identifier_text(actor, "the actor's id"))

    @property
    def label(self) -> str:
        """What tells the person from others: the id, or else the address or number."""
        return self.id or self.email or self.phone or ""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Principal cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Principal cannot be changed")

    def _key(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Principal) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.id, self.email, self.phone, self.tenant, self.actor))

    def __reduce__(self) -> tuple[Any, ...]:
        named = {name: getattr(self, name) for name in self.__slots__}
        return partial(Principal, **named | {"attributes": dict(self.attributes)}), ()

    def __repr__(self) -> str:
        return "<Principal>" if self.actor is None else "<Principal, impersonated>"


_NONE: Mapping[str, Any] = MappingProxyType({})


def _email(value: object) -> str:
    text = identifier_text(value, "the e-mail address")
    if "@" not in text:
        raise InvalidPrincipal(
            "the e-mail address has no @; give a whole address, or None", code="principal_email"
        )
    return text


def _name(value: object) -> str | None:
    if not isinstance(value, str):
        raise InvalidPrincipal(
            f"the name must be a str, not {type(value).__name__}; convert it, or give None",
            code="principal_type",
        )
    # A name tells nobody from anybody, so what would be refused elsewhere is dropped.
    text = _SURROGATE.sub("", _CONTROL.sub("", " ".join(value.split())))
    if len(text) > MAX_LENGTH:
        raise _too_long("the name")
    return text or None


def _time(value: object) -> float:
    datetime = sys.modules.get("datetime")
    if datetime is not None and isinstance(value, datetime.datetime) and value.tzinfo:
        value = value.timestamp()
    # Beyond the year 9999 lie NaN, infinity and milliseconds.
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 253402300800:
        return float(value)
    raise InvalidPrincipal(
        "created must be a datetime with a time zone, or seconds since the epoch; convert it",
        code="principal_type",
    )


def _attributes(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise InvalidPrincipal(
            "attributes must be a mapping from names to values; give a dict", code="principal_type"
        )
    return MappingProxyType(dict(value))

"""The principal of a request, and the rules for ids that can be signed."""

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

#: An id: text, or an integer or a UUID, which is converted with ``str``.
Identifier: TypeAlias = "str | int | UUID"

#: The argument of ``Signer.sign``.
Signable: TypeAlias = "Principal | Identifier"

#: The maximum length of an id, in characters.
MAX_LENGTH = 512

# C0, DEL, C1 and the two Unicode line separators. An id with one of these would let
# the key sign text of several lines, such as Cognito's webhook and API signing strings.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def identifier_text(value: object, what: str = "the id") -> str:
    """Return the exact text of *value* that is signed.

    Args:
        value: The value.
        what: Its name in messages.

    Raises:
        InvalidPrincipal: *value* is not a ``str``, ``int`` or ``UUID``; or its text is
            empty, is longer than 512 characters, contains a control character or a lone
            surrogate, or begins or ends with white space.
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
    # The unbound methods ignore subclasses: the text of an enum member is its value,
    # not its name.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        # str() of a huge integer takes quadratic time, and Python refuses it.
        if value.bit_length() > 4 * MAX_LENGTH:
            raise _too_long(what)
        return int.__repr__(value)
    # A UUID exists only if its module has been imported, so there is no need to import it.
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
    """The user of a request. Its representation contains no id.

    It needs an id, an e-mail address or a phone number. Each scheme defines which of the
    other values it signs; the rest is not read. A principal cannot be changed.

    Args:
        id: The application's own stable id of the user.
        email: The user's e-mail address.
        phone: The user's phone number.
        name: The user's name. White space is reduced to single spaces.
        created: The time of sign-up: seconds since 1970, or a datetime with a time zone.
        attributes: Other values that schemes sign, by the names in the scheme: texts,
            numbers, lists, dicts.
        tenant: The id of the organisation, if each organisation has its own keys.
        actor: The id of the member of staff who acts as this user. While it is set,
            nothing is signed unless the middleware has ``sign_impersonated=True``.

    Raises:
        InvalidPrincipal: A value cannot be signed, or nothing identifies the user.
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
        """The id, otherwise the e-mail address, otherwise the phone number."""
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
    # A name does not identify a user, so invalid characters are removed and not refused.
    words = (_SURROGATE.sub("", _CONTROL.sub("", word)) for word in value.split())
    text = " ".join(filter(None, words))
    if len(text) > MAX_LENGTH:
        raise _too_long("the name")
    return text or None


def _time(value: object) -> float:
    datetime = sys.modules.get("datetime")
    if datetime is not None and isinstance(value, datetime.datetime) and value.tzinfo:
        value = value.timestamp()
    # Later than the year 9999: NaN, infinity, or milliseconds instead of seconds.
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

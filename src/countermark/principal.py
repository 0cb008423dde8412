"""Who a request belongs to, and what makes an id fit to be signed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from countermark.errors import InvalidPrincipal

#: What may stand for a person: text as it is, an integer or a UUID by its ``str``.
Identifier = str | int | UUID

#: The longest id that is signed, in characters.
MAX_LENGTH = 512

# C0, DEL, C1 and the two Unicode line separators. With any of these in an id,
# the same key would sign text of several lines: Cognito's webhook and API
# signing strings are exactly that.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def identifier_text(value: object) -> str:
    """Return the exact text of *value* that is signed.

    Raises:
        InvalidPrincipal: *value* is no ``str``, ``int`` or ``UUID``, or its text
            is empty, longer than 512 characters, holds a control character, a
            lone surrogate or white space at either end.
    """
    text = _text_of(value)
    if not text:
        raise InvalidPrincipal("the id is empty", code="principal_empty")
    if len(text) > MAX_LENGTH:
        raise _too_long()
    if _CONTROL.search(text):
        raise InvalidPrincipal(
            "the id holds a control character", code="principal_control_character"
        )
    if _SURROGATE.search(text):
        raise InvalidPrincipal("the id holds a lone surrogate", code="principal_surrogate")
    if text.strip() != text:
        raise InvalidPrincipal(
            "the id begins or ends with white space", code="principal_outer_whitespace"
        )
    return text


def _text_of(value: object) -> str:
    # The unbound methods see through subclasses: an enum member counts as the
    # text or number that it is, not as the name it would print.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        # str() of a huge integer is quadratic, and refused by Python itself.
        if value.bit_length() > 4 * MAX_LENGTH:
            raise _too_long()
        return int.__repr__(value)
    if isinstance(value, UUID):
        return str(value)
    raise InvalidPrincipal(
        f"an id is a str, an int or a UUID, not {type(value).__name__}", code="principal_type"
    )


def _too_long() -> InvalidPrincipal:
    return InvalidPrincipal(
        f"the id is longer than {MAX_LENGTH} characters", code="principal_too_long"
    )


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Principal:
    """The person a request belongs to. Its representation does not say who that is.

    Args:
        id: The application's own stable id of the person, which vendors are
            told and which is signed.
        email: Their e-mail address, for the code that reads the principal.
        actor: The id of the member of staff who acts as this person. While it
            is set nothing is signed, unless the middleware is told otherwise.

    Raises:
        InvalidPrincipal: One of them is not fit to be signed.
    """

    id: str
    email: str | None
    actor: str | None

    def __init__(
        self, id: Identifier, *, email: str | None = None, actor: Identifier | None = None
    ) -> None:
        object.__setattr__(self, "id", identifier_text(id))
        object.__setattr__(self, "email", None if email is None else identifier_text(email))
        object.__setattr__(self, "actor", None if actor is None else identifier_text(actor))

    def __repr__(self) -> str:
        return "<Principal>" if self.actor is None else "<Principal, impersonated>"

"""The parts of a webhook scheme, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from countermark.schemes._templates import Placeholder


#: How long a handled delivery is remembered, in seconds. Senders try for up to three days.
REMEMBERED_FOR: Final = 3 * 86400

#: The longest tolerance, in seconds. A delivery that is dated later than it arrives is accepted
#: for up to two tolerances, and must be remembered as long.
MAX_TOLERANCE: Final = REMEMBERED_FOR // 2


class Secret(NamedTuple):
    """What the vendor's secrets look like.

    Attributes:
        variable: The environment variable that holds it by convention, or "".
        key_id_variable: The variable with the id under which the vendor names the key.
        form: What it is written in: ``text``, ``hex`` or ``base64``.
        prefix: What may stand before it, and is no part of it.
        least: The bytes it has at least; fewer are warned of.
        most: The bytes it has at most, or None.
        refuse_prefixes: How texts begin that are taken for it by mistake.
    """

    variable: str
    key_id_variable: str
    form: str
    prefix: str
    least: int
    most: int | None
    refuse_prefixes: tuple[str, ...]


class SecretHeader(NamedTuple):
    """The secret itself, in the header *header*. It proves nothing of the body."""

    header: str


class SignatureHeader(NamedTuple):
    """A MAC in a header.

    Attributes:
        header: The header, in lower case.
        algorithm: The hash: ``sha1``, ``sha256`` or ``sha512``.
        encoding: ``hex`` or ``base64``.
        prefix: What stands before the MAC.
        separator: What stands between several; "": there is one. Of several, those
            with another prefix are of another version and do not count.
        message: What the MAC is over: text, and ``{id}``, ``{timestamp}`` and ``{body}``.
    """

    header: str
    algorithm: str
    encoding: str
    prefix: str
    separator: str
    message: tuple[str | Placeholder, ...]


class HttpSignature(NamedTuple):
    """A signature of draft-cavage-http-signatures, in ``Authorization``.

    Attributes:
        algorithm: ``hmac-sha256`` or ``hmac-sha512``.
        covers: What must be signed, at least.
    """

    algorithm: str
    covers: tuple[str, ...]


Signature: TypeAlias = "SecretHeader | SignatureHeader | HttpSignature"


class Id(NamedTuple):
    """Where the id of a delivery is: in the header *header*, or in JSON, at the name *body*."""

    header: str
    body: str


class Timestamp(NamedTuple):
    """When a delivery was signed.

    Attributes:
        header: The header, in lower case.
        tolerance: How many seconds it may be before or after the time it is received.
    """

    header: str
    tolerance: int


class WebhookVector(NamedTuple):
    """An example of a delivery.

    Attributes:
        secret: The secret.
        key_id: The id under which the vendor names the key, or "".
        headers: The headers.
        body: The body, which is text.
        method: The method.
        path: The path and the query.
        now: When it is received, in seconds since the epoch.
        delivery_id: The id of the delivery, or None.
        origin: Who vouches for it.
    """

    secret: str
    key_id: str
    headers: Mapping[str, str]
    body: str
    method: str
    path: str
    now: int
    delivery_id: str | None
    origin: str

"""The parts of a webhook scheme, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from countermark.schemes._templates import Placeholder


#: How long a handled delivery is remembered, in seconds. Vendors retry for up to three days.
REMEMBERED_FOR: Final = 3 * 86400

#: The longest tolerance, in seconds. A delivery that is dated later than it arrives is accepted
#: for up to two tolerances, and must be remembered as long.
MAX_TOLERANCE: Final = REMEMBERED_FOR // 2


#: The algorithms of signatures that a public key verifies.
PUBLIC_KEY_ALGORITHMS: Final = ("ed25519", "ecdsa-p256-sha256", "rsa-sha256", "rsa-sha256-twice")


class Secret(NamedTuple):
    """The form of the vendor's secrets, or of its public key.

    Attributes:
        variable: The environment variable that conventionally holds the secret, or "".
        is_chosen: True if users choose the secret, False if the vendor issues it.
        key_id_variable: The variable with the id under which the vendor names the key.
        form: The encoding: ``text``, ``hex`` or ``base64``. Of a public key ``pem``, ``spki``,
            ``hex`` or ``base64``.
        prefix: Text that may precede the secret and is not a part of it.
        least: The smallest number of bytes; fewer cause a warning.
        most: The largest number of bytes, or None.
        refuse_prefixes: Prefixes of other keys that people confuse with the secret.
        private_variable: The variable that holds the private key of a sender, or "".
        private_prefix: Text that may precede a private key of that sender.
    """

    variable: str
    is_chosen: bool
    key_id_variable: str
    form: str
    prefix: str
    least: int
    most: int | None
    refuse_prefixes: tuple[str, ...]
    private_variable: str = ""
    private_prefix: str = ""


class SecretHeader(NamedTuple):
    """The secret itself, in the header *header*. It does not prove the body."""

    header: str


class Url(NamedTuple):
    """The form in which a vendor signs URLs.

    Attributes:
        decoded: The characters whose percent codes are decoded before the URL is signed.
        is_any_port: Whether the vendor may sign the default port, or leave another port out.
        body_hash: The parameter of the query that holds the SHA-256 of the body in hexadecimal.
            If a URL has it, the body is not in the message; "": there is none.
    """

    decoded: str = ""
    is_any_port: bool = False
    body_hash: str = ""


class SignatureHeader(NamedTuple):
    """A MAC in a header, or a signature that a public key verifies.

    Attributes:
        header: The header, in lower case.
        algorithm: The hash of the MAC, ``sha1``, ``sha256`` or ``sha512``, or one of
            ``PUBLIC_KEY_ALGORITHMS``.
        encoding: ``hex`` or ``base64``.
        prefix: The text before the MAC.
        separator: The text between several MACs; "": there is only one. MACs with
            another prefix are of another version and are ignored.
        message: The signed message: text, and fields such as ``{timestamp}`` and ``{body}``.
        is_json: Whether a body that is neither empty nor a JSON object or array is refused.
        is_ambiguous: Whether two requests can have the same message.
        url: The form of ``{url}``.
    """

    header: str
    algorithm: str
    encoding: str
    prefix: str
    separator: str
    message: tuple[str | Placeholder, ...]
    is_json: bool = False
    is_ambiguous: bool = False
    url: Url = Url()

    @property
    def has_public_key(self) -> bool:
        """True if a public key verifies the signature, and not a shared secret."""
        return self.algorithm in PUBLIC_KEY_ALGORITHMS


class SignatureMember(NamedTuple):
    """A MAC in the JSON body, of an id and a time in the body. It proves no other part of it.

    Attributes:
        member: The member of the body with the MAC; a dot leads into an inner object.
        algorithm: The hash: ``sha1``, ``sha256`` or ``sha512``.
        encoding: ``hex`` or ``base64``.
        between: The text between the time and the id, which follows it.
    """

    member: str
    algorithm: str
    encoding: str
    between: str


class HttpSignature(NamedTuple):
    """A signature of draft-cavage-http-signatures, in ``Authorization``.

    Attributes:
        algorithm: ``hmac-sha256`` or ``hmac-sha512``.
        covers: The headers that must be signed; more may be.
    """

    algorithm: str
    covers: tuple[str, ...]


Signature: TypeAlias = "SecretHeader | SignatureHeader | SignatureMember | HttpSignature"


class Id(NamedTuple):
    """The place of the delivery id: the header *header*, or the member *body* of a JSON body.

    A dot in *body* leads into an inner object.
    """

    header: str
    body: str


class Timestamp(NamedTuple):
    """The signed time of a delivery. Its place is the one of the first three that is not "".

    Attributes:
        header: The header, in lower case.
        entry: The text before the time in the header of the signature, such as ``t=``.
        body: The member of the JSON body; a dot leads into an inner object.
        form: ``seconds``, ``milliseconds``, ``rfc3339`` or ``rfc3339-nanoseconds``.
        tolerance: The number of seconds by which it may differ from the time of receipt.
    """

    header: str
    entry: str
    body: str
    form: str
    tolerance: float


class WebhookVector(NamedTuple):
    """An example of a delivery.

    Attributes:
        secret: The secret.
        key_id: The id under which the vendor names the key, or "".
        headers: The headers.
        body: The body, which is text.
        method: The method.
        path: The path and the query.
        now: The time of receipt, in seconds since the epoch.
        delivery_id: The id of the delivery, or None.
        origin: The source of the example.
        base_url: The public URL before the path, or None.
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
    base_url: str | None = None

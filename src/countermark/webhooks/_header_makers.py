"""Makes the headers that prove a delivery: the counterparts of the checks."""

from __future__ import annotations

import hashlib
from typing import Protocol

from countermark.errors import ConfigurationError
from countermark.keys._keyring import Keyring
from countermark.keys._secret import SecretKey
from countermark.schemes._templates import Placeholder
from countermark.tokens._mac import encode_bytes
from countermark.webhooks._http_signatures import signed_text
from countermark.webhooks._outgoing import Outgoing
from countermark.webhooks._parts import HttpSignature, SecretHeader, SignatureHeader
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refused
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._signed_content import signed_content
from countermark.webhooks._signed_url import signed_method, signed_urls
from countermark.webhooks._signing_keys import SigningKey, hmac_keys, valid_keys
from countermark.webhooks._times import write_http_date, write_time


class HeaderMaker(Protocol):
    """Makes the headers of one scheme with one set of keys."""

    @property
    def public_keys(self) -> tuple[str, ...]:
        """The public keys of private ones, the current one first."""

    def make(self, delivery: Outgoing) -> dict[str, str]:
        """Return the headers."""


class SecretMaker:
    """Sends the secret itself: the current key, as the header has room for one."""

    __slots__ = ("_header", "_key")

    public_keys = ()

    def __init__(self, signature: SecretHeader, ring: Keyring) -> None:
        assert isinstance(ring.current, SecretKey)  # noqa: S101  # the signer has checked
        self._header, self._key = signature.header, ring.current

    def make(self, delivery: Outgoing) -> dict[str, str]:
        """Return the header with the secret."""
        return {self._header: self._key._expose().decode("latin-1")}  # noqa: SLF001  # sent as it is


class SignatureMaker:
    """Makes signatures in a header, one by each key of *keys* that signs now."""

    __slots__ = ("_base_url", "_keys", "_scheme", "_signature")

    def __init__(
        self,
        scheme: WebhookScheme,
        signature: SignatureHeader,
        keys: list[SigningKey],
        base_url: str,
    ) -> None:
        self._scheme, self._signature, self._keys = scheme, signature, keys
        self._base_url = base_url

    @property
    def public_keys(self) -> tuple[str, ...]:
        """The public keys of private ones, the current one first."""
        return tuple(key.public for key in self._keys if key.public)

    def make(self, delivery: Outgoing) -> dict[str, str]:
        """Return the header of the signatures, and that of the time."""
        signature, time = self._signature, self._scheme.timestamp
        headers: dict[str, str] = {}
        entries: list[str] = []
        values = self._values(delivery)
        if time is not None and not time.body:
            text = write_time(delivery.now, time.form)
            values["{timestamp}"] = text.encode()
            if time.header:
                headers[time.header] = text
            else:
                entries.append(time.entry + text)
        message = [
            values[str(part)] if isinstance(part, Placeholder) else part.encode()
            for part in signature.message
        ]
        entries += [
            signature.prefix + encode_bytes(key.sign(message), signature.encoding)
            for key in valid_keys(self._keys, delivery.now, several=bool(signature.separator))
        ]
        return {**headers, signature.header: signature.separator.join(entries)}

    def _values(self, delivery: Outgoing) -> dict[str, bytes]:
        """Return the values of the message, but for the time.

        Raises:
            ConfigurationError: Receivers would refuse the delivery.
        """
        head = RequestHead({}, delivery.method, delivery.path)
        try:
            return self._fields(delivery, head)
        except Refused:
            pass
        raise ConfigurationError(
            f"{self._scheme.slug}: receivers refuse such a delivery; give method= in capital"
            " letters, path= with its query and percent-encoded, and a body= as the vendor sends it"
        )

    def _fields(self, delivery: Outgoing, head: RequestHead) -> dict[str, bytes]:
        """Return the same; raises Refused."""
        rule, names = self._signature, {*map(str, self._signature.message)}
        content = signed_content(rule, head)
        signed = content.signed(delivery.body)
        content.check(delivery.body)
        fields = {
            "{id}": delivery.delivery_id.encode(), "{body}": signed, "{parameters}": signed
        }  # fmt: skip
        if "{method}" in names:
            fields["{method}"] = signed_method(head).encode()
        if "{url}" in names:
            fields["{url}"] = signed_urls(rule.url, self._base_url, head.path)[0].encode()
        return fields


class HttpSignatureMaker:
    """Makes HTTP signatures under one key id.

    Raises:
        InvalidKey: A secret is not encoded as the scheme's are.
        ConfigurationError: The scheme signs a header that is not known here.
    """

    __slots__ = ("_key", "_key_id", "_signature")

    public_keys = ()

    def __init__(
        self, scheme: WebhookScheme, signature: HttpSignature, key_id: str, ring: Keyring
    ) -> None:
        if not {*signature.covers} <= {"(request-target)", "date", "digest"}:
            raise ConfigurationError(
                f"{scheme.slug} signs a header of the HTTP client, which is not known here; sign"
                " its deliveries with the vendor's own code"
            )
        if not (key_id.isascii() and key_id.isprintable()) or not {*'"\\'}.isdisjoint(key_id):
            raise ConfigurationError(
                f"{scheme.slug}: a key id must be visible ASCII without quotes; correct it"
            )
        self._signature, self._key_id = signature, key_id
        algorithm = signature.algorithm.removeprefix("hmac-")
        self._key = hmac_keys(ring, scheme.secret, algorithm)[0]

    def make(self, delivery: Outgoing) -> dict[str, str]:
        """Return the date, the digest and the signature."""
        digest = encode_bytes(hashlib.sha256(delivery.body).digest(), "base64")
        headers = {"date": write_http_date(delivery.now), "digest": f"SHA-256={digest}"}
        covers = self._signature.covers
        try:
            head = RequestHead(headers, delivery.method, delivery.path)
            message = signed_text(covers, head)
        except Refused:
            message = None
        if message is None:
            raise ConfigurationError("path= must be percent-encoded; give it as it is sent")
        parameters = {
            "keyId": self._key_id,
            "algorithm": self._signature.algorithm,
            "headers": " ".join(covers),
            "signature": encode_bytes(self._key.sign([message]), "base64"),
        }
        written = ",".join(f'{name}="{value}"' for name, value in parameters.items())
        return {**headers, "authorization": f"Signature {written}"}


def merged(
    schemes: tuple[WebhookScheme, WebhookScheme], headers: dict[str, str], more: dict[str, str]
) -> dict[str, str]:
    """Return the headers of one delivery that two schemes sign.

    Raises:
        ConfigurationError: Both have a header, and it is not one for several signatures.
    """
    both = {name for name in headers if more.get(name, headers[name]) != headers[name]}
    first, second = (scheme.signature for scheme in schemes)
    if (
        isinstance(first, SignatureHeader)
        and isinstance(second, SignatureHeader)
        and both == {first.header} == {second.header}
        and first.separator == second.separator != ""
        and not any(scheme.timestamp and scheme.timestamp.entry for scheme in schemes)
    ):
        more = {**more, first.header: headers[first.header] + first.separator + more[first.header]}
    elif both:
        raise ConfigurationError(
            f"{schemes[0].slug} and {schemes[1].slug} of also= both need a header of their own for"
            " one delivery, and it is the same one; send two deliveries"
        )
    return {**headers, **more}

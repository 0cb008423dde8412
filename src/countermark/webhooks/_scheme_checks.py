"""Checks that the tables of a webhook scheme fit together."""

from __future__ import annotations

from countermark.errors import InvalidScheme
from countermark.schemes._templates import Placeholder
from countermark.webhooks._parts import (
    HttpSignature,
    Id,
    Secret,
    Signature,
    SignatureHeader,
    SignatureMember,
    Timestamp,
    Url,
)
from countermark.webhooks._url_parser import check_url


def check_parts(
    signature: Signature, url: Url, id: Id | None, timestamp: Timestamp | None, where: str
) -> None:
    """Check that exactly the signed fields are defined.

    Raises:
        InvalidScheme: A table is missing or surplus, or two contradict each other.
    """
    check_url(signature, url, where)
    if isinstance(signature, SignatureMember):
        if not (id and id.body and timestamp and timestamp.body):
            raise InvalidScheme(
                f"{where}: a MAC in the body is of an id and a time in the body; add body to [id]"
                " and [timestamp]"
            )
        return
    dated = isinstance(signature, HttpSignature)
    if isinstance(signature, SignatureHeader):
        names = {str(part) for part in signature.message if isinstance(part, Placeholder)}
        dated = "{timestamp}" in names
        if "{id}" in names and not (id and id.header):
            raise InvalidScheme(f"{where}: {{id}} is signed, so [id] needs a header; add it")
        if timestamp is not None and timestamp.body:  # signed with the body
            if dated:
                raise InvalidScheme(
                    f"{where}: {{timestamp}} is signed, so [timestamp] needs a header or an entry"
                )
            return
        if timestamp is not None and timestamp.entry:
            _check_entry(signature, timestamp.entry, where)
    if dated != (timestamp is not None):
        raise InvalidScheme(
            f"{where}: [timestamp] is needed if a time is signed, and only then; add it, or leave"
            " it out"
        )


def _check_entry(signature: SignatureHeader, entry: str, where: str) -> None:
    """Check that the entry of the time and those of the signatures differ."""
    prefix = signature.prefix
    if not signature.separator or prefix.startswith(entry) or entry.startswith(prefix):
        raise InvalidScheme(
            f"{where}: [timestamp] entry needs a separator, and a prefix of [signature] that"
            " begins with another text; change them"
        )


def check_key_form(signature: Signature, key: Secret, where: str) -> None:
    """Check that a public key in the form of 32 bytes is of the algorithm with such keys.

    Raises:
        InvalidScheme: The algorithm has other keys.
    """
    if (
        isinstance(signature, SignatureHeader)
        and signature.has_public_key
        and signature.algorithm != "ed25519"
        and key.form in {"hex", "base64"}
    ):
        raise InvalidScheme(
            f"{where}: [secret] form: {key.form} is of a key of 32 bytes, and only ed25519 has"
            " those; choose spki or pem"
        )

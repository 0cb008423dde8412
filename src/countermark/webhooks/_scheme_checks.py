"""Checks that the parts of a webhook scheme fit together."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_letters, digits
from typing import Any, Final

from countermark.errors import InvalidScheme
from countermark.schemes._templates import Placeholder
from countermark.webhooks._challenge_parser import check_challenge
from countermark.webhooks._messages import check_message
from countermark.webhooks._parts import (
    HttpSignature,
    Id,
    Secret,
    Signature,
    SignatureHeader,
    SignatureMember,
    Timestamp,
)
from countermark.webhooks._url_parser import check_url

#: The characters of signatures, by their encoding, and those of times.
_ALPHABETS: Final = {
    "hex": digits + "abcdef",
    "base64": ascii_letters + digits + "+/=",
}
_TIMES: Final = digits + "-:.TZ"


def check_parts(arguments: Mapping[str, Any], where: str) -> None:
    """Check that the parts fit together.

    Args:
        arguments: The parts, by the names of the attributes of a scheme.
        where: The beginning of messages.

    Raises:
        InvalidScheme: They contradict each other.
    """
    signature: Signature = arguments["signature"]
    secret: Secret = arguments["secret"]
    if arguments["challenge"] is not None:
        check_challenge(arguments["challenge"], signature, f"{where}: [challenge]")
    if secret.most is not None and secret.least > secret.most:
        raise InvalidScheme(f"{where}: [secret]: least is above most; change one of them")
    _check_key_form(signature, secret, where)
    _check_fields(signature, arguments["id"], arguments["timestamp"], where)


def _check_fields(
    signature: Signature, id: Id | None, timestamp: Timestamp | None, where: str
) -> None:
    """Check that exactly the signed fields are defined."""
    if isinstance(signature, SignatureMember):
        if not (id and id.body and timestamp and timestamp.body):
            raise InvalidScheme(
                f"{where}: a MAC in the body is of an id and a time in the body; add body to [id]"
                " and [timestamp]"
            )
        return
    dated = isinstance(signature, HttpSignature)
    if isinstance(signature, SignatureHeader):
        is_dated = timestamp is not None and timestamp.form.startswith("rfc3339")
        check_message(signature, f"{where}: [signature]: message", is_dated=is_dated)
        check_url(signature, where)
        _check_separator(signature, timestamp.entry if timestamp else "", where)
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


def _check_separator(signature: SignatureHeader, entry: str, where: str) -> None:
    """Check that signatures and the time can be separated again."""
    separated = _ALPHABETS[signature.encoding] + signature.prefix
    if entry:
        separated += entry + _TIMES
    if signature.separator and {*signature.separator} <= {*separated}:
        raise InvalidScheme(
            f"{where}: [signature]: separator could be a part of a signature, its prefix or the"
            " time; write the text between two signatures"
        )


def _check_entry(signature: SignatureHeader, entry: str, where: str) -> None:
    """Check that the entry of the time and those of the signatures differ."""
    prefix = signature.prefix
    if not signature.separator or prefix.startswith(entry) or entry.startswith(prefix):
        raise InvalidScheme(
            f"{where}: [timestamp] entry needs a separator, and a prefix of [signature] that"
            " begins with another text; change them"
        )


def _check_key_form(signature: Signature, key: Secret, where: str) -> None:
    """Check that a public key in the form of 32 bytes is of the algorithm with such keys."""
    if (
        isinstance(signature, SignatureHeader)
        and signature.has_public_key
        and signature.algorithm != "ed25519"
        and key.form in {"hex", "base64"}
    ):
        raise InvalidScheme(
            f"{where}: [secret]: form: {key.form} is of a key of 32 bytes, and only ed25519 has"
            " those; choose spki or pem"
        )

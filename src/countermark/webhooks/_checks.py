"""Checks that the parts of a webhook scheme fit together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from countermark.errors import InvalidScheme
from countermark.schemes._templates import Placeholder
from countermark.webhooks._challenge_parser import check_challenge
from countermark.webhooks._parts import (
    HttpSignature,
    Id,
    Secret,
    Signature,
    SignatureHeader,
    Timestamp,
)


def check_parts(arguments: Mapping[str, Any], where: str) -> None:
    """Check that the parts fit together, and that exactly the signed fields are defined.

    Args:
        arguments: The parts, by the names of the attributes of a scheme.
        where: The beginning of messages.

    Raises:
        InvalidScheme: They contradict each other.
    """
    signature: Signature = arguments["signature"]
    secret: Secret = arguments["secret"]
    id: Id | None = arguments["id"]
    timestamp: Timestamp | None = arguments["timestamp"]
    if arguments["challenge"] is not None:
        check_challenge(arguments["challenge"], signature, f"{where}: [challenge]")
    if secret.most is not None and secret.least > secret.most:
        raise InvalidScheme(f"{where}: [secret]: least is above most; change one of them")
    _check_key_form(signature, secret, where)
    dated = isinstance(signature, HttpSignature)
    if isinstance(signature, SignatureHeader):
        _check_message(signature.message, f"{where}: [signature]: message")
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


def _check_message(parts: tuple[str | Placeholder, ...], where: str) -> None:
    """Check a message. Text must separate its fields, as they would be ambiguous otherwise.

    None is needed between a time and the body. A time has as many characters as all others
    until the year 2286, so a digit that moves to its other side makes it expire, or puts it
    into the far future.
    """
    names = [str(part) for part in parts if isinstance(part, Placeholder)]
    if not {*names} <= {"{id}", "{timestamp}", "{body}"} or len({*names}) < len(names):
        raise InvalidScheme(f"{where} may hold {{id}}, {{timestamp}} and {{body}}, each once")
    if "{body}" not in names:
        raise InvalidScheme(f"{where} must hold {{body}}, or any body would be valid; add it")
    for one, other in pairwise(parts):
        if {str(one), str(other)} == {"{timestamp}", "{body}"}:
            continue
        if isinstance(one, Placeholder) and isinstance(other, Placeholder):
            raise InvalidScheme(
                f"{where}: nothing separates {one} from {other}; write a text between them"
            )
    if re.search(r"[0-9]\{timestamp\}|\{timestamp\}[0-9]", "".join(map(str, parts))):
        raise InvalidScheme(
            f"{where}: a digit next to {{timestamp}} could belong to the time; separate them"
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

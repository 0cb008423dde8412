"""Checks of key material: blank, a placeholder, of the wrong kind, or with an invalid expiry."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from countermark.errors import InvalidKey

if TYPE_CHECKING:
    from datetime import datetime


# The year 10000: datetimes cannot be later.
_END_OF_TIME = 253_402_300_800


# Texts that people leave in configuration files in place of a secret. Compiled when a key is
# built: compiling it at import would take most of the time of the import.
_PLACEHOLDER = (
    r"(.*[-_ ])?(change|replace)[-_ ]?(me|this).*|(your|insert|enter)[-_ ].*|<.*>|\[.*\]"
    r"|\$\{.*\}|\{\{.*\}\}|%\(.*\)s|x+|\*+|\.+|-+|\?+|0+"
    r"|(my|the|a|test|dummy|fake|example|some|super)?[-_ ]?secret([-_ ]?key)?"
    r"|(pass|password|passwd|placeholder|todo|tbd|fixme|none|null|nil|undefined|example"
    r"|dummy|fake|test|unset|key|default)"
)


# White space that str.strip() does not remove: a byte order mark, a zero-width space.
_INVISIBLE = "\ufeff\u200b"
_BINARY = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]"
_NOT_SYMMETRIC = r"-----BEGIN |-----END |ssh-\w+ |ecdsa-\w+[-\w]* |sk-ssh-|sk-ecdsa-"
_PRIVATE_KEY = "-----BEGIN ((RSA|EC|ENCRYPTED) )?PRIVATE KEY-----"
_JWK = r"\{.*\"kty\""
BASE64_OF_PEM = "LS0tLS1CRUdJTi"  # "-----BEGIN"


def bytes_from_base64(text: str) -> bytes:
    from base64 import b64decode

    return b64decode("".join(text.split()), validate=True)


def problem_with_pem(pem: object) -> str | None:
    """Return why *pem* is not a private key in PEM, or None. The text follows a name."""
    if not isinstance(pem, str | bytes):
        return f"is of type {type(pem).__name__}; give PEM, as str or bytes"
    try:
        text = pem.decode() if isinstance(pem, bytes) else pem
        if text.startswith(BASE64_OF_PEM):
            text = bytes_from_base64(text).decode()
        text.encode()  # the environment may contain lone surrogates
    except ValueError:
        return "is neither PEM nor base64 of PEM; give the whole file of the private key"
    is_private = re.match(_PRIVATE_KEY, text.strip())
    return None if is_private else "is not a private key in PEM; give the whole file"


def is_public_pem(text: str | bytes) -> bool:
    """Tell whether *text* is a public key in PEM, or the base64 of that."""
    return b"PUBLIC KEY-----" in pem_of(text)


def pem_of(text: str | bytes) -> bytes:
    """Return a text in PEM as bytes, and decode it if it is the base64 of PEM."""
    data = text if isinstance(text, bytes) else text.encode(errors="replace")
    if data.startswith(BASE64_OF_PEM.encode()):
        try:
            return bytes_from_base64(data.decode("ascii"))
        except ValueError:
            pass  # its message may quote the key
    return data


def checked_end(until: float | datetime | None, name: str) -> float | None:
    """Return the expiry of the key *name*, in seconds since the epoch.

    Raises:
        InvalidKey: It is not a time.
    """
    if problem := _problem_with_end(until):
        raise InvalidKey(f"{name} {problem}")
    return until if until is None or isinstance(until, int | float) else until.timestamp()


def problem_with_secret(secret: object) -> str | None:
    """Return why *secret* is invalid, or None. The text follows a name."""
    if not isinstance(secret, str | bytes):
        return f"is of type {type(secret).__name__}; give it as str or bytes"
    text = secret.decode(errors="replace") if isinstance(secret, bytes) else secret
    if not text.strip("\0"):
        return "is blank; set it to the secret"  # HMAC treats NUL bytes alone as the empty key
    if isinstance(secret, bytes) and re.search(_BINARY, text):
        # Binary data has no white space to check. Keys in DER begin with their length.
        der = secret[:2] == b"\x30\x82" and int.from_bytes(secret[2:4]) == len(secret) - 4
        return "is a key in DER, not a shared secret; copy the secret itself" if der else None
    if not text.strip():
        return "is blank; set it to the secret"
    if text.strip() != text or text.strip(_INVISIBLE) != text:
        return "has white space or a newline at its beginning or end; remove it"
    if len(text.splitlines()) > 1 and not re.match(_NOT_SYMMETRIC, text):
        return "has several lines; a secret is on one line"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "is not valid Unicode text; copy it again"
    return _problem_with_kind(text)


def _problem_with_kind(text: str) -> str | None:
    """Return why a text that resembles a secret is invalid, or None."""
    if re.match(_NOT_SYMMETRIC, text) or text.startswith(BASE64_OF_PEM):
        return "is a PEM or SSH key, not a shared secret; copy the secret itself"
    if re.match(_JWK, text):
        return "is a JSON Web Key; give its value alone"
    if re.fullmatch(_PLACEHOLDER, text, re.IGNORECASE | re.DOTALL):
        return "is a placeholder, not a secret; set it to the secret itself"
    return None


def _problem_with_end(until: object) -> str | None:
    if until is None:
        return None
    if isinstance(until, int | float):
        # With milliseconds or NaN the key would never expire.
        fits = 0 <= until < _END_OF_TIME
        return None if fits else "has an invalid expiry; give until= in seconds since the epoch"
    datetime = sys.modules.get("datetime")
    if datetime is not None and isinstance(until, datetime.datetime):
        return None if until.tzinfo else "expires at a datetime without a time zone; give it one"
    return (
        f"has an expiry of type {type(until).__name__}; give seconds since the epoch or a datetime"
    )

"""Tokens that are well-formed but invalid."""

from __future__ import annotations

from countermark._redaction import guarded
from countermark.errors import ConfigurationError

# The place of a character of the code in every scheme: hexadecimal, base64, JWT. The last
# characters may be padding, or have unused bits.
_PLACE = -20


@guarded
def tampered(token: str) -> str:
    """Return *token* with one character of its code changed.

    The result is well-formed, so a verifier must check the code to refuse it.

    Raises:
        ConfigurationError: *token* is shorter than 20 characters, so it is not a token.
    """
    given: object = token
    if not isinstance(given, str) or len(given) < -_PLACE:
        raise ConfigurationError(
            "token must be a text of 20 characters or more; pass a token that a Signer has made"
        )
    other = "1" if token[_PLACE] == "0" else "0"
    return token[:_PLACE] + other + token[_PLACE + 1 :]

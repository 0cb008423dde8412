"""Tokens that look good and are not."""

from __future__ import annotations

from countermark._redaction import guarded
from countermark.errors import ConfigurationError

# So far from the end is a character of the code in every scheme: hexadecimal, base64, JWT.
# One at the very end may be padding, or have bits that nobody reads.
_PLACE = -20


@guarded
def tampered(token: str) -> str:
    """Return *token* with one character of its code changed.

    It is as well-formed as before, so a verifier has to look at the code to refuse it.

    Raises:
        ConfigurationError: It is shorter than 20 characters, and so no token.
    """
    given: object = token
    if not isinstance(given, str) or len(given) < -_PLACE:
        raise ConfigurationError(
            "a token to tamper with must be a text of 20 characters or more; give one that a"
            " Signer has made"
        )
    other = "1" if token[_PLACE] == "0" else "0"
    return token[:_PLACE] + other + token[_PLACE + 1 :]

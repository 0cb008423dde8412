"""The tokens that fit into a response header."""

from __future__ import annotations

from typing import Final

from countermark.principal import MAX_LENGTH
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import Template

#: The longest token that is put into a header, in characters.
MAX_HEADER_TOKEN: Final = 2048


def always_fits_header(scheme: Scheme) -> bool:
    """Tell whether each token is a valid header value.

    Args:
        scheme: A scheme whose tokens are text around the id and one MAC.
    """
    assert isinstance(scheme.token, Template)  # noqa: S101  # or sign() would not suffice
    constant = sum(len(part) for part in scheme.token.parts if isinstance(part, str))
    longest = constant + MAX_LENGTH + 128  # SHA-512 in hexadecimal
    with_id = any("id" in placeholder.names for placeholder in scheme.token.placeholders)
    ascii_only = not with_id or scheme.rule("id").charset == "ascii"
    return ascii_only and longest <= MAX_HEADER_TOKEN

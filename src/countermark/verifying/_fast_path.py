"""Verifies the valid tokens of a single-HMAC scheme: signs the id again, and compares.

This is the hot path of verifying: ``python -m benchmarks --only verify`` measures it.
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from typing import Any, TypeAlias

from countermark.errors import InvalidPrincipal
from countermark.principal import Signable
from countermark.schemes._scheme import Scheme
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._fast_path import token_shape
from countermark.tokens._mac import code_width
from countermark.tokens._maker import TokenMaker
from countermark.verifying._results import VerifiedIdentity

#: Takes a token and a principal of any type; None: the full check decides.
Quick: TypeAlias = "Callable[[Any, Any], VerifiedIdentity | None]"


def compile_quick(
    scheme: Scheme,
    maker: TokenMaker,
    rule: ValueRule,
    identity: Callable[[str], VerifiedIdentity],
) -> Quick | None:
    """Return the fast path of a scheme; None if it has none.

    It accepts valid tokens and leaves all others to the full check, which says what is wrong.

    Args:
        scheme: The scheme, with the account's constants in its templates.
        maker: Makes tokens with the current key.
        rule: The rule for ids.
        identity: Takes an id and returns its identity.
    """
    shape, mac = token_shape(scheme), scheme.mac
    if shape is None or mac is None or rule.lower:
        return None
    if next(mac.message.placeholders).names[0] != "id":
        return None
    if not shape.holds_id:
        return _quick_bare(maker.sign, identity)
    end = len(shape.between) + code_width(mac) + len(shape.after)
    return _quick_naming(maker.sign, identity, len(shape.before), end)


def _quick_naming(
    sign: Callable[[Signable], str],
    identity: Callable[[str], VerifiedIdentity],
    start: int,
    end: int,
) -> Quick:
    """Return the fast path for tokens with the id from *start* to *end* characters from the end."""

    def quick(token: Any, principal: Any) -> VerifiedIdentity | None:
        if type(token) is bytes:
            token = token.decode("latin-1")
        if type(token) is not str or not token.isascii():
            return None
        claimed = token[start:-end]
        try:
            made = sign(claimed)
        except InvalidPrincipal:
            return None
        if compare_digest(made, token) and (principal is None or principal == claimed):
            return identity(claimed)
        return None

    return quick


def _quick_bare(
    sign: Callable[[Signable], str], identity: Callable[[str], VerifiedIdentity]
) -> Quick:
    def quick(token: Any, principal: Any) -> VerifiedIdentity | None:
        if type(token) is bytes:
            token = token.decode("latin-1")
        if type(token) is not str or type(principal) is not str or not token.isascii():
            return None
        try:
            made = sign(principal)
        except InvalidPrincipal:
            return None
        return identity(principal) if compare_digest(made, token) else None

    return quick

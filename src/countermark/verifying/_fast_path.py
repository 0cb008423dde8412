"""Verifies the usual valid token of a single-HMAC scheme without building its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import Any, TypeAlias

from countermark.errors import InvalidPrincipal
from countermark.principal import Signable
from countermark.schemes._scheme import Scheme
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._fast_path import spelled
from countermark.tokens._mac import code_width
from countermark.tokens._maker import TokenMaker
from countermark.verifying._results import VerifiedIdentity

#: From a token and a principal, whatever they are, to who that is; None: not in the short way.
Quick: TypeAlias = "Callable[[Any, Any], VerifiedIdentity | None]"


def compile_quick(
    scheme: Scheme,
    maker: TokenMaker,
    rule: ValueRule,
    settings: Mapping[str, str],
    identity: Callable[[str], VerifiedIdentity],
) -> Quick | None:
    """Return the short way for the usual good token; None where a scheme has none.

    Whatever it does not know it leaves to the long one, which says what is wrong.

    Args:
        scheme: The recipe.
        maker: What makes tokens with the current key.
        rule: What is taken for an id.
        settings: The account's constants, by name.
        identity: Makes the identity of an id.
    """
    assert scheme.mac is not None  # noqa: S101  # or it has no maker of tokens
    field = scheme.mac.message.lone
    if not maker.plain or field is None or field.names[0] != "id" or rule.lower:
        return None
    found = spelled(scheme.token, field, {f"settings.{k}": v for k, v in settings.items()})
    assert found is not None  # noqa: S101  # or it would not be plain
    before, holds_id, between, behind = found
    if not holds_id:
        return _quick_bare(maker.sign, identity)
    end = len(between) + code_width(scheme.mac) + len(behind)
    return _quick_naming(maker.sign, identity, len(before), end)


def _quick_naming(
    sign: Callable[[Signable], str],
    identity: Callable[[str], VerifiedIdentity],
    start: int,
    end: int,
) -> Quick:
    """Return the short way for tokens with the id between *start* and *end* from behind."""

    def quick(token: Any, principal: Any) -> VerifiedIdentity | None:
        if type(token) is bytes:
            token = token.decode("latin-1")
        if type(token) is not str or not token.isascii():
            return None
        whose = token[start:-end]
        try:
            made = sign(whose)
        except InvalidPrincipal:
            return None
        if compare_digest(made, token) and (principal is None or principal == whose):
            return identity(whose)
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

"""Verifies the valid tokens of a single-HMAC scheme: signs the id again, and compares.

This is the hot path of verifying: ``python -m benchmarks --only verify`` measures it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hmac import compare_digest
from typing import Any, TypeAlias

from countermark.errors import InvalidPrincipal
from countermark.keys._keyring import Key, Role
from countermark.principal import Signable
from countermark.schemes._scheme import Scheme
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._fast_path import token_shape
from countermark.tokens._mac import code_width
from countermark.tokens._maker import TokenMaker
from countermark.verifying._results import VerifiedIdentity

#: Takes a token and a principal of any type; None: the full check decides.
Quick: TypeAlias = "Callable[[Any, Any], VerifiedIdentity | None]"

# Takes an id and returns its identity; None: the key has expired.
_Identify: TypeAlias = "Callable[[str], VerifiedIdentity | None]"


def compile_quick(
    scheme: Scheme,
    accepted: Sequence[tuple[Role, Key, Any]],
    rule: ValueRule,
    *,
    environment: str | None,
    clock: Callable[[], float],
) -> Quick:
    """Return the fast path of a scheme.

    It accepts valid tokens and leaves all others to the full check, which says what is wrong. If
    the scheme has no fast path, it leaves all to the full check.

    Args:
        scheme: The scheme, with the account's constants in its templates.
        accepted: The role of each key, the key, and what makes its tokens.
        rule: The rule for ids.
        environment: The environment of the verifier, or None.
        clock: Returns the time, in seconds since the epoch.
    """
    quicks: list[Quick] = []
    # If a key is there twice, its role and expiry are those of the first one.
    if not rule.patterns and len({key.key_id for _, key, _ in accepted}) == len(accepted):
        for role, key, maker in accepted:
            if isinstance(maker, TokenMaker):
                identify = _identity_of(key, clock, scheme.slug, role, environment)
                quicks += _quick_of(scheme, maker, rule, identify)
    if len(quicks) == 1:
        return quicks[0]

    def quick(token: Any, principal: Any) -> VerifiedIdentity | None:
        for each in quicks:
            identity = each(token, principal)
            if identity is not None:
                return identity
        return None

    return quick


def _identity_of(
    key: Key, clock: Callable[[], float], slug: str, role: Role, environment: str | None
) -> _Identify:
    key_id, until = key.key_id, key.until

    def identity(id: str) -> VerifiedIdentity:
        return VerifiedIdentity(slug, id, key_id, role, environment=environment)

    if until is None:
        return identity
    return lambda claimed: identity(claimed) if clock() < until else None


def _quick_of(
    scheme: Scheme, maker: TokenMaker, rule: ValueRule, identity: _Identify
) -> Iterator[Quick]:
    """Yield the fast path for tokens of one key, if there is one."""
    shape, mac = token_shape(scheme), scheme.mac
    if shape is None or mac is None or rule.lower:
        return
    if next(mac.message.placeholders).names[0] != "id":
        return
    if shape.holds_id:
        end = len(shape.between) + code_width(mac) + len(shape.after)
        yield _quick_naming(maker.sign, identity, len(shape.before), end)
    else:
        yield _quick_bare(maker.sign, identity)


def _quick_naming(
    sign: Callable[[Signable], str], identity: _Identify, start: int, end: int
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


def _quick_bare(sign: Callable[[Signable], str], identity: _Identify) -> Quick:
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

"""Compares a token with the keys of a verifier."""

from __future__ import annotations

from collections.abc import Callable

from countermark.errors import InvalidPrincipal
from countermark.principal import Signable
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._reader import MAX_TOKEN, Reader, TokenContents, Unreadable
from countermark.verifying._checks import code_at
from countermark.verifying._known_keys import KnownKeys
from countermark.verifying._results import TokenCheck, VerifiedIdentity


class TokenJudge:
    """Compares tokens with keys, and checks their times and ids. It holds no key.

    Args:
        scheme: The name of the scheme.
        environment: The environment of the verifier, or None.
        reader: Reads the tokens of the scheme.
        rule: The rule for ids, of the scheme and of the user.
        clock: Returns the time, in seconds since the epoch.
        leeway: The tolerated difference of the sender's clock, in seconds.
        max_age: The maximum age of a token, in seconds, or None.
    """

    __slots__ = ("_clock", "_environment", "_leeway", "_max_age", "_reader", "_rule", "_scheme")

    def __init__(
        self,
        scheme: str,
        environment: str | None,
        reader: Reader,
        rule: ValueRule,
        *,
        clock: Callable[[], float],
        leeway: float,
        max_age: float | None,
    ) -> None:
        self._scheme, self._environment = scheme, environment
        self._reader, self._rule = reader, rule
        self._clock, self._leeway, self._max_age = clock, leeway, max_age

    def times(self) -> tuple[float, float, float | None]:
        """Return the time, the leeway and the maximum age."""
        return self._clock(), self._leeway, self._max_age

    def outcome(
        self, keys: KnownKeys, token: str | bytes | None, principal: Signable | None
    ) -> TokenCheck:
        """Compare a token with those of all *keys*."""
        if not token:
            return TokenCheck("missing")
        if principal is None and self._reader.needs_principal:
            return TokenCheck("principal_missing")
        try:
            text: object = token.decode() if isinstance(token, bytes) else token
            if not isinstance(text, str) or len(text) > MAX_TOKEN:
                return TokenCheck("malformed")
            reading = self._reader.read(text, principal)
            return self._judge(keys, reading, self._clock())
        except Unreadable as unreadable:
            return TokenCheck(unreadable.code)
        except (InvalidPrincipal, UnicodeDecodeError):
            return TokenCheck("malformed")

    def _judge(self, keys: KnownKeys, reading: TokenContents, now: float) -> TokenCheck:
        reader, claimed = self._reader, reading.claimed_id
        for role, key, prepared in keys.accepted:
            if not reader.made_with(prepared, reading):
                continue
            if key.until is not None and now >= key.until:
                return TokenCheck("retired_key", None, claimed, "retired", key.key_id)
            code = (
                "wrong_environment"
                if reading.foreign
                else code_at(reading, now, self._leeway, self._max_age)
            )
            if code != "verified":
                return TokenCheck(code, None, claimed, role, key.key_id)
            id, claims = reader.proved(prepared, reading)
            if id is not None and self._rule.problem(id):
                return TokenCheck("malformed", None, claimed, role, key.key_id)
            identity = VerifiedIdentity(
                self._scheme,
                id,
                key.key_id,
                role,
                environment=self._environment,
                claims=claims,
                expires_at=reading.expires_at,
            )
            return TokenCheck(code, identity, claimed, role, key.key_id)
        if any(reader.made_with(prepared, reading) for prepared in keys.others_prepared):
            return TokenCheck("wrong_environment", None, claimed)
        return TokenCheck("mismatch", None, claimed)

"""Verifies the tokens of one scheme."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict, Unpack

from countermark._option_checks import checked_clock
from countermark._redaction import guarded
from countermark.errors import (
    REFUSALS,
    AmbiguousSchemeWarning,
    BadToken,
    InvalidPrincipal,
    WeakKeyWarning,
)
from countermark.keys._keyring import Keyring, checked_keyring
from countermark.principal import Signable
from countermark.schemes._scheme import Scheme
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._mac_reader import MacReader
from countermark.tokens._maker import TokenMaker
from countermark.tokens._options import (
    check_keys,
    checked_id_rule,
    checked_scheme,
    keyring_from_env,
    settings_from_env,
    with_settings,
)
from countermark.tokens._reader import MAX_TOKEN, Reader, TokenContents, Unreadable
from countermark.verifying._checks import (
    checked_age,
    checked_others,
    checked_seconds,
    code_at,
    has_short_secret,
)
from countermark.verifying._fast_path import Quick, compile_quick
from countermark.verifying._known_keys import KnownKeys
from countermark.verifying._results import TokenCheck, VerifiedIdentity

if TYPE_CHECKING:
    from countermark.mistakes._explanation import Explanation


class VerifierOptions(TypedDict, total=False):
    """The options of :class:`Verifier` other than its settings."""

    environment: str | None
    other_environments: Mapping[str, Keyring] | None
    id_pattern: str | None
    leeway: float
    max_age: float | None
    never_signed: Iterable[str]
    allow_short_secret: bool
    clock: Callable[[], float]


class Verifier:
    """Verifies the tokens of one scheme with all keys of a keyring.

    The scheme sets the algorithm, whatever the token's header names. Each token has one
    valid spelling; with ES256 it has two, because ECDSA signatures are malleable. A
    verifier is safe to use from many threads.

    Args:
        scheme: The name of a scheme of the catalogue, or a scheme.
        keyring: The keys; each is valid until it expires. A secret needs 32 bytes or more,
            unless *allow_short_secret* is true.
        settings: The account's constants that the scheme needs, by name.
        environment: The environment of this service, such as ``live``.
        other_environments: Keyrings of other environments, by name. Their tokens are
            refused with the code ``wrong_environment``.
        id_pattern: A regular expression that the whole id must match, in addition to the
            vendor's own rules.
        leeway: The tolerated difference of the sender's clock, in seconds.
        max_age: The maximum age of a token, in seconds, for tokens with a time of issue;
            None: only their expiry counts.
        never_signed: Names of values that the account never signs with this secret, such
            as ``["context"]`` or ``["email"]``. It lifts the rule that keeps ids apart from
            them, and they are refused, or left out where the principal has another value.
        allow_short_secret: Whether to accept a secret that has fewer than 32 bytes, if the
            vendor issues no longer ones. A shorter secret can be guessed from one token,
            so building the verifier warns.
        clock: Returns the time, in seconds since the epoch.

    Raises:
        ConfigurationError: Something does not fit together, or the scheme's tokens
            cannot be verified; the message suggests a change.
    """

    #: The scheme.
    scheme: Scheme
    #: The environment of this service, or None.
    environment: str | None
    #: Whether the id must come with the token, which does not contain it.
    needs_principal: bool
    #: Names of the values other than the id that the principal must have.
    signs_besides: tuple[str, ...]

    @guarded
    def __init__(
        self,
        scheme: str | Scheme,
        keyring: Keyring,
        *,
        settings: Mapping[str, str] | None = None,
        environment: str | None = None,
        other_environments: Mapping[str, Keyring] | None = None,
        id_pattern: str | None = None,
        leeway: float = 10,
        max_age: float | None = None,
        never_signed: Iterable[str] = (),
        allow_short_secret: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        others = checked_others(other_environments)
        keyring = checked_keyring(keyring)
        self.scheme = scheme = checked_scheme(scheme, never_signed)
        check_keys(scheme, keyring, environment, signs=False)
        self.environment = environment
        resolved, rule = with_settings(scheme, settings), checked_id_rule(scheme, id_pattern)
        self._settings, self._rule = settings, rule
        # A crafted text can make a pattern slow, so patterns are applied to verified ids only.
        self._reader = _reader(resolved, rule._replace(patterns=()))
        self.needs_principal = self._reader.needs_principal
        self.signs_besides = self._reader.signs_besides
        self._clock = checked_clock(clock)
        self._leeway = checked_seconds(leeway, "leeway=")
        self._max_age = checked_age(scheme, max_age, dated=self._reader.dated)
        self._key = keyring.current
        if has_short_secret(scheme, keyring, allowed=allow_short_secret):
            warnings.warn(
                f"{scheme.slug}: the secret has fewer than 32 bytes, so it can be guessed from a"
                " token; have the vendor make a longer one",
                WeakKeyWarning,
                stacklevel=3,
            )
        self._keys = KnownKeys(
            scheme, self._reader, keyring, others, id_rule=rule, environment=environment
        )
        self._quick = self._compile(resolved, rule)
        if scheme.ambiguous:
            warnings.warn(
                f"{scheme.slug}: two principals can have the same token: {scheme.ambiguous}",
                AmbiguousSchemeWarning,
                stacklevel=3,
            )

    @classmethod
    @guarded
    def from_env(
        cls,
        scheme: str | Scheme,
        *,
        settings: Mapping[str, str] | None = None,
        **options: Unpack[VerifierOptions],
    ) -> Verifier:
        """Build a verifier with the keys in the scheme's environment variable.

        The variables are those of :meth:`Keyring.from_env`. Settings that are not given are
        read from the scheme's variables for them. The options are those of the class.
        """
        scheme = checked_scheme(scheme)
        constants = settings_from_env(scheme, settings)
        return cls(scheme, keyring_from_env(scheme), settings=constants, **options)

    def verify(self, token: str | bytes, principal: Signable | None = None) -> VerifiedIdentity:
        """Return the identity that *token* proves.

        Args:
            token: The token, as the request carries it; bytes are UTF-8.
            principal: The id that the request claims. A bare signature needs it. If a token
                contains the id, both must be equal.

        Raises:
            BadToken: The token is invalid. No other exception is raised for any input.
        """
        identity = self._quick(token, principal)
        if identity is None:
            found = self._check(token, principal)
            identity = found.identity
            if identity is None:
                del token, principal  # error trackers send the locals of frames
                message = f"{self.scheme.slug}: {REFUSALS[found.code]}"
                raise BadToken(message, code=found.code)
        return identity

    def check(self, token: str | bytes | None, principal: Signable | None = None) -> TokenCheck:
        """Check a token and return the outcome. The arguments are those of :meth:`verify`."""
        identity = self._quick(token, principal)
        if identity is None:
            return self._check(token, principal)
        return TokenCheck(
            "verified", identity, identity.principal_id, identity.role, identity.key_id
        )

    def pseudonym(self, identifier: str) -> str:
        """Return a salted hash of *identifier* for logs; the current key is the salt."""
        return self._key.pseudonym(identifier)

    @guarded
    def explain(self, token: str | bytes | None, principal: Signable | None = None) -> Explanation:
        """Check a token, and look for the mistake that explains why it is refused.

        The arguments are those of :meth:`verify`. It takes up to a second, so do not call it
        for each request. Nothing is raised for any input.
        """
        from countermark.verifying._explaining import explain_check  # late, as it is rare

        check, times = self.check(token, principal), (self._clock(), self._leeway, self._max_age)
        return explain_check(
            self._keys, check, token, principal, settings=self._settings, times=times
        )

    def _check(self, token: str | bytes | None, principal: Signable | None) -> TokenCheck:
        """Check a token that the fast path does not accept."""
        found = self._outcome(token, principal)
        return self._keys.credential(token, found.code) or found

    def _outcome(self, token: str | bytes | None, principal: Signable | None) -> TokenCheck:
        """Compare a token with those of all keys."""
        if not token:
            return TokenCheck("missing")
        if principal is None and self.needs_principal:
            return TokenCheck("principal_missing")
        try:
            text: object = token.decode() if isinstance(token, bytes) else token
            if not isinstance(text, str) or len(text) > MAX_TOKEN:
                return TokenCheck("malformed")
            reading = self._reader.read(text, principal)
            return self._judge(reading, self._clock())
        except Unreadable as unreadable:
            return TokenCheck(unreadable.code)
        except (InvalidPrincipal, UnicodeDecodeError):
            return TokenCheck("malformed")

    def _judge(self, reading: TokenContents, now: float) -> TokenCheck:
        reader, claimed = self._reader, reading.claimed_id
        for role, key, prepared in self._keys.accepted:
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
                self.scheme.slug,
                id,
                key.key_id,
                role,
                environment=self.environment,
                claims=claims,
                expires_at=reading.expires_at,
            )
            return TokenCheck(code, identity, claimed, role, key.key_id)
        if any(reader.made_with(prepared, reading) for prepared in self._keys.others_prepared):
            return TokenCheck("wrong_environment", None, claimed)
        return TokenCheck("mismatch", None, claimed)

    def _compile(self, resolved: Scheme, rule: ValueRule) -> Quick:
        """Return the fast path for tokens of the current key."""
        _, key, prepared = self._keys.accepted[0]
        if key.until is None and isinstance(prepared, TokenMaker) and not rule.patterns:
            slug, environment = self.scheme.slug, self.environment
            key_id = key.key_id

            def identity(id: str) -> VerifiedIdentity:
                return VerifiedIdentity(slug, id, key_id, "current", environment=environment)

            quick = compile_quick(resolved, prepared, rule, identity)
            if quick is not None:
                return quick
        return lambda token, principal: None

    def __repr__(self) -> str:
        # A traceback may print a verifier after its constructor failed.
        if not hasattr(self, "_quick"):
            return "<Verifier refused>"
        return f"<Verifier {self.scheme.slug} key={self._key.key_id}>"


def _reader(scheme: Scheme, rule: ValueRule) -> Reader:
    if scheme.jwt is None:
        return MacReader(scheme, rule)
    from countermark.tokens._jwt_reader import JwtReader

    return JwtReader(scheme)

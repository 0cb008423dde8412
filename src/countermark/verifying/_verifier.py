"""Verifies the tokens of one scheme."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from countermark._option_checks import checked_clock
from countermark._redaction import guarded
from countermark.errors import REFUSALS, AmbiguousSchemeWarning, BadToken, WeakKeyWarning
from countermark.keys._keyring import Keyring, checked_keyring
from countermark.keys._user import KeysNow, KeyUser, keys_now, start_watches
from countermark.principal import Signable
from countermark.schemes._scheme import Scheme
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._mac_reader import MacReader
from countermark.tokens._options import (
    check_keys,
    check_not_weaker,
    checked_id_rule,
    checked_scheme,
    keyring_from_env,
    settings_from_env,
    with_settings,
)
from countermark.tokens._reader import Reader
from countermark.tokens._sharing import shared
from countermark.verifying._checks import (
    checked_age,
    checked_others,
    checked_seconds,
    has_short_secret,
)
from countermark.verifying._fast_path import Quick, compile_quick
from countermark.verifying._known_keys import KnownKeys
from countermark.verifying._results import TokenCheck, VerifiedIdentity
from countermark.verifying._token_judge import TokenJudge

if TYPE_CHECKING:
    from countermark.keys._watch import Watch
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


class Verifier(KeyUser):
    """Verifies the tokens of one scheme with all keys of a keyring.

    The scheme sets the algorithm, whatever the token's header names. Each token has one
    valid spelling; with ES256 it has two, because ECDSA signatures are malleable. A
    verifier is safe to use from many threads. With a :class:`WatchedKeyring` it uses new keys
    as soon as they are there.

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
    _KEYED = ("_compiled", "_key", "_keys", "_others", "_own")
    _FAST = "_quick"

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
        keys, watch = keys_now(checked_keyring(keyring))
        self.scheme = scheme = checked_scheme(scheme, never_signed)
        check_keys(scheme, keys, environment, signs=False)
        self.environment = environment
        self._resolved = with_settings(scheme, settings)
        self._rule = checked_id_rule(scheme, id_pattern)
        self._settings, self._allow_short = settings, allow_short_secret
        # A crafted text can make a pattern slow, so patterns are applied to verified ids only.
        self._reader = _reader(self._resolved, self._rule._replace(patterns=()))
        self.needs_principal = self._reader.needs_principal
        self.signs_besides = self._reader.signs_besides
        leeway = checked_seconds(leeway, "leeway=")
        max_age = checked_age(scheme, max_age, dated=self._reader.dated)
        self._clock = checked_clock(clock)
        self._judge = TokenJudge(
            scheme.slug,
            environment,
            self._reader,
            self._rule,
            clock=self._clock,
            leeway=leeway,
            max_age=max_age,
        )
        if has_short_secret(scheme, keys, allowed=allow_short_secret):
            warnings.warn(
                f"{scheme.slug}: the secret has fewer than 32 bytes, so it can be guessed from a"
                " token; have the vendor make a longer one",
                WeakKeyWarning,
                stacklevel=3,
            )
        self._use((keys, watch), {name: keys_now(ring) for name, ring in others.items()})
        if scheme.ambiguous:
            warnings.warn(
                f"{scheme.slug}: two principals can have the same token: {scheme.ambiguous}",
                AmbiguousSchemeWarning,
                stacklevel=3,
            )
        rings = [self._own, *self._others.values()]
        if watched := {watch: ring for ring, watch in rings if watch is not None}:
            self._follow(watched, scheme.slug)
        else:
            self._quick = self._compiled  # type: ignore[assignment, method-assign]

    def _use(self, own: KeysNow, others: Mapping[str, KeysNow]) -> None:
        """Use these keys: the accepted ones, and those of other environments."""
        self._own, self._others = own, others
        self._key = own[0].current
        self._keys = KnownKeys(
            self.scheme,
            self._reader,
            own[0],
            {name: ring for name, (ring, _) in others.items()},
            id_rule=self._rule,
            environment=self.environment,
        )
        self._compiled = compile_quick(
            self._resolved,
            self._keys.accepted,
            self._rule,
            environment=self.environment,
            clock=self._clock,
        )

    def _change_keys(self, watch: Watch, ring: Keyring) -> None:
        def changed(before: KeysNow) -> KeysNow:
            return (ring, watch) if before[1] is watch else before

        own = changed(self._own)
        check_keys(self.scheme, own[0], self.environment, signs=False)
        has_short_secret(self.scheme, own[0], allowed=self._allow_short)
        check_not_weaker(self.scheme, own[0], self._own[0])
        self._use(own, {name: changed(before) for name, before in self._others.items()})

    def _fast_function(self) -> Quick:
        return self._compiled

    @classmethod
    @guarded
    def from_env(
        cls,
        scheme: str | Scheme,
        *,
        settings: Mapping[str, str] | None = None,
        watch: bool = False,
        **options: Unpack[VerifierOptions],
    ) -> Verifier:
        """Build a verifier with the keys in the scheme's environment variable.

        The variables are those of :meth:`Keyring.from_env`. Settings that are not given are
        read from the scheme's variables for them. With *watch*, a new content of the files of
        the keys is used without a restart: see :class:`WatchedKeyring`. The other options are
        those of the class.
        """
        scheme = checked_scheme(scheme)
        constants = settings_from_env(scheme, settings)
        return cls(scheme, keyring_from_env(scheme, watch=watch), settings=constants, **options)

    def _quick(self, token: Any, principal: Any) -> VerifiedIdentity | None:
        """Check a token by the fast path, with a keyring whose watch may have to be started."""
        if self._waits:
            start_watches(self._watches)
        return self._compiled(token, principal)

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

        start_watches(self._watches)
        pinned, times = self._pinned, self._judge.times()
        check = pinned.check(token, principal)
        return explain_check(
            pinned._keys, check, token, principal, settings=self._settings, times=times
        )

    def _check(self, token: str | bytes | None, principal: Signable | None) -> TokenCheck:
        """Check a token that the fast path does not accept."""
        keys = self._keys  # once, as they may change
        found = self._judge.outcome(keys, token, principal)
        return keys.credential(token, found.code) or found

    def __repr__(self) -> str:
        # A traceback may print a verifier after its constructor failed.
        if not hasattr(self, "_compiled"):
            return "<Verifier refused>"
        return f"<Verifier {self.scheme.slug} key={self._key.key_id}>"


@shared
def _reader(scheme: Scheme, rule: ValueRule) -> Reader:
    if scheme.jwt is None:
        return MacReader(scheme, rule)
    from countermark.tokens._jwt_reader import JwtReader

    return JwtReader(scheme)

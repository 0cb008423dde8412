"""Signs ids by a scheme."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from countermark._option_checks import checked_clock
from countermark._redaction import guarded
from countermark.keys._keyring import Key, Keyring, checked_keyring
from countermark.keys._user import KeyUser, keys_now, start_watches
from countermark.principal import Principal, Signable, identifier_text
from countermark.schemes._header_names import header_name
from countermark.schemes._scheme import Scheme
from countermark.signing._header_size import always_fits_header
from countermark.signing._warnings import warn_of
from countermark.tokens._maker import TokenMaker
from countermark.tokens._options import (
    TokenOptions,
    check_keys,
    check_not_weaker,
    checked_claims,
    checked_id_rule,
    checked_lifetime,
    checked_scheme,
    keyring_from_env,
    settings_from_env,
    with_settings,
)
from countermark.tokens._values import Values

if TYPE_CHECKING:
    from countermark.keys._watch import Watch

_FROM_SCHEME: Final = "from the scheme"


class SignerOptions(TypedDict, total=False):
    """The options of :class:`Signer` other than its settings."""

    header: str | None
    environment: str | None
    id_pattern: str | None
    lifetime: int | None
    claims: Iterable[str]
    never_signed: Iterable[str]
    clock: Callable[[], float]


class Signer(KeyUser):
    """Signs ids by one scheme with the current key of a keyring.

    With a :class:`WatchedKeyring` it uses a new key as soon as it is there, also through
    ``sign`` of a signer that the application holds. Requests that have begun keep theirs.

    Args:
        scheme: The name of a scheme of the catalogue, or a scheme.
        keyring: The keys. Only the current one signs.
        settings: The account's constants that the scheme needs, such as an app id, by
            name.
        header: The name of the response header that carries the token; None: no header.
            The scheme has the default.
        environment: The environment of this service, such as ``live``. If the vendor's
            keys show their environment, a key of another one is refused.
        id_pattern: A regular expression that the whole id must match, in addition to the
            vendor's own rules.
        lifetime: How long a token is valid, in seconds. The scheme has the default.
        claims: Names of the principal's values and attributes that become claims of the
            JWT, for vendors that accept any claim.
        never_signed: Names of values that the account never signs with this secret, such
            as ``["context"]`` or ``["email"]``. It lifts the rule that keeps ids apart from
            them, and they are refused, or left out where the principal has another value.
        clock: Returns the time, in seconds since the epoch.

    Raises:
        ConfigurationError: An option is missing or invalid; the message explains what to
            change.
    """

    #: The scheme.
    scheme: Scheme
    #: The name of the response header, for CORS settings too; None: no header.
    header: str | None
    #: The environment of this service, or None.
    environment: str | None
    #: The id of the signing key: eight hexadecimal digits from which it cannot be derived.
    key_id: str
    _KEYED = ("_key", "_maker", "key_id")
    _FAST = "sign"
    # True if the fields can be made later for each principal that sign() accepts.
    _sign_suffices: bool
    # True if each token is a valid header value.
    _header_safe: bool

    @guarded
    def __init__(
        self,
        scheme: str | Scheme,
        keyring: Keyring,
        *,
        settings: Mapping[str, str] | None = None,
        header: str | None = _FROM_SCHEME,
        environment: str | None = None,
        id_pattern: str | None = None,
        lifetime: int | None = None,
        claims: Iterable[str] = (),
        never_signed: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        keys, watch = keys_now(checked_keyring(keyring))
        self.scheme = scheme = checked_scheme(scheme, never_signed)
        _check_keys(scheme, keys, environment)
        self.environment = environment
        if header is _FROM_SCHEME:
            header = scheme.header
        self.header = None if header is None else header_name(header, "header=")
        self._resolved = with_settings(scheme, settings)
        self._clock = checked_clock(clock)
        self._options = TokenOptions(
            checked_id_rule(scheme, id_pattern),
            checked_lifetime(scheme, lifetime),
            checked_claims(scheme, claims),
            self._clock,
        )
        self._use(keys.current)
        warn_of(scheme, keys.current)
        overridden, suffices = type(self).sign is not Signer.sign, self._maker.sign_suffices
        self._sign_suffices = suffices or overridden
        self._header_safe = not overridden and suffices and always_fits_header(self._resolved)
        if watch is not None:
            # A bound method, so that sign = signer.sign has the new keys too.
            self._follow({watch: keys}, scheme.slug)
        elif not overridden:
            # The compiled function in place of the method: a call less for each token.
            self.sign = self._maker.sign  # type: ignore[assignment, method-assign]

    def _use(self, key: Key) -> None:
        self._key, self.key_id = key, key.key_id
        self._maker = TokenMaker(self._resolved, key, self._options)

    def _change_keys(self, watch: Watch, ring: Keyring) -> None:
        _check_keys(self.scheme, ring, self.environment)
        check_not_weaker(self.scheme, ring, watch.now)
        self._use(ring.current)

    def _fast_function(self) -> Callable[[Signable], str] | None:
        return self._maker.sign if type(self).sign is Signer.sign else None

    @classmethod
    @guarded
    def from_env(
        cls,
        scheme: str | Scheme,
        *,
        settings: Mapping[str, str] | None = None,
        watch: bool = False,
        **options: Unpack[SignerOptions],
    ) -> Signer:
        """Build a signer with the keys in the scheme's environment variable.

        The variables are those of :meth:`Keyring.from_env`. Settings that are not given are
        read from the scheme's variables for them. With *watch*, a new content of the files of
        the keys is used without a restart: see :class:`WatchedKeyring`. The other options are
        those of the class.
        """
        scheme = checked_scheme(scheme)
        constants = settings_from_env(scheme, settings)
        return cls(scheme, keyring_from_env(scheme, watch=watch), settings=constants, **options)

    def sign(self, principal: Signable) -> str:
        """Return the token for *principal*. Safe to call from many threads.

        A subclass may override it.

        Args:
            principal: A Principal, or an id as str, int or UUID.

        Raises:
            InvalidPrincipal: The id cannot be signed, the principal lacks a value that the
                scheme signs, or the scheme or ``id_pattern`` refuses a value.
        """
        if self._waits:
            start_watches(self._watches)
        return self._maker.sign(principal)

    def issue(self, principal: Signable) -> SignedIdentity:
        """Sign *principal* and return the token with its header and fields.

        Raises:
            InvalidPrincipal: As for :meth:`sign`.
        """
        if self._waits:
            start_watches(self._watches)
        if self._copy is not None:  # the token and the fields must be of the same key
            return Signer.issue(self._pinned, principal)
        if self._sign_suffices:
            return SignedIdentity(self, principal, self.sign(principal))
        renderer = self._maker.renderer
        values = renderer.values(principal)
        token = renderer.token(values)
        renderer.check_json(values)  # here, rather than when the page is written
        return SignedIdentity(self, values.who, token, values)

    def pseudonym(self, identifier: str) -> str:
        """Return a salted hash of *identifier* for logs; the current key is the salt."""
        return self._key.pseudonym(identifier)

    def marker(self, principal: str) -> str:
        """Return the marker of a principal; see :attr:`RequestIdentity.marker`."""
        return self._key.pseudonym(f"marker\n{principal}")

    def __repr__(self) -> str:
        # A traceback may print a signer after its constructor failed.
        if not hasattr(self, "_header_safe"):
            return "<Signer refused>"
        return f"<Signer {self.scheme.slug} key={self.key_id} header={self.header}>"


class SignedIdentity:
    """A token, and the fields that the front end passes to the vendor.

    Its representation shows neither the token nor the principal.
    """

    __slots__ = {
        "scheme": "The name of the scheme.",
        "token": "The token.",
        "header": "The name of the response header that carries it, or None.",
        "key_id": "The id of the key that signed.",
        "_principal": None,
        "_signer": None,
        "_values": None,
    }

    scheme: str
    token: str
    header: str | None
    key_id: str

    def __init__(
        self, signer: Signer, principal: Signable, token: str, values: Values | None = None
    ) -> None:
        self.scheme = signer.scheme.slug
        self.token = token
        self.header = signer.header
        self.key_id = signer.key_id
        self._principal = principal
        self._signer = signer
        self._values = values

    @property
    def principal_id(self) -> str | None:
        """The principal's id; None if they have only an address or a number."""
        who = self._principal
        return who.id if isinstance(who, Principal) else identifier_text(who)

    @property
    def fields(self) -> dict[str, Any]:
        """The values for the front end, by the vendor's names."""
        return self._signer._maker.renderer.fields(self._found())

    @property
    def expires_at(self) -> float | None:
        """When the token expires, in seconds since the epoch; None: never."""
        if not self._signer.scheme.expires:
            return None
        return self._signer._maker.renderer.expiry(self._found())

    @property
    def expires_in(self) -> int | None:
        """How long the token is still valid, in whole seconds from 0; None: it never expires."""
        expires_at = self.expires_at
        if expires_at is None:
            return None
        return max(0, int(expires_at - self._signer._clock()))

    def _found(self) -> Values:
        values = self._values
        if values is None:
            values = self._values = self._signer._maker.renderer.values(self._principal)
            values.put("token", self.token)
        return values

    def __repr__(self) -> str:
        return f"<SignedIdentity {self.scheme} key={self.key_id}>"


def _check_keys(scheme: Scheme, keyring: Keyring, environment: str | None) -> None:
    """Check that the current key can sign. The others may be public, as verifiers need them."""
    check_keys(scheme, Keyring(keyring.current), environment)
    check_keys(scheme, keyring, environment, signs=False)

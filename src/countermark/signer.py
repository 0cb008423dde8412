"""From a scheme and a keyring to a token: the hot path of the package."""

from __future__ import annotations

import hashlib
import warnings
from binascii import b2a_base64
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from countermark.errors import (
    ConfigurationError,
    InvalidKey,
    InvalidPrincipal,
    WeakKeyWarning,
)
from countermark.keys import Keyring, SecretKey
from countermark.principal import MAX_LENGTH, Identifier, Principal, identifier_text
from countermark.scheme import IdRule, Scheme, checked_pattern, header_name

if TYPE_CHECKING:
    from hashlib import _Hash

Signable = Principal | Identifier

#: The longest token that is put into a header, in characters.
MAX_HEADER_TOKEN = 2048

_FROM_SCHEME: Final = "from the scheme"

# Characters that no rule refuses, wherever they stand. An id of these alone,
# which nearly all ids are, is known to be fit by one pass in C over its bytes.
_HARMLESS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@+")
_SUSPECT = bytes(byte not in _HARMLESS for byte in range(256))
_ALL_SUSPECT = bytes([True]) * 256


class Signer:
    """Signs ids for one vendor with the current key of a keyring.

    Args:
        scheme: The vendor: the name of a scheme of the catalogue, or a scheme.
        keyring: The keys. Only the current one signs.
        header: The name of the response header that carries the token; None
            for no header. By default the scheme says.
        environment: The environment this runs in, such as ``live``. Where the
            vendor's keys show theirs, a key of another one is refused.
        id_pattern: A regular expression that all of an id must match, beside
            what the vendor demands.

    Raises:
        ConfigurationError: Something does not fit together; the message says
            what to change.
    """

    __slots__ = {
        "scheme": "The vendor's recipe, a Scheme.",
        "header": "The name of the response header, for CORS settings too; None: no header.",
        "key_id": "Which key signs: eight hexadecimal digits that do not lead back to it.",
        "header_safe": "Whether every token of this signer is a legal header value.",
        "sign": """sign(principal) -> str

Return the token for *principal*: a Principal, or an id as str, int or UUID.

An instance attribute, compiled for the scheme and the key when the signer is
built. Safe to call from many threads.

Raises:
    InvalidPrincipal: The id is not fit to be signed, or the vendor or
        ``id_pattern`` refuses it.
""",
        "_key": None,
    }

    scheme: Scheme
    header: str | None
    key_id: str
    header_safe: bool
    sign: Callable[[Signable], str]

    def __init__(
        self,
        scheme: str | Scheme,
        keyring: Keyring,
        *,
        header: str | None = _FROM_SCHEME,
        environment: str | None = None,
        id_pattern: str | None = None,
    ) -> None:
        if not isinstance(keyring, Keyring):
            # Deleted so that a secret given by mistake is not in the traceback.
            del keyring
            raise ConfigurationError(
                "keyring must be a Keyring: Keyring(secret) or Keyring.from_env('VARIABLE')"
            )
        self.scheme = scheme = _scheme(scheme)
        if environment is not None and not isinstance(environment, str):
            raise ConfigurationError("environment= must be the name of one, such as 'live'")
        if header is _FROM_SCHEME:
            header = scheme.header
        self.header = None if header is None else header_name(header, "header=")
        rule = scheme.id_rule
        if id_pattern is not None:
            pattern = checked_pattern(id_pattern, "id_pattern")
            rule = replace(rule, patterns=(*rule.patterns, pattern))
        for key in (keyring.current, *keyring.previous, *keyring.next):
            _check_key(scheme, key, environment)
        if keyring.current.looks_short():
            warnings.warn(
                f"{scheme.slug}: the secret in {scheme.variable} has fewer than 32 bytes",
                WeakKeyWarning,
                stacklevel=2,
            )
        self._key = keyring.current
        self.key_id = keyring.current.key_id
        visible = "{id}" not in scheme.token or rule.charset == "ascii"
        self.header_safe = visible and _longest_token(scheme) <= MAX_HEADER_TOKEN
        self.sign = _compile(scheme, keyring.current, rule)

    @classmethod
    def from_env(
        cls,
        scheme: str | Scheme,
        *,
        header: str | None = _FROM_SCHEME,
        environment: str | None = None,
        id_pattern: str | None = None,
    ) -> Signer:
        """Build a signer with the keys of the environment variable that the scheme names.

        The options are those of the class; the variables are those of
        :meth:`Keyring.from_env`.
        """
        scheme = _scheme(scheme)
        return cls(
            scheme,
            Keyring.from_env(scheme.variable),
            header=header,
            environment=environment,
            id_pattern=id_pattern,
        )

    def issue(self, principal: Signable) -> SignedIdentity:
        """Sign *principal* and return the token with all that belongs to it.

        Raises:
            InvalidPrincipal: As for ``sign``.
        """
        return SignedIdentity(self, text_to_sign(principal), self.sign(principal))

    def pseudonym(self, identifier: str) -> str:
        """Return a salted hash of *identifier* for logs; the current key is the salt."""
        return self._key.pseudonym(identifier)

    def __repr__(self) -> str:
        # A traceback may print a signer whose construction has just failed.
        if not hasattr(self, "sign"):
            return "<Signer refused>"
        return f"<Signer {self.scheme.slug} key={self.key_id} header={self.header}>"


class SignedIdentity:
    """A token and what the front end is to hand over with it.

    Its representation shows neither the token nor the id.
    """

    __slots__ = {
        "scheme": "The name of the scheme.",
        "principal_id": "The id that was signed.",
        "token": "The token.",
        "header": "The name of the response header that carries it, or None.",
        "key_id": "Which key signed.",
        "expires_at": "When the token ends, in seconds since the epoch; None: never.",
        "_fields": None,
    }

    scheme: str
    principal_id: str
    token: str
    header: str | None
    key_id: str
    expires_at: float | None

    def __init__(self, signer: Signer, principal_id: str, token: str) -> None:
        self.scheme = signer.scheme.slug
        self.principal_id = principal_id
        self.token = token
        self.header = signer.header
        self.key_id = signer.key_id
        self.expires_at = None
        self._fields = signer.scheme.fields

    @property
    def fields(self) -> dict[str, str]:
        """The vendor's own names for the front end, with their values."""
        values = {"{id}": self.principal_id, "{token}": self.token}
        return {name: values.get(value, value) for name, value in self._fields.items()}

    def __repr__(self) -> str:
        return f"<SignedIdentity {self.scheme} key={self.key_id}>"


def text_to_sign(principal: Signable) -> str:
    """Return the checked id of *principal*, which may be an id itself.

    Raises:
        InvalidPrincipal: It is not fit to be signed.
    """
    return principal.id if isinstance(principal, Principal) else identifier_text(principal)


def _scheme(scheme: object) -> Scheme:
    if isinstance(scheme, str):
        return Scheme.load(scheme)
    if not isinstance(scheme, Scheme):
        raise ConfigurationError("scheme must be the name of a scheme, or a Scheme")
    return scheme


def _longest_token(scheme: Scheme) -> int:
    longest_mac = 2 * hashlib.sha512().digest_size
    return len(scheme.token) + MAX_LENGTH + longest_mac


def _check_key(scheme: Scheme, key: SecretKey, environment: str | None) -> None:
    if key.starts_with(scheme.refuse_prefixes):
        raise InvalidKey(
            f"{scheme.slug}: this is a publishable key or the id of a key, not the secret"
            f" that {scheme.variable} is for"
        )
    for of, prefixes in scheme.environments.items():
        if environment not in (None, of) and key.starts_with(prefixes):
            raise InvalidKey(
                f"{scheme.slug}: the key in {scheme.variable} belongs to the environment {of!r},"
                f" but environment={environment!r}"
            )


def _compile(scheme: Scheme, key: SecretKey, rule: IdRule) -> Callable[[Signable], str]:
    """Return the signing function of *scheme* with *key*.

    Everything that does not depend on the id is done here. What is left is a
    check of the id, two copies of a keyed hash and the spelling of the token.
    """
    inner, outer = key.hmac_states(scheme.algorithm)
    copy_inner, copy_outer = inner.copy, outer.copy
    encode: Callable[[object], bytes] = str.encode  # type: ignore[assignment]  # else TypeError
    suspect = _suspect_bytes(rule)
    before, _, suffix = scheme.token.partition("{mac}")
    prefix, with_id, between = before.partition("{id}")
    spell: Callable[[_Hash], str] = (
        type(outer).hexdigest if scheme.encoding == "hex" else _base64_digest
    )

    def admit(principal: Signable) -> str:
        text = text_to_sign(principal)
        if not rule.allows(text):
            raise InvalidPrincipal(
                f"{scheme.slug} takes no id of this form", code="principal_pattern"
            )
        return text

    def sign(principal: Signable) -> str:
        try:
            data = encode(principal)
        except (TypeError, UnicodeEncodeError):
            data = b""
        if 1 in data.translate(suspect) or len(data) > MAX_LENGTH or not data:
            principal = admit(principal)
            data = principal.encode()
        inner = copy_inner()
        inner.update(data)
        outer = copy_outer()
        outer.update(inner.digest())
        if not with_id:
            return prefix + spell(outer) + suffix
        return prefix + principal + between + spell(outer) + suffix  # type: ignore[operator]

    # The same with its end written out: for a bare token, a call and three joins
    # less. The bar of the benchmark for this form is met with little to spare.
    def sign_bare_base64(principal: Signable) -> str:
        try:
            data = encode(principal)
        except (TypeError, UnicodeEncodeError):
            data = b""
        if 1 in data.translate(suspect) or len(data) > MAX_LENGTH or not data:
            data = admit(principal).encode()
        inner = copy_inner()
        inner.update(data)
        outer = copy_outer()
        outer.update(inner.digest())
        return b2a_base64(outer.digest(), newline=False).decode()

    bare = scheme.token == "{mac}"
    return sign_bare_base64 if bare and scheme.encoding == "base64" else sign


def _suspect_bytes(rule: IdRule) -> bytes:
    """Return the table that maps a byte to 1 where it calls for the full check."""
    refusals = (*rule.refuse_prefixes, *rule.refuse_containing)
    if rule.patterns or any(_HARMLESS.issuperset(text.encode()) for text in refusals):
        return _ALL_SUSPECT
    return _SUSPECT


def _base64_digest(state: _Hash) -> str:
    return b2a_base64(state.digest(), newline=False).decode()

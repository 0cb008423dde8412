"""From a scheme and a keyring to a token."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from countermark.errors import (
    AmbiguousSchemeWarning,
    ConfigurationError,
    InvalidKey,
    WeakKeyWarning,
)
from countermark.headers import header_name
from countermark.keyring import Keyring
from countermark.keys import Key, SecretKey
from countermark.mac import compile_plain
from countermark.options import checked_claims, checked_lifetime, checked_settings
from countermark.principal import MAX_LENGTH, Principal, Signable, identifier_text
from countermark.rendering import PRINCIPAL_TEXTS, Renderer
from countermark.rules import ValueRule, checked_pattern
from countermark.scheme import Scheme
from countermark.signed_identity import SignedIdentity
from countermark.template import Template, compile_text, templates_in

#: The longest token that is put into a header, in characters.
MAX_HEADER_TOKEN = 2048

_FROM_SCHEME: Final = "from the scheme"


class Signer:
    """Signs ids for one vendor with the current key of a keyring.

    Args:
        scheme: The vendor: the name of a scheme of the catalogue, or a scheme.
        keyring: The keys. Only the current one signs.
        settings: The account's constants that the scheme asks for, such as an
            app id, by name.
        header: The name of the response header that carries the token; None
            for no header. By default the scheme says.
        environment: The environment this runs in, such as ``live``. Where the
            vendor's keys show theirs, a key of another one is refused.
        id_pattern: A regular expression that all of an id must match, beside
            what the vendor demands.
        lifetime: How long a token lives, in seconds. By default the scheme says.
        claims: Names of the principal's values and attributes that are claims of
            the JWT too, for vendors who take any.
        clock: Returns the time, in seconds since the epoch.

    Raises:
        ConfigurationError: Something does not fit together; the message says
            what to change.
    """

    __slots__ = {
        "scheme": "The vendor's recipe, a Scheme.",
        "header": "The name of the response header, for CORS settings too; None: no header.",
        "key_id": "Which key signs: eight hexadecimal digits that do not lead back to it.",
        "header_safe": "Whether every token of this signer is a legal header value.",
        "plain": "Whether a token depends on nothing but what is signed and the key.",
        "sign": """sign(principal) -> str

Return the token for *principal*: a Principal, or an id as str, int or UUID.

An instance attribute, compiled for the scheme and the key when the signer is
built. Safe to call from many threads.

Raises:
    InvalidPrincipal: The id is not fit to be signed, the principal lacks what
        the vendor signs, or the vendor or ``id_pattern`` refuses it.
""",
        "_key": None,
        "renderer": "What carries out the recipe.",
    }

    scheme: Scheme
    header: str | None
    key_id: str
    header_safe: bool
    plain: bool
    renderer: Renderer
    sign: Callable[[Signable], str]

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
        clock: Callable[[], float] = time.time,
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
        rule = scheme.rule("id")
        if id_pattern is not None:
            pattern = checked_pattern(id_pattern, "id_pattern")
            rule = rule._replace(patterns=(*rule.patterns, pattern))
        if not callable(clock):
            raise ConfigurationError("clock= must be callable and return seconds since the epoch")
        for key in (keyring.current, *keyring.previous, *keyring.next):
            _check_key(scheme, key, environment)
        key = self._key = keyring.current
        self.key_id = key.key_id
        constants = checked_settings(scheme, settings)
        self.renderer = Renderer(
            scheme,
            key,
            settings=constants,
            rule=rule,
            lifetime=checked_lifetime(scheme, lifetime),
            claims=checked_claims(scheme, claims),
            clock=clock,
        )
        self._warn(scheme, key)
        sign = self._compile(constants, rule)
        self.plain = sign is not None
        self.sign = sign or self._sign_by_renderer
        self.header_safe = self.plain and _always_fits_header(scheme, constants)

    @classmethod
    def from_env(
        cls,
        scheme: str | Scheme,
        *,
        settings: Mapping[str, str] | None = None,
        header: str | None = _FROM_SCHEME,
        environment: str | None = None,
        id_pattern: str | None = None,
        lifetime: int | None = None,
        claims: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> Signer:
        """Build a signer with the keys of the environment variable that the scheme names.

        The options are those of the class; the variables are those of
        :meth:`Keyring.from_env`. Settings that are not given are read from the
        variables that the scheme names for them.
        """
        import os

        scheme = _scheme(scheme)
        if not scheme.variable:
            raise ConfigurationError(f"{scheme.slug} names no environment variable for its secret")
        found = {
            name: os.environ[setting.variable]
            for name, setting in scheme.settings.items()
            if setting.variable in os.environ
        }
        return cls(
            scheme,
            Keyring.from_env(scheme.variable),
            settings={**found, **(settings or {})},
            header=header,
            environment=environment,
            id_pattern=id_pattern,
            lifetime=lifetime,
            claims=claims,
            clock=clock,
        )

    def issue(self, principal: Signable) -> SignedIdentity:
        """Sign *principal* and return the token with all that belongs to it.

        Raises:
            InvalidPrincipal: As for ``sign``.
        """
        if self.plain:
            return SignedIdentity(self, principal, self.sign(principal))
        values = self.renderer.values(principal)
        token = self.renderer.token(values)
        signed = SignedIdentity(self, values.who, token, values)
        self.renderer.check_json(values)  # here, rather than when the page is written
        return signed

    def pseudonym(self, identifier: str) -> str:
        """Return a salted hash of *identifier* for logs; the current key is the salt."""
        return self._key.pseudonym(identifier)

    def marker(self, whose: str) -> str:
        """Return what stands for a principal on their own pages; see ``RequestIdentity.marker``."""
        return self._key.pseudonym(f"marker\n{whose}")

    def _compile(
        self, settings: dict[str, str], rule: ValueRule
    ) -> Callable[[Signable], str] | None:
        scheme, renderer, key = self.scheme, self.renderer, self._key
        if scheme.mac is None or not isinstance(key, SecretKey) or not _fields_are_there(scheme):
            return None
        message, where = scheme.mac.message, f"{scheme.slug}: the id"
        write = compile_text(message)
        of_id = [p.names[0] for p in message.placeholders][:1] == ["id"]

        def admit(principal: Signable) -> str:
            if of_id and not isinstance(principal, Principal):
                return rule.apply(identifier_text(principal), where)
            if of_id and principal.id is not None:  # type: ignore[union-attr]
                return rule.apply(principal.id, where)  # type: ignore[union-attr]
            return renderer.find(renderer.values(principal), write)  # type: ignore[no-any-return]

        constants = {f"settings.{name}": value for name, value in settings.items()}
        return compile_plain(scheme, key, rule, admit, constants)

    def _sign_by_renderer(self, principal: Signable) -> str:
        return self.renderer.token(self.renderer.values(principal))

    def _warn(self, scheme: Scheme, key: Key) -> None:
        form = scheme.mac.key if scheme.mac else "text"
        # RFC 7518, section 3.2: as long as what the hash gives.
        least = 64 if scheme.jwt and scheme.jwt.algorithm == "HS512" else 32
        if isinstance(key, SecretKey) and key.looks_short(form, least):
            which = f" in {scheme.variable}" if scheme.variable else ""
            warnings.warn(
                f"{scheme.slug}: the secret{which} has fewer than {least} bytes",
                WeakKeyWarning,
                stacklevel=3,
            )
        if scheme.ambiguous:
            warnings.warn(
                f"{scheme.slug}: two principals can get the same signature: {scheme.ambiguous}",
                AmbiguousSchemeWarning,
                stacklevel=3,
            )

    def __repr__(self) -> str:
        # A traceback may print a signer whose construction has just failed.
        if not hasattr(self, "sign"):
            return "<Signer refused>"
        return f"<Signer {self.scheme.slug} key={self.key_id} header={self.header}>"


def _scheme(scheme: object) -> Scheme:
    if isinstance(scheme, str):
        return Scheme.load(scheme)
    if not isinstance(scheme, Scheme):
        raise ConfigurationError("scheme must be the name of a scheme, or a Scheme")
    return scheme


def _check_key(scheme: Scheme, key: Key, environment: str | None) -> None:
    if scheme.jwt is not None:
        from countermark.jwt import check_kind

        check_kind(scheme.jwt.algorithm, key)
    elif not isinstance(key, SecretKey):
        raise InvalidKey(f"{scheme.slug} needs a shared secret, not a private key")
    if not isinstance(key, SecretKey):
        return
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


def _fields_are_there(scheme: Scheme) -> bool:
    """Tell whether the fields can be made for every principal who was signed."""
    message = scheme.mac.message.lone if scheme.mac else None
    first = message.names[0] if message else ""  # if it is there, it has been signed
    sure = {"token", *(f"settings.{name}" for name in scheme.settings)}
    sure.update(message.names if message and len(message.names) == 1 else ())

    def may_be_left_out(name: str) -> bool:
        fit = name == first or not scheme.rule(name).refuses
        return fit and name in {*PRINCIPAL_TEXTS, "created"}

    return all(
        set(place.names) <= sure or (place.optional and all(map(may_be_left_out, place.names)))
        for template in templates_in(scheme.fields)
        for place in template.placeholders
    )


def _always_fits_header(scheme: Scheme, settings: Mapping[str, str]) -> bool:
    """Tell whether no token of a plain scheme can be unfit for a header."""
    assert isinstance(scheme.token, Template)  # noqa: S101  # or it would not be plain
    parts = [
        part if isinstance(part, str) else settings.get(part.names[0].removeprefix("settings."), "")
        for part in scheme.token.parts
    ]
    longest = sum(map(len, parts)) + MAX_LENGTH + 128  # SHA-512 in hexadecimal
    with_id = any("id" in placeholder.names for placeholder in scheme.token.placeholders)
    ascii_only = not with_id or scheme.rule("id").charset == "ascii"
    return ascii_only and longest <= MAX_HEADER_TOKEN

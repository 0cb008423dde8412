"""Computes tokens and fields from the values of a principal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from countermark.errors import InvalidPrincipal
from countermark.keys._keyring import Key
from countermark.keys._secret import SecretKey
from countermark.principal import Principal, Signable, identifier_text
from countermark.schemes._formats import compact_json
from countermark.schemes._parts import PRINCIPAL_TEXTS
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import MISSING, MissingValue
from countermark.tokens._mac import HmacStates, compile_mac, hmac_states
from countermark.tokens._options import TokenOptions
from countermark.tokens._values import Encode, Values, compiled

T = TypeVar("T")


class Renderer:
    """Makes the tokens and fields of one scheme with one key.

    Args:
        scheme: The scheme, with the account's constants in its templates.
        key: The key that signs.
        options: The checked options.

    Raises:
        InvalidKey: The key does not have the form that the scheme needs.
    """

    __slots__ = (
        "_clock",
        "_encode",
        "_fields",
        "_getters",
        "_key_prefix",
        "_never",
        "_slug",
        "states",
    )

    #: The inner and the outer hash of HMAC; None: the scheme uses something else.
    states: HmacStates | None

    def __init__(self, scheme: Scheme, key: Key, options: TokenOptions) -> None:
        self._slug = scheme.slug
        self._never = [name for name in scheme.never_signed if name not in PRINCIPAL_TEXTS]
        rule, lifetime, claims, self._clock = options
        self._getters, self._fields = compiled(scheme, rule, lifetime, claims)
        self.states = None
        self._key_prefix = ""
        if scheme.mac is not None:
            assert isinstance(key, SecretKey)  # noqa: S101  # the signer has checked it
            if scheme.key_prefix:
                self._key_prefix = key.shown_prefix(scheme.key_prefix)
            self.states = hmac_states(scheme.mac, key)
            self._encode: Encode = compile_mac(scheme.mac, key, self.states)
        else:
            from countermark.tokens._jwt import compile_jwt

            assert scheme.jwt is not None  # noqa: S101  # a scheme has a MAC or a JWT
            self._encode = compile_jwt(scheme.jwt.algorithm, key)

    def values(self, principal: Signable) -> Values:
        """Return the values for *principal*, which may be an id.

        Raises:
            InvalidPrincipal: It cannot be signed.
        """
        who = principal if isinstance(principal, Principal) else identifier_text(principal)
        values = Values(who, self._getters, self._encode, self._clock)
        if self._key_prefix:
            values.put("key_prefix", self._key_prefix)
        return values

    def token(self, values: Values) -> str:
        """Return the token.

        Raises:
            InvalidPrincipal: The principal lacks a value that the scheme signs, or the
                scheme refuses a value.
        """
        return self.evaluate(values, self._token)

    def _token(self, values: Values) -> str:
        for name in self._never:
            values(name)  # refuses a principal that has it
        token: str = values("token")
        return token

    def fields(self, values: Values) -> dict[str, Any]:
        """Return the fields for the front end.

        Raises:
            InvalidPrincipal: As for ``token``.
        """
        return self.evaluate(values, self._fields)

    def check_json(self, values: Values) -> None:
        """Check that the fields can be written as JSON.

        Raises:
            InvalidPrincipal: They cannot.
        """
        self.evaluate(values, lambda values: compact_json(self._fields(values)))

    def evaluate(self, values: Values, function: Callable[[Values], T]) -> T:
        """Return the result of *function* for *values*.

        Raises:
            InvalidPrincipal: As for ``token``.
        """
        try:
            return function(values)
        except MissingValue as missing:
            names, code = " or ".join(missing.names), "principal_field"
            problem = f"it needs the principal's {names}, which is missing"
        except InvalidPrincipal as refused:
            problem, code = str(refused), refused.code
        except UnicodeEncodeError:
            problem, code = "a value holds a lone surrogate", "principal_surrogate"
        except RecursionError:
            problem, code = "a value has too many levels", "principal_field"
        # Raised here, because the message of the caught error may quote a value.
        raise InvalidPrincipal(f"{self._slug}: {problem}", code=code)

    def expiry(self, values: Values) -> float | None:
        """Return when the token expires, in seconds since the epoch; None: never."""
        expires = values("expires")
        return None if expires is MISSING else float(expires)

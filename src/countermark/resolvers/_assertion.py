"""Reads a signed assertion of an identity-aware proxy from a request header."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from countermark.errors import ConfigurationError
from countermark.principal import Principal
from countermark.resolvers._assertion_keys import AssertionKeys, compile_keys
from countermark.resolvers._request_header import RequestHeader, UntrustedHeader
from countermark.tokens._jwt_reader import jwt_parts
from countermark.tokens._reader import Unreadable, moment

#: The longest assertion that is read, in bytes. AWS sends up to 11 kB of claims.
MAX_ASSERTION = 16_384
#: The greatest leeway, in seconds.
MAX_LEEWAY = 300

_ALGORITHMS = ("RS256", "ES256")


class BadAssertion(UntrustedHeader):
    """A signed header that does not prove the user.

    It is malformed, has expired, is for another application, or has the signature of
    another key. The message says which. Compare ``issuer=``, ``audience=`` and ``keys=``
    with the settings of the proxy.
    """

    code = "bad_assertion"


class AssertionReader:
    """Verifies the assertion in one header, and turns its claims into a principal.

    Args:
        name: The header.
        keys: See :func:`from_signed_header`, as for the other arguments.
        padded: Whether the parts of the token may end in the padding of base64.

    Raises:
        ConfigurationError: One of the arguments is not what it should be.
    """

    __slots__ = ("_algorithm", "_claim", "_clock", "_email", "_find", "_header", "_leeway", "_pads")

    def __init__(
        self,
        name: str,
        *,
        keys: AssertionKeys,
        algorithm: str,
        claim: str,
        email: str | None,
        leeway: float,
        clock: Callable[[], float],
        padded: bool = False,
    ) -> None:
        if algorithm not in _ALGORITHMS:
            raise ConfigurationError(
                "algorithm= must be RS256 or ES256, whichever the proxy signs with"
            )
        number: object = leeway
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ConfigurationError("leeway= must be a number of seconds")
        if not 0 <= number <= MAX_LEEWAY:
            raise ConfigurationError(f"leeway= must be 0 to {MAX_LEEWAY} seconds")
        self._header = RequestHeader(name)
        self._algorithm = algorithm
        self._find = compile_keys(keys, algorithm)
        self._claim = required_text(claim, "claim=")
        self._email = None if email is None else required_text(email, "email=")
        self._leeway, self._clock, self._pads = leeway, clock, padded

    def read(self, source: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the header and the claims of the assertion, or None if there is none.

        The signature is verified. The times and all other claims are not.

        Raises:
            UntrustedHeader: The header came more than once.
            BadAssertion: The assertion is malformed, or its signature does not match.
        """
        value = self._header.only_value(source)
        if value is None:
            return None
        if len(value) > MAX_ASSERTION:
            raise BadAssertion(f"the assertion is longer than {MAX_ASSERTION} bytes")
        token = value.decode("latin-1")
        try:
            header, claims = jwt_parts(self._without_padding(token))
        except Unreadable:
            raise BadAssertion("the assertion is not a JSON Web Token") from None
        if header.get("alg") != self._algorithm or {"crit", "b64"} & set(header):
            raise BadAssertion(f"the assertion does not say {self._algorithm}, as algorithm= does")
        check = self._find(header.get("kid"))
        if check is None:
            raise BadAssertion("keys= has no key with the kid of the assertion")
        if not check(token):
            raise BadAssertion("the signature of the assertion does not match the key")
        return header, claims

    def _without_padding(self, token: str) -> str:
        if not self._pads:
            return token
        parts = []
        for part in token.split("."):
            bare = part.rstrip("=")
            if part not in (bare, bare + "=" * (-len(bare) % 4)):
                raise BadAssertion("the assertion is padded wrongly")
            parts.append(bare)
        return ".".join(parts)

    def check_times(self, stated: Mapping[str, Any], *, required: bool) -> None:
        """Check ``exp``, ``nbf`` and ``iat`` of the claims or the header.

        Args:
            stated: The claims or the header.
            required: Whether ``exp`` must be there.

        Raises:
            BadAssertion: The assertion has expired, is not valid yet, or states a time
                that is not a number.
        """
        if required and "exp" not in stated:
            raise BadAssertion("the assertion has no exp")
        try:
            times = {name: moment(stated[name]) for name in ("exp", "nbf", "iat") if name in stated}
        except Unreadable:
            raise BadAssertion("the assertion states a time that is not a number") from None
        now = self._clock()
        if "exp" in times and now >= times["exp"] + self._leeway:
            raise BadAssertion("the assertion has expired; compare the clocks")
        if max(times.get("nbf", 0), times.get("iat", 0)) > now + self._leeway:
            raise BadAssertion("the assertion is not valid yet; compare the clocks")

    def principal(self, claims: Mapping[str, Any]) -> Principal | str:
        """Return the principal of the claims.

        Raises:
            BadAssertion: The claim of the id is missing, empty or not text, or the one of
                the address is not text.
        """
        found = claims.get(self._claim)
        if not isinstance(found, str) or not found:
            raise BadAssertion(f"the assertion has no {self._claim}, so it is not a user's")
        if self._email is None:
            return found
        email = claims.get(self._email)
        if not isinstance(email, str | None):
            raise BadAssertion(f"the assertion has a {self._email} that is not text")
        return Principal(found, email=email or None)


def required_text(value: object, where: str) -> str:
    """Return *value* if it is text and not empty.

    Raises:
        ConfigurationError: It is not; the message begins with *where*.
    """
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{where} must be text that is not empty")
    return value


def required_texts(value: object, where: str) -> frozenset[str]:
    """Return one text or several as a set.

    Raises:
        ConfigurationError: There is none, or one that is empty.
    """
    listed = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    if not listed:
        raise ConfigurationError(f"{where} must be text that is not empty")
    return frozenset(required_text(text, where) for text in listed)

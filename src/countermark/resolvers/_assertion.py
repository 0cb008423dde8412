"""Reads a signed assertion of an identity-aware proxy from a request header."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from countermark.errors import ConfigurationError
from countermark.principal import Principal
from countermark.resolvers._assertion_keys import AssertionKeys, FindCheck, compile_keys
from countermark.resolvers._request_header import RequestHeader, UntrustedHeader
from countermark.signing._principal_lookup import Resolver
from countermark.tokens._jwt_reader import jwt_parts
from countermark.tokens._reader import Unreadable, moment

#: The maximum length of an assertion, in bytes. AWS sends up to 11 kB of claims.
MAX_ASSERTION = 16_384
#: The maximum leeway, in seconds.
MAX_LEEWAY = 300

_ALGORITHMS = ("RS256", "ES256")

#: A part of a token: its header or its claims.
Part: TypeAlias = Mapping[str, Any]


class BadAssertion(UntrustedHeader):
    """A signed header does not prove the user.

    It is malformed, has expired, is for another application, or has the signature of
    another key. See the message for the reason. Compare ``issuer=``, ``audience=`` and
    ``keys=`` with the settings of the proxy.
    """

    code = "bad_assertion"


def assertion_resolver(
    name: str,
    check: Callable[[Part, Part], None],
    *,
    keys: AssertionKeys,
    algorithm: str,
    claim: str,
    email: str | None,
    leeway: float,
    clock: Callable[[], float],
    aws: bool = False,
) -> Resolver:
    """Return the resolver that verifies the assertion in the header *name*.

    Args:
        name: The header.
        check: Checks the token's header and claims for issuer and audience, and raises
            ``BadAssertion``. The signature has been verified before.
        keys: See :func:`from_signed_header`, as for the other arguments.
        aws: True for AWS, which pads base64 and puts ``exp`` into the token's header.

    Raises:
        ConfigurationError: An argument is invalid.
    """
    if algorithm not in _ALGORITHMS:
        raise ConfigurationError(
            "algorithm= must be RS256 or ES256; use the one that the proxy signs with"
        )
    number: object = leeway
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ConfigurationError("leeway= must be a number of seconds")
    if not 0 <= number <= MAX_LEEWAY:
        raise ConfigurationError(f"leeway= must be 0 to {MAX_LEEWAY} seconds")
    request_header, find = RequestHeader(name), compile_keys(keys, algorithm)
    required_text(claim, "claim=")
    if email is not None:
        required_text(email, "email=")

    def resolve(source: Mapping[str, Any]) -> Principal | str | None:
        value = request_header.only_value(source)
        if value is None:
            return None
        if len(value) > MAX_ASSERTION:
            raise BadAssertion(f"the assertion is longer than {MAX_ASSERTION} bytes")
        header, claims = _verified(value.decode("latin-1"), find, algorithm, padded=aws)
        check(header, claims)
        if "exp" not in (header if aws else claims):
            raise BadAssertion("the assertion has no exp")
        now = clock()
        for part in (header, claims) if aws else (claims,):
            _check_times(part, now, leeway)
        return _principal(claims, claim, email)

    return resolve


def _verified(token: str, find: FindCheck, algorithm: str, *, padded: bool) -> tuple[Part, Part]:
    """Return the header and the claims of a token with a valid signature."""
    try:
        header, claims = jwt_parts(_without_padding(token) if padded else token)
    except Unreadable:
        raise BadAssertion("the assertion is not a JSON Web Token") from None
    if header.get("alg") != algorithm or {"crit", "b64"} & set(header):
        raise BadAssertion(f"the algorithm of the assertion is not {algorithm}, as in algorithm=")
    is_valid = find(header.get("kid"))
    if is_valid is None:
        raise BadAssertion("keys= has no key with the kid of the assertion")
    if not is_valid(token):
        raise BadAssertion("the signature of the assertion does not match the key")
    return header, claims


def _without_padding(token: str) -> str:
    parts = []
    for part in token.split("."):
        bare = part.rstrip("=")
        if part not in (bare, bare + "=" * (-len(bare) % 4)):
            raise BadAssertion("the padding of the assertion is invalid")
        parts.append(bare)
    return ".".join(parts)


def _check_times(part: Part, now: float, leeway: float) -> None:
    try:
        times = {name: moment(part[name]) for name in ("exp", "nbf", "iat") if name in part}
    except Unreadable:
        raise BadAssertion("the assertion has a time that is not a number") from None
    if "exp" in times and now >= times["exp"] + leeway:
        raise BadAssertion("the assertion has expired; compare the clocks")
    if max(times.get("nbf", 0), times.get("iat", 0)) > now + leeway:
        raise BadAssertion("the assertion is not valid yet; compare the clocks")


def _principal(claims: Part, claim: str, email: str | None) -> Principal | str:
    identifier = claims.get(claim)
    if not isinstance(identifier, str) or not identifier:
        raise BadAssertion(f"the assertion has no {claim}, so it is not a user's")
    if email is None:
        return identifier
    address = claims.get(email)
    if not isinstance(address, str | None):
        raise BadAssertion(f"the assertion has a {email} that is not text")
    return Principal(identifier, email=address or None)


def required_text(value: object, where: str) -> str:
    """Return *value* if it is text and not empty; otherwise raise ``ConfigurationError``."""
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{where} must be text that is not empty")
    return value


def required_texts(value: object, where: str) -> frozenset[str]:
    """Return one or several texts as a set; otherwise raise ``ConfigurationError``."""
    listed = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    return frozenset(required_text(text, where) for text in listed or [""])

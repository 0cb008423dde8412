"""The parts of the demo that each scheme has of its own: a signer, and mostly a verifier."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, NamedTuple

from countermark import (
    ConfigurationError,
    InvalidPrincipal,
    Keyring,
    Scheme,
    Signer,
    Verifier,
)
from countermark.demo.keys import LIVE, keyring_of, other_environment
from countermark.demo.people import PEOPLE, Person
from countermark.errors import AmbiguousSchemeWarning, WeakKeyWarning
from countermark.schemes._parts import PRINCIPAL_TEXTS
from countermark.schemes._templates import names_in

#: The header in which the page sends a token, for schemes that name none.
TOKEN_HEADER = "X-Demo-Token"

#: The maximum age of tokens that contain the time of issue and no expiry, in seconds.
MAX_AGE = 3600

_CHANGING = {"now", "uuid", "expires"}
_OF_USER = {*PRINCIPAL_TEXTS}


class Parts(NamedTuple):
    """The signer and the verifier of one scheme.

    Attributes:
        scheme: The scheme.
        signer: Signs with the key of the environment ``live``.
        verifier: Verifies its tokens, and knows the key of the other environment; None: tokens
            of this scheme cannot be verified.
        unverifiable: The reason, in that case.
        is_changing: True if each response has a new token, because of a time or a random value.
        lifetime: How long a token is valid, in seconds; None: it does not expire.
        names_user: False if the token is for a resource, and the same for all users.
    """

    scheme: Scheme
    signer: Signer
    verifier: Verifier | None
    unverifiable: str
    is_changing: bool
    lifetime: int | None
    names_user: bool

    @property
    def token_header(self) -> str:
        """The request header in which the page sends the token."""
        return self.scheme.request_header or TOKEN_HEADER


@cache
def parts_of(slug: str) -> Parts:
    """Return the parts of the scheme *slug*."""
    scheme = Scheme.load(slug)
    verifier, problem = None, ""
    try:
        verifier = _verifier(scheme)
    except ConfigurationError as error:
        problem = str(error)
    changing = not _CHANGING.isdisjoint(
        names_in([scheme.token, dict(scheme.fields)])
        | names_in(scheme.jwt.claims if scheme.jwt else {})
        | names_in(scheme.mac.message if scheme.mac else {})
        | names_in(scheme.payload.content if scheme.payload else {})
    )
    is_changing = changing or (scheme.jwt is not None and scheme.jwt.algorithm.startswith("ES"))
    names_user = scheme.jwt is None or not _OF_USER.isdisjoint(names_in(scheme.jwt.claims))
    lifetime = scheme.lifetime or (MAX_AGE if _is_dated(scheme) else None)
    return Parts(scheme, signer_of(scheme), verifier, problem, is_changing, lifetime, names_user)


def token_of(parts: Parts, person: Person) -> str | None:
    """Return the token of a user; None: the scheme refuses the user's id."""
    try:
        return parts.signer.sign(person.principal)
    except InvalidPrincipal:
        return None


def token_of_another(parts: Parts, person: Person) -> str:
    """Return the token of another user. Each scheme signs for two of the users at least."""
    tokens = [token_of(parts, other) for other in PEOPLE if other != person]
    return next(token for token in tokens if token is not None)


def signer_of(scheme: Scheme, keyring: Keyring | None = None, **options: Any) -> Signer:
    """Return a signer, without warnings; by default with the key of the environment ``live``."""
    if scheme.jwt is not None and scheme.jwt.attributes:
        options["claims"] = ["plan"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AmbiguousSchemeWarning)
        return Signer(
            scheme, keyring or keyring_of(scheme.slug), settings=settings_of(scheme), **options
        )


def settings_of(scheme: Scheme) -> dict[str, str]:
    """Return sample values for the settings that have no default."""
    return {
        name: f"demo-{name.replace('_', '-')}"
        for name, setting in scheme.settings.items()
        if setting.default is None
    }


def _verifier(scheme: Scheme) -> Verifier:
    other = other_environment(scheme)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AmbiguousSchemeWarning)
        warnings.simplefilter("ignore", WeakKeyWarning)
        return Verifier(
            scheme,
            keyring_of(scheme.slug),
            settings=settings_of(scheme),
            environment=LIVE,
            other_environments={other: keyring_of(scheme.slug, other)},
            max_age=MAX_AGE if _is_dated(scheme) else None,
            allow_short_secret=True,
        )


def _is_dated(scheme: Scheme) -> bool:
    """Tell whether a token contains the time of issue and no expiry."""
    return scheme.mac is not None and "now" in names_in(scheme.token)

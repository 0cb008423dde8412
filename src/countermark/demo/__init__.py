"""A small application with two vendors' signatures, for a browser or for one run."""

from __future__ import annotations

from countermark.keys._keyring import Keyring
from countermark.schemes._scheme import Scheme
from countermark.signing._signer import Signer

#: The vendors that the demo signs for.
SCHEMES = ("cognito-flow", "stigg")

#: The ids one can sign in as. The first two have known answers in the catalogue.
USERS = ("3a409367-a417-4d46-9a92-3d7bc5dc4605", "customer-demo-01", "org:42")

SIGNATURES_PATH = "/api/users/current/signatures"


def demo_keyring(slug: str) -> Keyring:
    """Return the secret of the vendor's own example."""
    return Keyring(Scheme.load(slug).vectors[0].secret)


def demo_signers() -> list[Signer]:
    """Return signers with the secrets of the vendors' own examples."""
    return [Signer(slug, demo_keyring(slug)) for slug in SCHEMES]


def token_field(scheme: Scheme) -> str:
    """Return the vendor's name for the token."""
    return next(name for name, value in scheme.fields.items() if str(value) == "{token}")

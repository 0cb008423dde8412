"""The demo: a small application that signs for two vendors, in a browser or for one run."""

from __future__ import annotations

from countermark.keys._keyring import Keyring
from countermark.schemes._scheme import Scheme
from countermark.signing._signer import Signer

#: The schemes of the demo.
SCHEMES = ("cognito-flow", "stigg")

#: The ids of the users. The first two have test vectors in the catalogue.
USERS = ("3a409367-a417-4d46-9a92-3d7bc5dc4605", "customer-demo-01", "org:42")

SIGNATURES_PATH = "/api/users/current/signatures"


def demo_keyring(slug: str) -> Keyring:
    """Return a keyring with the secret of the vendor's example."""
    return Keyring(Scheme.load(slug).vectors[0].secret)


def demo_signers() -> list[Signer]:
    """Return signers with the secrets of the vendors' examples."""
    return [Signer(slug, demo_keyring(slug)) for slug in SCHEMES]


def token_field(scheme: Scheme) -> str:
    """Return the name of the field with the token."""
    return next(name for name, value in scheme.fields.items() if str(value) == "{token}")

"""A verifier, and tokens that it refuses, one for each reason that a token can have."""

from __future__ import annotations

from countermark import Keyring, Scheme, SecretKey, Signer, Verifier
from tests.conftest import SECRET

NOW = 1_000_000
NAME = "X-Customer-Key"
OTHER = "the-secret-of-another-environment-with-bytes"
OLD = "an-older-secret-of-the-tests-with-enough-bytes"

DATED = Scheme.from_mapping(
    {
        "slug": "dated",
        "mac": {"algorithm": "sha256", "message": "{id}.{now:s}", "encoding": "hex"},
        "token": {"template": "{id}.{now:s}.{mac}", "request_header": NAME},
    }
)
VERIFIER = Verifier(
    DATED,
    Keyring(SECRET, previous=SecretKey(OLD, until=NOW)),
    environment="test",
    other_environments={"live": Keyring(OTHER)},
    max_age=60,
    clock=lambda: NOW,
)
FLOW = Verifier("cognito-flow", Keyring(SECRET))
FLOW_SIGNER = Signer("cognito-flow", Keyring(SECRET))


def good(id: str = "user-1", *, secret: str = SECRET, now: float = NOW) -> str:
    """Return a token of *id*, made at *now*."""
    return Signer(DATED, Keyring(secret), clock=lambda: now).sign(id)


#: The values of the header, by the code of the refusal.
BAD = {
    "malformed": ["user-1"],
    "ambiguous": [good(), good()],
    "mismatch": [good(secret="a-secret-that-nobody-knows-of-with-many-bytes")],
    "expired": [good(now=NOW - 71)],
    "not_yet_valid": [good(now=NOW + 11)],
    "retired_key": [good(secret=OLD)],
    "wrong_environment": [good(secret=OTHER)],
}

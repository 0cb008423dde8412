"""Whom and what the benchmarks sign, the same for every variant."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from countermark import Keyring

SECRET_TEXT = "signing-secret-for-benchmarks-only-0001"
SECRET = SECRET_TEXT.encode()
KEYRING = Keyring(SECRET_TEXT)
HEADER = "Stigg-Customer-Token"
USER_ID = "3a409367-a417-4d46-9a92-3d7bc5dc4605"
MAC = hmac.digest(SECRET, USER_ID.encode(), "sha256").hex()
TOKEN = f"HMAC-SHA256 {USER_ID}:{MAC}"


@dataclass(frozen=True, slots=True)
class User:
    """What authentication puts into a scope."""

    id: str
    is_authenticated: bool = True


SIGNED_IN = User(USER_ID)
ANONYMOUS = User("", is_authenticated=False)

"""Finds the secrets of the demo in texts, in any encoding."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from urllib.parse import quote

from countermark.demo.keys import other_environment, secret_of
from countermark.demo.parts import parts_of


def secrets_of(slug: str) -> list[str]:
    """Return the secrets of a scheme, of both environments."""
    return [secret_of(slug), secret_of(slug, other_environment(parts_of(slug).scheme))]


def spilled(slug: str, text: str) -> list[str]:
    """Return the forms of the secrets of a scheme that occur in *text*."""
    return [form for secret in secrets_of(slug) for form in _forms(secret) if form in text]


def _forms(secret: str) -> Iterator[str]:
    if secret.startswith("-----BEGIN"):
        yield from secret.splitlines()[1:3]
        secret = "".join(secret.splitlines()[1:-1])
    contents = [secret.encode()]
    with contextlib.suppress(ValueError):
        contents.append(bytes.fromhex(secret))
    yield secret
    yield quote(secret, safe="")
    for content in contents:
        yield content.hex()
        # The last characters depend on what follows.
        yield base64.b64encode(content).decode().rstrip("=")[:-1]
        yield base64.urlsafe_b64encode(content).decode().rstrip("=")[:-1]

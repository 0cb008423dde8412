"""``countermark.testing`` without the stand-ins: tampered tokens, no extras."""

from __future__ import annotations

import subprocess
import sys

import pytest

from countermark import ConfigurationError, Keyring, Signer
from countermark.testing import tampered
from tests.conftest import SECRET


@pytest.mark.parametrize("slug", ["stigg", "cognito-flow", "intercom-hmac"])
def test_a_tampered_token_differs_in_one_character(slug: str) -> None:
    for number in range(40):
        token = Signer(slug, Keyring(SECRET)).sign(f"user-{number}")
        other = tampered(token)
        assert len(other) == len(token)
        assert sum(a != b for a, b in zip(token, other, strict=True)) == 1


def test_a_text_too_short_for_a_token_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="20 characters"):
        tampered("short")


def test_no_extra_is_needed() -> None:
    extras = "django fastapi flask httpx jinja2 jwt redis starlette uvicorn"
    code = f"import sys, countermark.testing\nprint(*set(sys.modules) & set('{extras}'.split()))"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.strip() == ""

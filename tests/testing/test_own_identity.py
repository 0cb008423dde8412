"""The assertion that users get their own tokens alone: planted faults, and sound applications."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable

import pytest
from django.test import override_settings

from countermark.testing import assert_own_identity_only
from tests.conftest import SECRET
from tests.testing.faulty import USERS, Faulty, django_apps, flask_apps, starlette_apps

CASES: dict[str, Callable[[], Faulty]] = {**starlette_apps.cases(), **flask_apps.CASES}


def fault_of(faulty: Faulty) -> str:
    """Return the message about the fault of an application."""
    with pytest.raises(AssertionError) as caught:
        assert_own_identity_only(
            faulty.client, faulty.login, USERS, logout=faulty.logout, **faulty.options
        )
    error = caught.value
    at = error.__traceback__ and error.__traceback__.tb_next  # not the frame of this test
    shown = traceback.TracebackException(type(error), error, at, capture_locals=True)
    text = "".join(shown.format())
    assert "_own_identity.py" in text
    assert SECRET not in text
    assert not re.search("[0-9a-f]{32}", text)  # no token
    return str(error)


@pytest.mark.parametrize("name", CASES)
def test_a_planted_fault_is_found_and_shown_with_the_smallest_request(name: str) -> None:
    faulty = CASES[name]()
    require(fault_of(faulty), faulty)


@pytest.mark.parametrize("name", django_apps.CASES)
def test_a_planted_fault_in_django_is_found(name: str) -> None:
    urls, faulty = django_apps.CASES[name]
    with override_settings(ROOT_URLCONF=urls, **django_apps.SETTINGS):
        require(fault_of(faulty), faulty)


def require(message: str, faulty: Faulty) -> None:
    assert "did not happen again" not in message
    for text in faulty.message:
        assert text in message + "\n"

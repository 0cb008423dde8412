"""A secret in a wrong place of Django's setting is in no check, message or frame."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from countermark import Keyring
from tests.frameworks.django_project import start
from tests.project.showing_entries import KEY
from tests.project.test_showing import GIVEN, MARK, shown_by

start()

from django.core.management import call_command  # noqa: E402
from django.core.management.base import SystemCheckError  # noqa: E402
from django.test import override_settings  # noqa: E402

from countermark.django import _checks, _conf  # noqa: E402

__all__ = ["shown_by"]  # a fixture

RING = Keyring(KEY)
PLACES: dict[str, Callable[[Any], Any]] = {
    "the whole": lambda given: given,
    "a key": lambda given: {"SIGNERS": ["stigg"], **_as_key(given)},
    "SIGNERS": lambda given: {"SIGNERS": given},
    "a signer in a list": lambda given: {"SIGNERS": [given]},
    "a signer in a dictionary": lambda given: {"SIGNERS": _as_key(given, {})},
    "options": lambda given: {"SIGNERS": {"stigg": given}},
    "an option": lambda given: {"SIGNERS": {"stigg": _as_key(given)}},
    **{
        option: lambda given, option=option: {  # type: ignore[misc]
            "SIGNERS": {"stigg": {"keyring": RING, option: given}}
        }
        for option in ("environment", "id_pattern", "lifetime", "claims", "settings", "keyring")
    },
    "variable": lambda given: {"SIGNERS": {"stigg": {"variable": given}}},
    **{
        key: lambda given, key=key: {"SIGNERS": ["stigg"], key: given}  # type: ignore[misc]
        for key in sorted(_conf.KEYS - {"SIGNERS"})
    },
}


def _as_key(given: Any, value: Any = 1) -> dict[Any, Any]:
    return {given: value} if isinstance(given, str | bytes | tuple) else {"SIGNERS": given}


def configure(setting: Any) -> object:
    """Do all that reads the setting: the checks, the command, the first request."""
    printed = io.StringIO()
    with override_settings(COUNTERMARK=setting):
        found = [str(message) for message in _checks.check_settings()]
        try:
            call_command("check", stdout=printed, stderr=printed)
        except SystemCheckError as error:
            found.append(str(error))
            sys.stdout.write(f"{found} {printed.getvalue()}")
        return _conf.current()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", KEY)
    yield
    _conf.current.cache_clear()


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("place", PLACES)
def test_a_secret_in_a_wrong_place_of_the_setting_is_not_shown(
    place: str, given: str, shown_by: Callable[[Callable[[], object]], str]
) -> None:
    seen = shown_by(partial(configure, PLACES[place](GIVEN[given])))
    assert MARK not in seen.lower()


def test_a_good_setting_gets_through() -> None:
    with override_settings(COUNTERMARK={"SIGNERS": ["stigg"], "RESOLVER": "builtins.repr"}):
        assert _conf.current()

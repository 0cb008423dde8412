"""Staff who act as a user by the usual Django packages, each through its own views."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from countermark import Keyring, Principal, Signer
from tests.frameworks.cases import SECRET
from tests.frameworks.django_project import start

start()

from django.contrib.sessions.backends.signed_cookies import SessionStore  # noqa: E402
from django.core.signing import TimestampSigner  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402
from django.utils.functional import SimpleLazyObject  # noqa: E402

from countermark.django import _checks, aactor_from, actor_from  # noqa: E402
from countermark.django._resolvers import acurrent_user, current_user  # noqa: E402
from tests.frameworks.django_project import settings  # noqa: E402
from tests.frameworks.django_project.people import person  # noqa: E402

PACKAGES = {
    "hijack": "django-hijack",
    "loginas": "django-loginas",
    "impersonate": "django-impersonate",
    "django_su": "django-su",
}
STIGG = Signer("stigg", Keyring(SECRET))


def played(package: str, mode: str, folder: Path) -> Any:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.frameworks.django_staff.play", mode],
        env={**os.environ, "STAFF_PACKAGE": package, "STAFF_DATABASE": str(folder / "db.sqlite3")},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("package", PACKAGES)
def test_no_token_is_sent_while_staff_act_as_a_user(
    package: str, mode: str, tmp_path: Path
) -> None:
    anonymous, own, started, acting, quiet, stopped, again = played(package, mode, tmp_path)
    assert [step["status"] for step in (anonymous, own, acting, again)] == [200] * 4
    assert [started["status"], stopped["status"]] == [302, 302]
    assert anonymous["token"] is None
    assert own["token"] == own["body"] == STIGG.sign("1")
    assert acting["token"] is None
    assert acting["body"] == "-"
    assert started["token"] in (None, STIGG.sign("1"))  # never one of the user's
    assert stopped["token"] in (None, STIGG.sign("1"))
    assert acting["impersonated"] > own["impersonated"] == 0
    # django-impersonate itself reads the session of each request.
    assert quiet["vary"] == ("Cookie" if package == "impersonate" else None)
    assert again["token"] == again["body"] == STIGG.sign("1")
    assert again["failed"] == 0


@pytest.mark.parametrize("package", PACKAGES)
def test_the_check_names_the_package_that_was_found(package: str, tmp_path: Path) -> None:
    [[id, text]] = played(package, "check", tmp_path)
    assert id == "countermark.I001"
    assert text.startswith(f"With {PACKAGES[package]} staff can act as a user. No token")


def found(**changes: Any) -> list[str]:
    installed = [*settings.INSTALLED_APPS, "hijack.apps.HijackConfig"]
    given = {**settings.COUNTERMARK, **changes}
    with override_settings(INSTALLED_APPS=installed, COUNTERMARK=given):
        return [message.id or "" for message in _checks.check_settings()]


def test_the_check_says_what_the_settings_do_about_staff() -> None:
    assert found() == ["countermark.I001"]
    assert found(SIGN_IMPERSONATED=True) == ["countermark.I002"]
    assert found(RESOLVER=f"{settings.PROJECT}.people.resolve") == ["countermark.W010"]
    assert found(SIGNERS=7) == ["countermark.E001"]
    with override_settings(COUNTERMARK=settings.COUNTERMARK):
        assert _checks.check_settings() == []


def request_of(entries: dict[str, Any] | None = None, user: Any = None, **attributes: Any) -> Any:
    request = RequestFactory().get("/")
    request.user = user or person("user-1")
    if entries is not None:
        request.session = SessionStore()
        request.session.update(entries)  # this marks it as accessed, as a login would
    for name, value in attributes.items():
        setattr(request, name, value)
    return request


TRACES: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"hijack_history": []}, None),
    ({"hijack_history": ["7", "8"]}, "7"),
    ({"hijack_history": "7"}, "unknown"),
    ({"hijack_history": [None]}, "unknown"),
    ({"exit_users_pk": []}, None),
    ({"exit_users_pk": [[7, "backend"], [8, "backend"]]}, "7"),
    ({"exit_users_pk": [7]}, "unknown"),
    ({"loginas_from_user": TimestampSigner().sign("7")}, "7"),
    ({"loginas_from_user": "7"}, "unknown"),
    ({"loginas_from_user": 7}, "unknown"),
    ({"loginas_from_user": TimestampSigner().sign("")}, "unknown"),
]


@pytest.mark.parametrize(("entries", "actor"), TRACES)
def test_the_actor_is_the_first_of_those_who_act(
    entries: dict[str, Any], actor: str | None
) -> None:
    assert actor_from(request_of(entries)) == actor
    assert asyncio.run(aactor_from(request_of(entries))) == actor
    principal = current_user(request_of(entries))
    assert isinstance(principal, Principal)
    assert principal.actor == actor
    assert asyncio.run(acurrent_user(request_of(entries))) == principal


def test_the_mark_of_django_loginas_may_have_another_name() -> None:
    with override_settings(LOGINAS_FROM_USER_SESSION_FLAG="other"):
        assert actor_from(request_of({"other": TimestampSigner().sign(7)})) == "7"


def test_the_impersonator_counts_without_a_session() -> None:
    assert actor_from(request_of(impersonator=person("staff-1"))) == "staff-1"
    assert actor_from(request_of(impersonator=None)) is None
    assert actor_from(request_of(impersonator=person(""))) == "unknown"


def test_the_lazy_user_of_another_middleware_has_an_actor_too() -> None:
    request = request_of({"hijack_history": ["7"]})
    request.user = SimpleLazyObject(lambda: person("user-1"))
    principal = asyncio.run(acurrent_user(request))
    assert isinstance(principal, Principal)
    assert principal.actor == "7"


def test_an_odd_address_does_not_hide_the_actor() -> None:
    user = person("user-1")
    user.email = "no address"
    request = request_of({"hijack_history": ["7"]}, user)
    assert current_user(request) == Principal("user-1", actor="7")


@pytest.mark.parametrize("resolve", [current_user, lambda r: asyncio.run(acurrent_user(r))])
def test_a_session_that_nothing_has_read_stays_unread(resolve: Any) -> None:
    class Anonymous:
        is_authenticated, pk = False, None

    for user in (Anonymous(), person("user-1")):
        request = request_of(None, user)
        request.session = SessionStore()
        resolve(request)
        assert not request.session.accessed
        assert not hasattr(request.session, "_session_cache")


@pytest.mark.parametrize("resolve", [current_user, lambda r: asyncio.run(acurrent_user(r))])
def test_the_session_of_an_anonymous_user_is_not_asked_who_acts(resolve: Any) -> None:
    class Session:
        accessed = True

    class Anonymous:
        is_authenticated = False

    assert resolve(request_of(None, Anonymous(), session=Session())) is None  # has no get()

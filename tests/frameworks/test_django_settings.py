"""The setting, its checks, the command: mistakes show at the start, and show no key."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from countermark import ConfigurationError, Event, Keyring, Principal, Signer
from tests.frameworks.cases import SECRET
from tests.frameworks.django_project import start
from tests.frameworks.driver_django import wsgi

start()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.checks import Tags  # noqa: E402
from django.core.checks.registry import registry  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.management import CommandError, call_command  # noqa: E402
from django.test import override_settings  # noqa: E402

from countermark.django import _checks, _conf  # noqa: E402
from tests.frameworks.django_project import settings  # noqa: E402

PEOPLE = f"{settings.PROJECT}.people"
RING = {"keyring": Keyring(SECRET)}
TOKEN = "stigg-customer-token"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    monkeypatch.setenv("OTHER_SECRET", SECRET + "-other")
    monkeypatch.setenv("SHORT_SECRET", "b8a0c2d4")
    monkeypatch.setenv("PLACEHOLDER", "changeme")
    yield
    _conf.current.cache_clear()


def found(**changes: Any) -> list[str]:
    with override_settings(**changes):
        return sorted(message.id for message in _checks.check_settings())


def signing(signers: Any, **changes: Any) -> dict[str, Any]:
    return {"COUNTERMARK": {"SIGNERS": signers, **changes}}


def header(given: dict[str, Any], principal: Any = "user-1") -> str | None:
    given = {**given, "RESOLVER": f"{PEOPLE}.resolve"}
    with override_settings(COUNTERMARK=given):
        page = wsgi(WSGIHandler(), "/plain", **{"tests.principal": principal})
    return page.headers.get(TOKEN)


WRONG: list[tuple[str, Any]] = [
    ("E001", None),
    ("E001", ["stigg"]),
    ("E001", {}),
    ("E001", {"SIGNERS": []}),
    ("E001", {"SIGNERS": "stigg"}),
    ("E001", {"SIGNERS": [7]}),
    ("E001", {"SIGNERS": {"stigg": "a"}}),
    ("E001", {"SIGNERS": ["stigg"], "SIGNER": []}),
    ("E001", {"SIGNERS": ["stigg"], "SIGN_IMPERSONATED": "no"}),
    ("E001", {"SIGNERS": {"stigg": {"secret": SECRET}}}),
    ("E001", {"SIGNERS": {"stigg": {"variable": "OTHER_SECRET", **RING}}}),
    ("E001", {"SIGNERS": {"stigg": {"variable": 7}}}),
    ("E001", {"SIGNERS": {"stigg": {"watch": "yes"}}}),
    ("E001", {"SIGNERS": {"stigg": {"watch": True, **RING}}}),
    ("E001", {"SIGNERS": {"stigg": {"settings": "a"}}}),
    ("E002", {"SIGNERS": ["sttigg"]}),
    ("E003", {"SIGNERS": ["helpscout"]}),
    ("E003", {"SIGNERS": {"stigg": {"variable": "NOT_SET"}}}),
    ("E003", {"SIGNERS": {"stigg": {"variable": "PLACEHOLDER"}}}),
    ("E004", {"SIGNERS": "nowhere.signers_of"}),
    ("E004", {"SIGNERS": ["stigg"], "RESOLVER": f"{PEOPLE}.nobody"}),
    ("E004", {"SIGNERS": ["stigg"], "RESOLVER": f"{PEOPLE}.not_callable"}),
    ("E004", {"SIGNERS": ["stigg"], "RESOLVER": None}),
    ("E004", {"SIGNERS": ["stigg"], "ON_EVENT": "nowhere.at_all"}),
    ("E005", {"SIGNERS": {"stigg": {"keyring": SECRET}}}),
    ("E005", {"SIGNERS": {"stigg": {**RING, "header": "Set-Cookie"}}}),
    ("E005", {"SIGNERS": {"stigg": {**RING, "settings": {"x": "y"}}}}),
    ("E005", {"SIGNERS": ["stigg", "stigg"]}),
    ("E005", {"SIGNERS": ["stigg"], "VARY": "Cookie, Accept"}),
    ("E005", {"SIGNERS": ["stigg"], "CACHE_CONTROL": "public"}),
    ("E005", {"SIGNERS": ["stigg"], "ENVIRONMENT": 7}),
    ("E005", {"SIGNERS": ["stigg"], "ON_EVENT": f"{PEOPLE}.aresolve"}),
]


@pytest.mark.parametrize(("id", "given"), WRONG)
def test_a_mistake_is_an_error_of_the_checks_and_stops_the_process(id: str, given: Any) -> None:
    with override_settings(COUNTERMARK=given):
        messages = _checks.check_settings()
        assert [message.id for message in messages] == [f"countermark.{id}"]
        for make in (WSGIHandler, get_asgi_application):
            with pytest.raises(ConfigurationError) as caught:
                make()
            text = "".join(traceback.format_exception(caught.value))
            assert SECRET not in text + str(messages)
        with pytest.raises(CommandError):
            call_command("countermark", stdout=io.StringIO())


def test_a_secret_in_the_wrong_place_is_in_no_frame_of_ours() -> None:
    with override_settings(**signing({"stigg": {"keyring": SECRET}})):
        try:
            _conf.current()
        except ConfigurationError as error:
            caught = error
    assert caught.__context__ is None
    ours = caught.__traceback__ and caught.__traceback__.tb_next
    shown = traceback.TracebackException(type(caught), caught, ours, capture_locals=True)
    assert SECRET not in "".join(shown.format())


def test_all_mistakes_are_told_at_once() -> None:
    ids = found(**signing(["sttigg"], RESOLVER="nowhere.at_all", ON_EVENT="nowhere.at_all"))
    assert ids == ["countermark.E002", "countermark.E004", "countermark.E004"]


def test_the_settings_of_the_tests_are_in_order() -> None:
    assert found() == []
    assert found(**signing(["stigg"])) == []
    assert found(**signing(("stigg",))) == []


@pytest.mark.parametrize(
    ("id", "middleware", "resolver"),
    [
        ("W001", ["session", "user"], None),
        ("W002", ["session", "own", "user"], None),
        ("W004", ["own"], None),
        ("W002", ["own", "session"], "custom"),
        (None, ["own"], "custom"),
        (None, ["session", "user", "own", "gone.Away"], None),
        ("W003", ["session", "user", "own", "update"], None),
        (None, ["update", "session", "user", "own", "fetch"], None),
        ("W005", ["session", "user", "own", "etag"], None),
        (None, ["etag", "session", "user", "own"], None),
        (None, ["session", "sub", "own"], None),
    ],
)
def test_the_place_of_the_middleware(
    id: str | None, middleware: list[str], resolver: str | None
) -> None:
    names = {
        "session": _checks.SESSION,
        "user": _checks.AUTHENTICATION,
        "own": _checks.MIDDLEWARE,
        "update": _checks.UPDATE_CACHE,
        "fetch": "django.middleware.cache.FetchFromCacheMiddleware",
        "etag": _checks.CONDITIONAL_GET,
        "sub": "django.contrib.auth.middleware.PersistentRemoteUserMiddleware",
    }
    if "sub" in middleware:
        middleware = ["session", "user", *middleware]
    given = {"RESOLVER": f"{PEOPLE}.resolve"} if resolver else {}
    ids = found(
        MIDDLEWARE=[names.get(name, name) for name in middleware], **signing(["stigg"], **given)
    )
    assert ids == ([f"countermark.{id}"] if id else [])


def test_no_token_in_headers_and_an_etag_is_fine() -> None:
    middleware = [*settings.MIDDLEWARE, _checks.CONDITIONAL_GET]
    given = signing({"stigg": {**RING, "header": None}})
    assert found(MIDDLEWARE=middleware, **given) == []


def test_weak_keys_and_ambiguous_vendors_are_warned_of() -> None:
    assert found(**signing({"stigg": {"variable": "SHORT_SECRET"}})) == ["countermark.W007"]
    assert found(**signing({"loyaltylion": RING})) == ["countermark.W008"]


def test_a_secret_that_is_not_watched_is_warned_of() -> None:
    """The project for tests has the secret in the variable itself."""
    assert found(**signing({"stigg": {"watch": True}})) == ["countermark.W013"]


def test_each_kind_of_message_has_an_id_of_its_own() -> None:
    source = Path(_checks.__file__).read_text(encoding="utf-8")
    warned = re.findall(r"countermark\.[EW]\d{3}", source)
    assert len(warned) == len(set(warned))
    ids = [f"countermark.{id}" for id, _ in WRONG] + warned
    page = (Path(__file__).parents[2] / "docs/django-checks.md").read_text(encoding="utf-8")
    assert set(re.findall(r"countermark\.[EW]\d{3}", page)) == set(ids)


def test_the_checks_run_among_those_of_security() -> None:
    assert [c for c in registry.get_checks() if c is _checks.check_settings] != []
    assert _checks.check_settings.tags == (Tags.security,)  # type: ignore[attr-defined]


def test_a_list_of_names_reads_the_vendors_own_variables() -> None:
    assert header({"SIGNERS": ["stigg"]}) == Signer("stigg", Keyring(SECRET)).sign("user-1")


@pytest.mark.parametrize(
    "options",
    [{"variable": "OTHER_SECRET"}, {"keyring": Keyring(SECRET + "-other", previous=SECRET)}],
)
def test_keys_come_from_another_variable_or_a_keyring(options: dict[str, Any]) -> None:
    expected = Signer("stigg", Keyring(SECRET + "-other")).sign("user-1")
    assert header({"SIGNERS": {"stigg": options}}) == expected


def test_a_signer_may_stand_for_itself() -> None:
    signer = Signer("stigg", Keyring(SECRET), header="X-Mine")
    with override_settings(COUNTERMARK={"SIGNERS": [signer], "RESOLVER": f"{PEOPLE}.resolve"}):
        page = wsgi(WSGIHandler(), "/plain", **{"tests.principal": "user-1"})
    assert page.headers["x-mine"] == signer.sign("user-1")


def test_options_are_the_signers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SIGNERS": {"stigg": {"id_pattern": "user-[0-9]"}}}
    assert header(given) is not None
    assert header(given, "other") is None
    monkeypatch.setenv("OTHER_SECRET", "sandbox_secret_" + "abcd1234" * 8)
    options = {"cognito-flow": {"variable": "OTHER_SECRET"}}
    assert found(**signing(options, ENVIRONMENT="live")) == ["countermark.E003"]
    options["cognito-flow"]["environment"] = "sandbox"  # nearer, and so it counts
    assert found(**signing(options, ENVIRONMENT="live")) == []


def test_an_account_s_constants_come_from_the_settings_or_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options: dict[str, Any] = {"pusher": {**RING, "settings": {"app_key": "the-key"}}}
    assert found(**signing(options)) == []
    monkeypatch.delenv("PUSHER_APP_KEY", raising=False)
    assert found(**signing({"pusher": RING})) == ["countermark.E005"]
    monkeypatch.setenv("PUSHER_APP_KEY", "the-key")
    assert found(**signing({"pusher": RING})) == []


def test_overridden_settings_count_at_once_and_no_longer() -> None:
    handler = WSGIHandler()
    who = {"tests.principal": "user-1"}
    base = {"RESOLVER": f"{PEOPLE}.resolve"}
    for secret in (SECRET, SECRET + "-other"):
        signers = {"stigg": {"keyring": Keyring(secret)}}
        with override_settings(COUNTERMARK={"SIGNERS": signers, **base}):
            expected = Signer("stigg", Keyring(secret)).sign("user-1")
            assert wsgi(handler, "/plain", **who).headers[TOKEN] == expected
    assert TOKEN not in wsgi(handler, "/plain", **who).headers
    first = _conf.current()
    with override_settings(USE_TZ=False):
        assert _conf.current() is first  # another setting changes nothing


def test_vary_and_events_are_as_set() -> None:
    events: list[Event] = []
    given = {
        "SIGNERS": ["stigg"],
        "RESOLVER": f"{PEOPLE}.resolve",
        "VARY": ["Authorization"],
        "CACHE_CONTROL": "private",
        "SIGN_IMPERSONATED": True,
        "ON_EVENT": events.append,
    }
    who = Principal("user-1", actor="staff-1")
    with override_settings(COUNTERMARK=given):
        page = wsgi(WSGIHandler(), "/plain", **{"tests.principal": who})
    assert page.headers["vary"] == "Authorization"
    assert page.headers["cache-control"] == "private"
    assert [(event.name, event.reason) for event in events] == [
        ("impersonated", "signed"),
        ("signed", "current"),
    ]


def run() -> str:
    out = io.StringIO()
    call_command("countermark", stdout=out)
    return out.getvalue()


def test_the_command_shows_the_vendors_and_no_secret() -> None:
    given: dict[str, Any] = {"stigg": RING, "helpscout": {**RING, "header": None}}
    given["helpscout"]["environment"] = "test"
    with override_settings(COUNTERMARK={"SIGNERS": given, "ENVIRONMENT": "live"}):
        stigg, helpscout = run().splitlines()
    key_id = Keyring(SECRET).current.key_id
    assert stigg.startswith("stigg (Stigg customer token): header Stigg-Customer-Token, ")
    assert f"key {key_id}, environment live, examples right: " in stigg
    assert "header -," in helpscout
    assert "environment test," in helpscout
    assert SECRET not in stigg + helpscout


def test_the_command_reports_tenants() -> None:
    with override_settings(COUNTERMARK={"SIGNERS": f"{PEOPLE}.signers_of"}):
        assert run() == "Each tenant has its own signers.\n"


def test_the_command_fails_if_an_example_does(monkeypatch: pytest.MonkeyPatch) -> None:
    from countermark.django.management.commands import countermark as command

    monkeypatch.setattr(command, "check", lambda scheme: iter([(None, True), (None, False)]))
    with override_settings(**signing(["stigg"])), pytest.raises(CommandError) as caught:
        run()
    assert caught.value.returncode == 1


def test_without_django_the_message_names_the_extra() -> None:
    code = "import sys; sys.modules['django'] = None; import countermark.django"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 1
    assert "countermark.django needs Django: pip install 'countermark[django]'" in ran.stderr


@pytest.mark.parametrize("path", [".x", "x", "no.such.module", "json.nothing", ""])
def test_a_dotted_path_that_leads_nowhere_is_a_check_and_is_not_repeated(path: str) -> None:
    configuration, problems = _conf.examine({"SIGNERS": ["stigg"], "RESOLVER": path})
    assert configuration is None
    found = [problem for problem in problems if problem.id == "countermark.E004"]
    assert [problem.message.startswith("RESOLVER") for problem in found] == [True]
    assert "no.such.module" not in found[0].message


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(
    ("cache_control", "first", "ids"),
    [
        (None, True, []),
        ("no-store", True, []),
        ("private", True, ["countermark.E006"]),
        ("private", False, ["countermark.W005"]),
    ],
)
def test_an_etag_from_outside_needs_no_store(
    cache_control: str | None, first: bool, ids: list[str], header: bool
) -> None:
    own = [_checks.SESSION, _checks.AUTHENTICATION, _checks.MIDDLEWARE]
    etag = [_checks.CONDITIONAL_GET]
    options: dict[str, Any] = {"CACHE_CONTROL": cache_control} if cache_control else {}
    given = {"stigg": {**RING, **({} if header else {"header": None})}}
    expected = ids if header else [id for id in ids if id != "countermark.W005"]
    settings = signing(given, **options)
    assert found(MIDDLEWARE=etag + own if first else own + etag, **settings) == expected

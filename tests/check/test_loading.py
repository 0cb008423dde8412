"""The import of an application: nothing else of it runs, and its errors take one line."""

from __future__ import annotations

import os

import pytest

from tests.check.conftest import SECRET, Check, CheckCode
from tests.check.test_broken_applications import run_in_a_process


@pytest.mark.parametrize(
    ("code", "place"),
    [
        (f"\nraise ValueError('{SECRET}')", "ValueError at {}:2"),
        (f"\n\nimport json\njson.loads('{SECRET}')", "JSONDecodeError at {}:4"),
        ("raise SystemExit(3)", "SystemExit at {}:1"),
        ("x = 1\nif x\n", "SyntaxError at {}:2"),
        ("import no_such_module", "ModuleNotFoundError at {}:1"),
    ],
)
def test_an_import_that_fails_takes_one_line_without_the_message(
    code: str, place: str, check_code: CheckCode
) -> None:
    outcome = check_code(code)
    file = os.path.join(os.getcwd(), "checked_module.py")  # noqa: PTH109, PTH118
    assert (outcome.code, outcome.findings) == (2, [])
    assert outcome.err == f"the application cannot be imported: {place.format(file)}\n"
    assert SECRET not in outcome.err


def test_an_error_in_a_dependency_names_the_line_of_the_application(
    check_code: CheckCode,
) -> None:
    outcome = check_code(
        "from starlette.applications import Starlette\n\nStarlette(1, 2, 3, 4, 5, 6, 7, 8)"
    )
    assert outcome.err.endswith("checked_module.py:3\n")


@pytest.mark.parametrize("target", ["no_such_module:app", "no.such.module:app", "no_such_module"])
def test_a_module_that_does_not_exist_is_a_misuse(target: str, check: Check) -> None:
    outcome = check(target)
    assert outcome.code == 2
    assert outcome.err.startswith("there is no such module; run the command in the folder")


@pytest.mark.parametrize("name", ["other", "app.other", "app", "create_app", "other()"])
def test_a_name_that_is_not_an_application_is_a_misuse(name: str, check_code: CheckCode) -> None:
    outcome = check_code("app = 'text'\ndef create_app():\n    return app", name)
    assert outcome.code == 2
    assert outcome.err.startswith("the module has no application of that name; give module:app, or")


def test_an_application_without_a_part_of_countermark_is_a_misuse(check_code: CheckCode) -> None:
    outcome = check_code("def app(environ, start_response):\n    return []")
    assert outcome.code == 2
    assert outcome.err.startswith("the application has no part of countermark")


@pytest.mark.parametrize("target", ["a b", "app:", "../app", "app.py:app()()", "-", ""])
def test_a_target_of_another_form_is_a_misuse(target: str, check: Check) -> None:
    outcome = check(target)
    assert outcome.code == 2
    assert outcome.err.startswith("give module:app, module:create_app(), a module of Django's")


SIGNING = """
from countermark import Keyring, Signer
from countermark.asgi import SigningMiddleware

RING = Keyring("a secret of the tests, long enough")

async def inner(scope, receive, send):
    raise AssertionError

class Factory:
    @staticmethod
    def create():
        print("created")
        return app

def principal(scope):
    raise AssertionError

def hook(event):
    raise AssertionError

app = SigningMiddleware(
    inner, signers=Signer("stigg", RING), principal=principal, on_event=hook
)
"""


@pytest.mark.parametrize("name", ["app", "Factory.create()"])
def test_an_application_may_be_an_attribute_or_the_result_of_a_function(
    name: str, check_code: CheckCode
) -> None:
    outcome = check_code(SIGNING, name)
    assert (outcome.code, outcome.findings) == (0, [])
    # What the application prints is not a part of the output.
    assert outcome.err == ("created\n" if name != "app" else "")


def test_an_async_function_that_returns_the_application_is_a_misuse(check_code: CheckCode) -> None:
    outcome = check_code("async def create_app():\n    raise AssertionError", "create_app()")
    assert (outcome.code, outcome.err) == (
        2,
        "the function is async, and servers call none; give one that returns the application\n",
    )


def test_an_application_that_refuses_its_configuration_is_a_finding(
    check_code: CheckCode,
) -> None:
    outcome = check_code("from countermark import Signer\n\nSigner.from_env('stigg')")
    assert outcome.code == 1
    (found,) = outcome.findings
    assert (found["code"], found["where"], found["line"]) == ("misconfigured", "InvalidKey", 3)
    assert "STIGG_SIGNING_SECRET is not set" in found["problem"]


@pytest.mark.parametrize("variable", ["STIGG_SIGNING_SECRT", "STIGG_SIGNING_KEY"])
def test_the_variable_that_a_missing_one_resembles_is_a_finding(
    variable: str, check_code: CheckCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, SECRET)
    outcome = check_code("from countermark import Signer\n\nSigner.from_env('stigg')")
    assert ("variable_misspelled", variable) in outcome.found
    assert {code for code, _ in outcome.found} == {"variable_misspelled"}
    assert outcome.findings[0]["line"] == 3


def test_variables_of_schemes_that_are_not_in_use_do_not_count(
    check_code: CheckCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANNY_API_KEYS", SECRET)
    assert check_code(SIGNING).findings == []
    assert check_code(SIGNING, "app", "--env").found == [("variable_misspelled", "CANNY_API_KEYS")]


def test_settings_without_countermark_are_a_misuse() -> None:
    outcome = run_in_a_process("tests.check.apps.plain_settings")
    assert outcome.code == 2
    assert outcome.err.startswith("the settings have neither COUNTERMARK nor COUNTERMARK_VERIFYI")

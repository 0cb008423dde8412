"""The faults that are planted in six applications are found, and nothing else is."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.check.conftest import ROOT, SECRET, Check, Outcome

APPS = "tests.check.apps"


def test_each_fault_of_the_starlette_application_is_found(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    monkeypatch.setenv("STIGG_SIGNING_SECRET_PREVIUS", "another secret of the tests, 32 bytes")
    outcome = check(f"{APPS}.starlette_app:app")
    assert outcome.code == 1
    assert outcome.found == [
        ("blocking_function", "SigningMiddleware principal="),
        ("cors_header_refused", "CORSMiddleware"),
        ("cors_origins", "CORSMiddleware"),
        ("middleware_order", "SigningMiddleware"),
        ("name_misspelled", "CORSMiddleware"),
        ("variable_misspelled", "STIGG_SIGNING_SECRET_PREVIUS"),
    ]


def test_each_fault_of_the_fastapi_application_is_found(check: Check) -> None:
    outcome = check(f"{APPS}.fastapi_app:app")
    assert outcome.code == 1
    assert outcome.found == [
        ("deprecated_scheme", "verified_identity"),
        ("middleware_order", "SigningMiddleware"),
        ("middleware_order", "VerifyingMiddleware"),
        ("misconfigured", "VerifyingMiddleware"),
        ("name_misspelled", "VerifyingMiddleware"),
        ("shared_secret", "WebhookMiddleware"),
    ]


def test_each_fault_of_the_flask_application_is_found(check: Check) -> None:
    outcome = check(f"{APPS}.flask_app:create_app()")
    assert outcome.code == 1
    assert outcome.found == [
        ("cors_origins", "Flask-CORS"),
        ("deprecated_scheme", "SigningMiddleware"),
        ("key_environment", "SigningMiddleware"),
        ("middleware_order", "SigningMiddleware"),
        ("name_misspelled", "SigningMiddleware"),
        ("weak_key", "SigningMiddleware"),
    ]


def test_each_fault_of_the_litestar_application_is_found(check: Check) -> None:
    outcome = check(f"{APPS}.litestar_app:create_app()")
    assert outcome.code == 1
    assert outcome.found == [
        ("blocking_function", "SigningMiddleware principal="),
        ("blocking_function", "VerifyingMiddleware tenant="),
        ("cors_header_hidden", "CORSConfig"),
        ("lifespan", "VerifyingMiddleware"),
        ("middleware_order", "SigningMiddleware"),
        ("middleware_order", "VerifyingMiddleware"),
        ("middleware_twice", "SigningMiddleware"),
    ]


def test_each_fault_of_the_wsgi_application_is_found(check: Check) -> None:
    outcome = check(f"{APPS}.wsgi_app:app")
    assert outcome.code == 1
    assert outcome.found == [
        ("middleware_order", "SigningMiddleware"),
        ("middleware_order", "SigningMiddleware"),
        ("middleware_order", "VerifyingMiddleware"),
        ("middleware_twice", "SigningMiddleware"),
        ("shared_secret", "SigningMiddleware"),
    ]


def test_each_fault_of_the_settings_of_django_is_found() -> None:
    outcome = run_in_a_process(
        f"{APPS}.django_settings",
        STIGG_SIGNING_SECRET=SECRET,
        INTERCOM_IDENTITY_SECRET=SECRET[::-1],
    )
    assert outcome.code == 1
    assert outcome.found == [
        ("cors_header_refused", "corsheaders"),
        ("cors_origins", "corsheaders"),
        ("countermark.W002", "settings"),
        ("countermark.W002", "settings"),
        ("countermark.W005", "settings"),
        ("countermark.W012", "settings"),
        ("deprecated_scheme", "COUNTERMARK"),
        ("weak_key", "COUNTERMARK"),
    ]


def test_a_misspelled_variable_of_the_settings_of_django_is_found() -> None:
    outcome = run_in_a_process(
        f"{APPS}.django_settings",
        STIGG_SIGNING_SECRT=SECRET,
        INTERCOM_IDENTITY_SECRET=SECRET[::-1],
    )
    assert ("countermark.E003", "settings") in outcome.found
    assert ("variable_misspelled", "STIGG_SIGNING_SECRT") in outcome.found


def run_in_a_process(*arguments: str, **environment: str) -> Outcome:
    """Run the command in a process of its own, as Django's settings cannot be replaced."""
    command = [sys.executable, "-m", "countermark", "check", *arguments, "--json"]
    path = {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": ""}
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    findings = json.loads(ended.stdout)["findings"] if ended.stdout else []
    return Outcome(ended.returncode, findings, ended.stderr)

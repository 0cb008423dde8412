"""The configuration of the Flask extension: a mistake stops the start."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
from flask import Flask
from flask_login import LoginManager

from countermark import ConfigurationError, InvalidKey, Keyring, Signer
from countermark.flask import Countermark, identity_from
from tests.conftest import SECRET
from tests.frameworks.test_flask import STIGG, create_app, nobody, signed_in, tokens_of

# What fails at the start


def configured(**config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(config)
    return app


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "COUNTERMARK_SIGNERS is missing"),
        ({"COUNTERMARK_SIGNERS": []}, "signers= is empty"),
        ({"COUNTERMARK_SIGNERS": [1]}, "not int"),
        ({"COUNTERMARK_SIGNERS": "no-such"}, "unknown scheme <not shown"),
        ({"COUNTERMARK_SIGNER": STIGG}, "unknown setting COUNTERMARK_… 'SIGNER'"),
        ({"COUNTERMARK_SIGNERS": STIGG, "COUNTERMARK_CACHE_CONTROL": "public"}, "cache_control="),
        ({"COUNTERMARK_SIGNERS": STIGG, "COUNTERMARK_VARY": "a b"}, "vary="),
        (
            {"COUNTERMARK_SIGNERS": STIGG, "COUNTERMARK_USER_ID": "uuid"},
            "principal= replaces",
        ),
    ],
)
def test_a_mistake_in_the_configuration_stops_the_start(
    config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Countermark(configured(**config), principal=nobody)


def test_a_field_that_no_principal_has_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="'mail' is not an argument of Principal"):
        create_app(COUNTERMARK_USER_FIELDS={"mail": "email"})


def test_a_source_for_the_current_user_is_required() -> None:
    with pytest.raises(ConfigurationError, match="set Flask-Login up first"):
        Countermark(configured(COUNTERMARK_SIGNERS=STIGG))


def test_an_application_is_set_up_once() -> None:
    app = create_app()
    with pytest.raises(ConfigurationError, match="already set up for this application"):
        Countermark(app)


def test_names_of_schemes_read_their_secrets_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    for names in ("stigg", ["stigg"], ("stigg",)):
        client = signed_in(create_app(COUNTERMARK_SIGNERS=names))
        assert tokens_of(client.get("/")) == {STIGG.sign("user-1")}
    monkeypatch.setenv("STIGG_SIGNING_SECRET", " ")
    with pytest.raises(InvalidKey, match="STIGG_SIGNING_SECRET"):
        create_app(COUNTERMARK_SIGNERS="stigg")


def test_a_request_that_went_past_the_extension_is_told_what_to_do() -> None:
    with (
        create_app().test_request_context(),
        pytest.raises(ConfigurationError, match=r"app\.test_client"),
    ):
        identity_from()


def test_without_flask_the_import_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "countermark.flask")
    monkeypatch.setitem(sys.modules, "flask", None)
    with pytest.raises(ImportError, match=r"needs Flask: pip install 'countermark\[flask\]'"):
        importlib.import_module("countermark.flask")


@pytest.mark.parametrize(
    "config",
    [
        {"COUNTERMARK_SIGNERS": 5},
        {"COUNTERMARK_SIGNERS": {"stigg": {"header": None}}},
        {"COUNTERMARK_USER_ID": 5},
        {"COUNTERMARK_USER_FIELDS": ["email"]},
        {"COUNTERMARK_USER_FIELDS": {"email": 5}},
        {"COUNTERMARK_USER_FIELDS": {5: "email"}},
        {"COUNTERMARK_USER_FIELDS": None},
        {"COUNTERMARK_SIGN_IMPERSONATED": "False"},
    ],
)
def test_settings_of_another_kind_stop_the_start(config: dict[str, Any]) -> None:
    app = Flask("odd")
    app.secret_key = "for-tests"
    LoginManager(app)
    app.config["COUNTERMARK_SIGNERS"] = [Signer("stigg", Keyring(SECRET))]
    app.config.update(config)
    with pytest.raises(ConfigurationError):
        Countermark(app)

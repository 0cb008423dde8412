"""Verifying around Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, abort, jsonify, request
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from countermark import ConfigurationError, Keyring, Signer, Verdict
from countermark.flask import Countermark, verified_identity_from
from countermark.verifying import from_query
from countermark.wsgi import VerifyingMiddleware
from tests.frameworks.tokens import BAD, FLOW, FLOW_SIGNER, NAME, VERIFIER, good


def make_app(before: Callable[[Flask], object] = lambda app: None, **options: Any) -> Flask:
    """Return an application behind the middleware with these options."""
    app = Flask(__name__)

    @app.get("/accounts/<id>")
    def account(id: str) -> Any:
        identity = verified_identity_from()
        assert identity is verified_identity_from(request)
        if identity is None:
            return jsonify("nobody")
        if identity.principal_id != id:
            abort(403)
        return jsonify(id)

    before(app)
    given: dict[str, Any] = {"verifier": VERIFIER, "mode": "enforce"} | options
    app.wsgi_app = VerifyingMiddleware(app.wsgi_app, **given)  # type: ignore[method-assign]
    return app


def ask(app: Flask, path: str, *tokens: str, **options: Any) -> TestResponse:
    headers = Headers([(NAME, token) for token in tokens])
    return app.test_client().get(path, headers=headers, **options)


def test_two_users_see_their_own_pages() -> None:
    app = make_app()
    for mine, other in (("user-1", "user-2"), ("user-2", "user-1")) * 2:
        assert ask(app, f"/accounts/{mine}", good(mine)).json == mine
        assert ask(app, f"/accounts/{mine}", good(other)).status_code == 403


@pytest.mark.parametrize("code", ["missing", *BAD])
def test_any_other_token_is_refused_with_its_code(code: str) -> None:
    refused = ask(make_app(), "/accounts/user-1", *BAD.get(code, []))
    assert refused.status_code == 401
    assert refused.content_type == "application/problem+json"
    assert refused.get_json()["type"] == f"urn:countermark:problem:{code}"
    assert refused.headers["WWW-Authenticate"] == f'Countermark realm="dated", error="{code}"'


@pytest.mark.parametrize("code", ["missing", *BAD])
def test_in_monitor_an_invalid_token_verifies_no_request(code: str) -> None:
    answer = ask(make_app(mode="monitor"), "/accounts/user-1", *BAD.get(code, []))
    assert answer.json == "nobody"


def test_a_signature_in_the_query() -> None:
    app = make_app(
        verifier=FLOW, token=from_query("signature"), claimed_id=from_query("customerReference")
    )
    mine = {"signature": FLOW_SIGNER.sign("user-1"), "customerReference": "user-1"}
    assert ask(app, "/accounts/user-1", query_string=mine).json == "user-1"
    assert ask(app, "/accounts/user-2", query_string=mine).status_code == 403
    other = mine | {"customerReference": "user-2"}
    assert ask(app, "/accounts/user-2", query_string=other).status_code == 401


def test_a_verified_principal_can_be_signed(stigg: Signer, caplog: Any) -> None:
    def principal(environ: Any) -> str | None:
        identity = verified_identity_from()
        return identity.principal_id if identity else None

    def sign(app: Flask) -> None:
        app.config["COUNTERMARK_SIGNERS"] = stigg
        Countermark(app, principal=principal)

    app = make_app(before=sign)
    answer = ask(app, "/accounts/user-1", good())
    assert answer.headers["Stigg-Customer-Token"] == stigg.sign("user-1")
    refused = ask(app, "/accounts/user-1")
    assert (refused.status_code, "Stigg-Customer-Token" in refused.headers) == (401, False)
    assert "failed" not in caplog.text


def test_without_the_middleware_it_says_what_to_do() -> None:
    with (
        Flask(__name__).test_request_context(),
        pytest.raises(ConfigurationError, match="set COUNTERMARK_VERIFIER"),
    ):
        verified_identity_from()


def configured(**config: Any) -> Flask:
    """Return an application that the extension sets up from its config."""
    app = Flask(__name__)
    app.config.update({f"COUNTERMARK_{name}": value for name, value in config.items()})

    @app.get("/")
    def page() -> Any:
        identity = verified_identity_from()
        return jsonify(identity.principal_id if identity else "anonymous")

    Countermark(app)
    return app


def test_the_extension_verifies_by_its_config() -> None:
    counted: list[Verdict] = []
    app = configured(VERIFIER=VERIFIER, MODE="enforce", METER=counted.append)
    assert ask(app, "/", good("user-1")).json == "user-1"
    assert ask(app, "/").status_code == 401
    assert [verdict.code for verdict in counted] == ["verified", "missing"]
    assert ask(configured(VERIFIER=VERIFIER, MODE="monitor"), "/").json == "anonymous"


def test_the_name_of_a_scheme_is_a_verifier(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "a-secret-of-the-tests-with-enough-bytes"
    monkeypatch.setenv("STIGG_SIGNING_SECRET", secret)
    app = configured(VERIFIER="stigg", MODE="enforce")
    token = Signer("stigg", Keyring(secret)).sign("user-1")
    answer = app.test_client().get("/", headers={"X-CUSTOMER-KEY": token})
    assert answer.json == "user-1"


def test_the_extension_signs_and_verifies(stigg: Signer) -> None:
    app = Flask(__name__)
    app.config.update(
        COUNTERMARK_SIGNERS=stigg, COUNTERMARK_VERIFIER=VERIFIER, COUNTERMARK_MODE="enforce"
    )

    @app.get("/")
    def page() -> str:
        return "page"

    def principal(environ: Any) -> str | None:
        identity = verified_identity_from()
        return identity.principal_id if identity else None

    Countermark(app, principal=principal)
    answer = ask(app, "/", good())
    assert answer.headers["Stigg-Customer-Token"] == stigg.sign("user-1")
    assert ask(app, "/").status_code == 401


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"VERIFIER": VERIFIER}, "COUNTERMARK_MODE is missing"),
        ({"VERIFIER": VERIFIER, "MODE": "enforced"}, "mode= must be"),
        ({"VERIFIER": 7, "MODE": "enforce"}, "verifier= takes a Verifier"),
        ({}, "COUNTERMARK_SIGNERS is missing.*COUNTERMARK_VERIFIER"),
        ({"VERIFIERS": VERIFIER}, "unknown setting"),
    ],
)
def test_a_wrong_config_of_verifying_is_refused(config: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        configured(**config)

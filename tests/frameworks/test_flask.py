"""The Flask extension: whose request it is, from Flask-Login on, and what its parts answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from docs.examples.flask.app import create_app as create_example
from flask import Flask, Response, abort, redirect, render_template_string, session, url_for
from flask.testing import FlaskClient
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from countermark import Keyring, Principal, Signer
from countermark.flask import Countermark, current_identity, identity_from, signatures_blueprint
from countermark.resolvers import from_environ
from tests.conftest import SECRET, Events

STIGG = Signer("stigg", Keyring(SECRET))
TOKEN = "Stigg-Customer-Token"


class User(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    def __init__(self, id: str) -> None:
        self.id = id
        self.uuid = f"uuid-of-{id}"
        self.email = f"{id}@b.example"


def nobody(environ: Any) -> None: ...


def page() -> Response:
    html = render_template_string("<!doctype html>{{ countermark() }}")
    return Response(html, headers={"X-State": json.dumps(current_identity.payload())})


def sign_in(user_id: str) -> Response:
    login_user(User(user_id), remember=True)
    return page()


def sign_out() -> Response:
    logout_user()
    return page()


def create_app(load: Callable[[str], Any] = User, **config: Any) -> Flask:
    """Return an application with Flask-Login, whose ``config`` has these keys besides."""
    app = Flask(__name__)
    app.config.update({"SECRET_KEY": SECRET, "COUNTERMARK_SIGNERS": STIGG, **config})
    LoginManager(app).user_loader(load)
    Countermark(app)
    app.register_blueprint(signatures_blueprint)
    app.add_url_rule("/", view_func=page)
    app.add_url_rule("/public", "public", lambda: Response("a", headers={"Expires": "0"}))
    app.add_url_rule("/sign-in/<user_id>", view_func=sign_in)
    app.add_url_rule("/sign-out", view_func=sign_out)
    return app


def signed_in(app: Flask, user_id: str = "user-1") -> FlaskClient:
    client = app.test_client()
    client.get(f"/sign-in/{user_id}")
    return client


def tokens_of(response: Any) -> set[str | None]:
    """Return Stigg's tokens in the state, the header and the body: one, if all is well."""
    (script,) = [part for part in response.text.split("<") if part.startswith("script ")]
    in_body = json.loads(script.split(">", 1)[1]).get("stigg", {}).get("customerToken")
    in_state = json.loads(response.headers["X-State"]).get("stigg", {}).get("customerToken")
    return {in_body, in_state, response.headers.get(TOKEN)}


# Whose request it is


def test_the_current_user_of_flask_login_is_signed() -> None:
    assert tokens_of(signed_in(create_app()).get("/")) == {STIGG.sign("user-1")}


def test_a_request_is_anonymous_before_the_login() -> None:
    response = create_app().test_client().get("/")
    assert tokens_of(response) == {None}
    assert "Cookie" in response.headers["Vary"]


def test_a_login_or_logout_in_the_request_counts_at_once() -> None:
    client = create_app().test_client()
    assert tokens_of(client.get("/sign-in/user-1")) == {STIGG.sign("user-1")}
    assert tokens_of(client.get("/sign-in/user-2")) == {STIGG.sign("user-2")}
    assert tokens_of(client.get("/")) == {STIGG.sign("user-2")}
    assert tokens_of(client.get("/sign-out")) == {None}
    assert tokens_of(client.get("/")) == {None}


def test_a_principal_read_before_the_login_no_longer_counts() -> None:
    app = create_app()

    @app.get("/switch")
    def switch() -> Response:
        assert current_identity["stigg"].token == STIGG.sign("user-1")
        return sign_in("user-2")

    assert tokens_of(signed_in(app).get("/switch")) == {STIGG.sign("user-2")}


def test_a_user_of_the_remember_cookie_is_signed() -> None:
    client = signed_in(create_app())
    client.delete_cookie("session")
    assert client.get("/").headers[TOKEN] == STIGG.sign("user-1")


def test_the_id_and_further_fields_may_have_other_names() -> None:
    signers = [STIGG, Signer("helpscout", Keyring(SECRET))]
    app = create_app(
        COUNTERMARK_SIGNERS=signers,
        COUNTERMARK_USER_ID="uuid",
        COUNTERMARK_USER_FIELDS={"email": "email"},
    )
    response = signed_in(app).get("/")
    assert response.headers[TOKEN] == STIGG.sign("uuid-of-user-1")
    principal = Principal(email="user-1@b.example")
    assert response.headers["Helpscout-Signature"] == signers[1].sign(principal)


def test_a_user_loader_that_raises_costs_the_token_and_not_the_page(events: Events) -> None:
    def load(user_id: str) -> None:
        raise OSError("no database")

    app = create_app(load, COUNTERMARK_ON_EVENT=events)
    app.add_url_rule("/plain", "plain", lambda: "a")
    client = app.test_client()
    with client.session_transaction() as entries:
        entries["_user_id"] = "user-1"
    response = client.get("/plain")
    assert (response.status_code, response.text) == (200, "a")
    assert TOKEN not in response.headers
    assert [(event.reason, event.error) for event in events] == [("resolver_raised", "OSError")]
    assert client.get("/signatures").status_code == 503


def test_the_user_of_a_public_page_is_not_looked_up() -> None:
    looked_up: list[str] = []
    client = signed_in(create_app(looked_up.append))
    client.delete_cookie("remember_token")
    client.get("/public")
    assert looked_up == []
    client.get("/")
    assert looked_up == ["user-1"]


def test_a_function_of_ones_own_may_read_the_session() -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY=SECRET, COUNTERMARK_SIGNERS=STIGG)
    Countermark(app, principal=lambda environ: session.get("user_id"))

    @app.get("/sign-in")
    def sign_in_by_session() -> Response:
        session["user_id"] = "user-1"
        return page()

    client = app.test_client()
    assert tokens_of(client.get("/sign-in")) == {STIGG.sign("user-1")}
    assert client.get("/missing").headers[TOKEN] == STIGG.sign("user-1")


def test_a_ready_made_resolver_needs_no_flask_login() -> None:
    app = Flask(__name__)
    app.config["COUNTERMARK_SIGNERS"] = STIGG
    Countermark(app, principal=from_environ())
    app.add_url_rule("/", view_func=page)
    response = app.test_client().get("/", environ_overrides={"REMOTE_USER": "user-1"})
    assert tokens_of(response) == {STIGG.sign("user-1")}


def test_each_tenant_has_its_own_keys() -> None:
    keys = {name: Signer("stigg", Keyring(SECRET + name)) for name in ("acme", "umbrella")}
    app = Flask(__name__)
    app.config["COUNTERMARK_SIGNERS"] = keys.get
    Countermark(app, principal=lambda environ: Principal("user-1", tenant=environ["tenant"]))
    app.add_url_rule("/", view_func=page)
    for name, signer in keys.items():
        response = app.test_client().get("/", environ_overrides={"tenant": name})
        assert tokens_of(response) == {signer.sign("user-1")}


# When the response starts


def test_pages_of_errors_have_the_token_too() -> None:
    app = create_app()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.register_error_handler(Exception, lambda error: (page().data, 500))
    app.add_url_rule("/error", "error", lambda: str(1 / 0))
    app.add_url_rule("/forbidden", "forbidden", lambda: abort(403))
    client = signed_in(app)
    for path in ("/error", "/forbidden", "/missing"):
        response = client.get(path)
        assert response.status_code == 500
        assert STIGG.sign("user-1") in response.text
        assert response.headers[TOKEN] == STIGG.sign("user-1")


def test_what_a_hook_answers_before_the_view_has_the_token() -> None:
    app = create_app()
    client = signed_in(app)
    app.before_request_funcs[None] = [lambda: redirect("/maintenance")]
    assert client.get("/").headers[TOKEN] == STIGG.sign("user-1")


def test_a_stream_is_the_users_of_its_start_with_and_without_its_context() -> None:
    app = create_app()
    gone: list[object] = []

    @app.get("/stream")
    def stream() -> Response:
        identity = identity_from()

        def parts() -> Iterator[str]:
            gone.append(current_user)  # Flask-Login has forgotten, as the context is popped
            yield identity["stigg"].token

        return Response(parts())

    response = signed_in(app).get("/stream")
    assert gone == [None]
    assert response.text == response.headers[TOKEN] == STIGG.sign("user-1")


class Late:
    """A middleware that starts the response when the application has returned."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        starts: list[Any] = []
        body: Iterable[bytes] = self._app(environ, lambda *arguments: starts.append(arguments))
        start_response(*starts[-1])
        return body


def test_a_response_that_starts_when_the_context_is_gone_has_no_token(events: Events) -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY=SECRET, COUNTERMARK_SIGNERS=STIGG, COUNTERMARK_ON_EVENT=events)
    LoginManager(app).user_loader(User)
    app.wsgi_app = Late(app.wsgi_app)  # type: ignore[method-assign]
    Countermark(app)
    app.add_url_rule("/sign-in/<user_id>", view_func=lambda user_id: str(login_user(User(user_id))))
    response = app.test_client().get("/sign-in/user-1")
    assert (response.status_code, response.text) == (200, "True")
    assert TOKEN not in response.headers
    assert [(event.name, event.reason) for event in events] == [("failed", "resolver_raised")]


def test_a_late_wrapper_outside_is_no_matter() -> None:
    app = create_app()
    app.wsgi_app = Late(app.wsgi_app)  # type: ignore[method-assign]
    assert tokens_of(signed_in(app).get("/")) == {STIGG.sign("user-1")}


def test_async_views_read_and_set_the_principal() -> None:
    app = create_app()

    @app.get("/async")
    async def view() -> Response:
        assert current_identity["stigg"].token == STIGG.sign("user-1")
        return sign_in("user-2")

    assert tokens_of(signed_in(app).get("/async")) == {STIGG.sign("user-2")}


def test_an_async_principal_is_run_in_the_context() -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY=SECRET, COUNTERMARK_SIGNERS=STIGG)

    async def whose(environ: Any) -> Any:
        return session.get("user_id")

    Countermark(app, principal=whose)
    app.add_url_rule("/", view_func=page)
    client = app.test_client()
    with client.session_transaction() as entries:
        entries["user_id"] = "user-1"
    assert tokens_of(client.get("/")) == {STIGG.sign("user-1")}


def test_an_async_principal_cannot_be_asked_in_an_async_view(events: Events) -> None:
    app = Flask(__name__)
    app.config.update(COUNTERMARK_SIGNERS=STIGG, COUNTERMARK_ON_EVENT=events)

    async def whose(environ: Any) -> str:
        return "user-1"

    @app.get("/")
    async def view() -> str:
        return str(current_identity.get("stigg"))

    Countermark(app, principal=whose)
    response = app.test_client().get("/")
    assert (response.text, response.headers.get(TOKEN)) == ("None", None)
    assert [(event.reason, event.error) for event in events] == [
        ("resolver_raised", "RuntimeError")
    ]


# Several applications in one process


def test_applications_do_not_mix_their_keys() -> None:
    keys = [Signer("stigg", Keyring(SECRET + str(number))) for number in range(3)]
    shared = Countermark(principal=from_environ())
    clients = []
    for signer in keys:
        app = Flask(__name__)
        app.config["COUNTERMARK_SIGNERS"] = signer
        shared.init_app(app)
        app.add_url_rule("/", view_func=page)
        clients.append(app.test_client())
        assert app.extensions["countermark"] is shared
        assert app not in vars(shared).values()
    for _ in range(2):
        for client, signer in zip(clients, keys, strict=True):
            response = client.get("/", environ_overrides={"REMOTE_USER": "user-1"})
            assert tokens_of(response) == {signer.sign("user-1")}


def test_an_application_inside_with_users_of_its_own_gets_none_of_our_tokens(
    events: Events,
) -> None:
    inner = create_app(COUNTERMARK_SIGNERS=Signer("stigg", Keyring(SECRET + "inner")))
    outer = Flask(__name__)
    outer.config.update(SECRET_KEY=SECRET, COUNTERMARK_SIGNERS=STIGG, COUNTERMARK_ON_EVENT=events)
    LoginManager(outer).user_loader(User)
    outer.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
        outer.wsgi_app, {"/inner": inner}
    )
    Countermark(outer)  # too late: it lies around both
    response = outer.test_client().get("/inner/sign-in/user-1")
    assert tokens_of(response) == {None}
    assert {event.error for event in events} == {"LookupError"}


def test_an_application_mounted_afterwards_signs_for_itself() -> None:
    own = Signer("stigg", Keyring(SECRET + "inner"))
    outer, inner = create_app(), create_app(COUNTERMARK_SIGNERS=own)
    outer.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
        outer.wsgi_app, {"/inner": inner}
    )
    client = outer.test_client()
    assert tokens_of(client.get("/inner/sign-in/user-1")) == {own.sign("user-1")}
    assert tokens_of(client.get("/sign-in/user-1")) == {STIGG.sign("user-1")}


def test_no_user_sees_the_token_of_another_across_threads() -> None:
    app = create_app()
    users = [f"user-{number}" for number in range(50)]
    clients = {user: signed_in(app, user) for user in users}

    def ask(user: str) -> list[set[str | None]]:
        client = clients[user]
        seen = []
        for _ in range(25):
            seen += [tokens_of(client.get(path)) for path in ("/", f"/sign-in/{user}")]
            seen.append({client.get("/signatures").get_json()["stigg"]["customerToken"]})
            seen.append({client.get("/missing").headers[TOKEN]})
        return seen

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        with ThreadPoolExecutor(8) as pool:
            answers = dict(zip(users, pool.map(ask, users), strict=True))
    finally:
        sys.setswitchinterval(interval)
    assert sum(map(len, answers.values())) == 5000
    for user, seen in answers.items():
        assert seen == [{STIGG.sign(user)}] * 100


# Its parts


def test_the_endpoint_answers_for_the_current_user() -> None:
    app = create_app()
    with app.test_request_context():
        assert url_for("countermark.signatures") == "/signatures"
    client = signed_in(app)
    response = client.get("/signatures")
    assert response.get_json()["stigg"]["customerToken"] == STIGG.sign("user-1")
    assert response.headers["Content-Type"] == "application/json"
    assert "no-store" in response.headers["Cache-Control"]
    head = client.head("/signatures")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == response.headers["Content-Length"]
    assert client.post("/signatures").status_code == 405
    client.get("/sign-out")
    assert client.get("/signatures").status_code == 401


def test_the_endpoint_may_lie_elsewhere() -> None:
    app = Flask(__name__)
    app.config["COUNTERMARK_SIGNERS"] = STIGG
    Countermark(app, principal=nobody)
    app.register_blueprint(signatures_blueprint, url_prefix="/me/tokens")
    assert app.test_client().get("/me/tokens").status_code == 401
    assert app.test_client().get("/signatures").status_code == 404


def test_templates_choose_the_scheme_the_id_and_the_nonce() -> None:
    app = create_app()
    source = (
        "{% macro token() %}{{ countermark('stigg', id='token', nonce='abc+/=') }}{% endmacro %}"
        "{{ token() }}"
    )
    app.add_url_rule("/macro", "macro", lambda: render_template_string(source))
    start = '<script type="application/json" id="token" nonce="abc+/=">{"customerId":"user-1",'
    assert signed_in(app).get("/macro").text.startswith(start)


# The example


def test_the_example_signs_in_and_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    client = create_example().test_client()
    assert "No one is signed in." in client.get("/").text
    assert client.post("/sign-in", data={"password": "guess"}).status_code == 403
    response = client.post("/sign-in", data={"password": "ann's password"})
    assert response.headers[TOKEN] == STIGG.sign("user-1")
    assert STIGG.sign("user-1") in client.get("/").text
    assert client.get("/signatures").get_json()["stigg"]["customerId"] == "user-1"
    assert TOKEN not in client.post("/sign-out").headers
    assert client.get("/signatures").status_code == 401


def test_the_session_of_an_application_inside_is_not_taken_for_ours() -> None:
    shop, admin = Flask("shop"), Flask("admin")
    for app in (shop, admin):
        app.secret_key = f"of {app.name}"
        app.config["SESSION_COOKIE_NAME"] = app.name

    @admin.get("/")
    def sign_in() -> str:
        session["user_id"] = "a"
        return "in"

    shop.wsgi_app = DispatcherMiddleware(shop.wsgi_app, {"/admin": admin})  # type: ignore[method-assign]
    shop.config["COUNTERMARK_SIGNERS"] = [Signer("stigg", Keyring(SECRET))]
    Countermark(shop, principal=lambda environ: session.get("user_id"))
    response = shop.test_client().get("/admin/")
    assert response.text == "in"
    assert "Stigg-Customer-Token" not in response.headers

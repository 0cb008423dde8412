"""The assertions about one response, with the clients of all frameworks."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any

import flask
import httpx2
import pytest
from starlette.testclient import TestClient
from werkzeug.test import Client as WerkzeugClient

from countermark import ConfigurationError, Keyring, Principal, SecretKey, Signer
from countermark.errors import UnknownScheme
from countermark.schemes import scheme_slugs
from countermark.testing import (
    FrozenClock,
    assert_no_secret,
    assert_not_signed,
    assert_signed,
    tampered,
)
from countermark.testing._response_view import view_of
from tests.conftest import SECRET
from tests.frameworks.django_project import start
from tests.samples import ANN, signer_of

start()

from django.http import HttpResponse, StreamingHttpResponse  # noqa: E402
from django.template import Context, Template  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from django.test.utils import setup_test_environment, teardown_test_environment  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

STIGG = Signer("stigg", Keyring(SECRET))
FLOW = Signer("cognito-flow", Keyring(SECRET))
HEADER = "Stigg-Customer-Token"

Headers = list[tuple[str, str]]


def wsgi_app(headers: Headers, body: str) -> Any:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html"), *headers])
        return [body.encode()]

    return app


def asgi_app(headers: Headers, body: str) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        lines = [(name.lower().encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": 200, "headers": lines})
        await send({"type": "http.response.body", "body": body.encode()})

    return app


def by_starlette(headers: Headers, body: str) -> Any:
    return TestClient(asgi_app(headers, body)).get("/")


def by_httpx(headers: Headers, body: str) -> Any:
    async def ask() -> Any:
        transport = httpx2.ASGITransport(app=asgi_app(headers, body))
        async with httpx2.AsyncClient(transport=transport, base_url="http://a") as client:
            return await client.get("/")

    return asyncio.run(ask())


def by_httpx_under_wsgi(headers: Headers, body: str) -> Any:
    with httpx2.Client(transport=httpx2.WSGITransport(app=wsgi_app(headers, body))) as client:
        return client.get("http://a/")


def by_flask(headers: Headers, body: str) -> Any:
    app = flask.Flask(__name__)
    app.add_url_rule("/", "page", lambda: (body, headers))
    return app.test_client().get("/")


def by_werkzeug(headers: Headers, body: str) -> Any:
    return WerkzeugClient(wsgi_app(headers, body)).get("/")


def django_response(client: Any, response: HttpResponse) -> Any:
    urls = (path("", lambda request: response),)
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=[]):
        return client.get("/")


def by_django(headers: Headers, body: str) -> Any:
    return django_response(Client(), HttpResponse(body, headers=dict(headers)))


def by_rest_framework(headers: Headers, body: str) -> Any:
    return django_response(APIClient(), HttpResponse(body, headers=dict(headers)))


def by_django_in_parts(headers: Headers, body: str) -> Any:
    parts = (character.encode() for character in body)
    return django_response(Client(), StreamingHttpResponse(parts, headers=dict(headers)))


def by_async_django_in_parts(headers: Headers, body: str) -> Any:
    async def parts() -> Any:
        yield body.encode()

    return StreamingHttpResponse(parts(), headers=dict(headers))


CLIENTS = [
    by_starlette, by_httpx, by_httpx_under_wsgi, by_flask, by_werkzeug, by_django,
    by_rest_framework, by_django_in_parts, by_async_django_in_parts,
]  # fmt: skip
Ask = Callable[[Headers, str], Any]


def message_of(call: Callable[..., None], *arguments: Any) -> str:
    """Return the message of an assertion that fails, after checking that it shows no token."""
    with pytest.raises(AssertionError) as caught:
        call(*arguments)
    error = caught.value
    at = error.__traceback__ and error.__traceback__.tb_next
    shown = traceback.TracebackException(type(error), error, at, capture_locals=True)
    text = "".join(shown.format())
    for user in ("user-1", "user-2"):
        assert STIGG.sign(user)[-30:] not in text
        assert FLOW.sign(user) not in text
    assert SECRET not in text
    return str(error)


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_token_in_header_and_body_is_verified(ask: Ask) -> None:
    signed = STIGG.issue("user-1")
    body = f"<p data-identity='{html.escape(json.dumps(signed.fields))}'>"
    response = ask([(HEADER, signed.token)], body)
    assert_signed(response, STIGG, "user-1")
    assert_signed(response, STIGG, Principal("user-1", name="Ann"))
    assert_not_signed(response, FLOW, "user-1")
    assert message_of(assert_signed, response, STIGG, "user-2") == (
        "stigg: the header stigg-customer-token has a wrong token for 'user-2': it is for 'user-1'"
    )
    assert message_of(assert_not_signed, response, STIGG) == (
        "stigg: the header stigg-customer-token has a token for 'user-1'"
    )
    assert_signed(ask([], body), STIGG, "user-1")
    assert message_of(assert_not_signed, ask([], body), STIGG, "user-1") == (
        "stigg: the body has a token for 'user-1'"
    )


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_response_without_a_token_is_not_signed(ask: Ask) -> None:
    response = ask([("X-Other", "of the application")], "<p>user-1</p>")
    assert_not_signed(response, STIGG, "user-1")
    assert message_of(assert_signed, response, STIGG, "user-1") == (
        "stigg: the response with the status 200 has no token for 'user-1', neither in the header"
        " Stigg-Customer-Token nor in its body"
    )
    headless = Signer("stigg", Keyring(SECRET), header=None)
    assert "neither in a header nor" in message_of(assert_signed, response, headless, "user-1")
    assert_not_signed(ask([(HEADER, "")], ""), STIGG)


@pytest.mark.parametrize("ask", [by_starlette, by_werkzeug, by_httpx_under_wsgi])
def test_each_line_of_a_header_counts(ask: Ask) -> None:
    lines = [(HEADER, STIGG.sign("user-1")), (HEADER, STIGG.sign("user-2"))]
    assert "it is for 'user-2'" in message_of(assert_signed, ask(lines, ""), STIGG, "user-1")


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (tampered(STIGG.sign("user-1")), "the signature does not match"),
        ("HMAC-SHA256", "the token is malformed"),
        (FLOW.sign("user-1"), "the token is malformed"),
    ],
)
def test_an_invalid_token_in_the_header_is_wrong(token: str, reason: str) -> None:
    message = message_of(assert_signed, by_flask([(HEADER, token)], ""), STIGG, "user-1")
    assert message == (
        f"stigg: the header stigg-customer-token has a wrong token for 'user-1': {reason}"
    )
    assert "a token for another principal" in message_of(
        assert_not_signed, by_flask([(HEADER, token)], ""), STIGG
    )


def test_a_bare_signature_is_found_for_the_named_principals_alone() -> None:
    response = by_flask([], f"<p>{FLOW.sign('user-1')}</p>")
    assert_not_signed(response, FLOW)
    assert_not_signed(response, FLOW, "user-2")
    assert "for 'user-1'" in message_of(assert_not_signed, response, FLOW, "user-2", "user-1")
    cookies = [("Set-Cookie", f"seen={FLOW.sign('user-1')}")]
    assert "the header set-cookie has" in message_of(
        assert_not_signed, by_flask(cookies, ""), FLOW, "user-1"
    )


def test_a_token_with_an_id_is_found_for_any_principal() -> None:
    for body in (f"first line\n {STIGG.sign('user-1')} \n", f"<p>'{STIGG.sign('user-1')}'</p>"):
        assert "a token for 'user-1'" in message_of(assert_not_signed, by_flask([], body), STIGG)


def test_the_cookies_of_django_are_headers() -> None:
    response = HttpResponse()
    response.cookies = SimpleCookie()
    response.set_cookie("seen", STIGG.sign("user-1"))
    assert "the header set-cookie has" in message_of(assert_not_signed, response, STIGG)


@pytest.mark.parametrize(
    "write",
    [
        lambda token: json.dumps({"token": token}),
        lambda token: json.dumps({"token": token}).replace("/", "\\/").replace("=", "\\u003d"),
        lambda token: html.escape(token).replace("+", "&#43;").replace("=", "&#x3D;"),
        lambda token: f"let token = '{token}';",
        lambda token: f"/start?token={token.replace('+', '%2B').replace('/', '%2F')}",
    ],
    ids=["JSON", "escaped JSON", "HTML", "script", "URL"],
)
@pytest.mark.parametrize("signer", [STIGG, FLOW], ids=["stigg", "cognito-flow"])
def test_a_token_is_found_behind_escapes(signer: Signer, write: Callable[[str], str]) -> None:
    token = signer.sign("user/1+é=" if signer is FLOW else "user-1")
    principal = "user/1+é=" if signer is FLOW else "user-1"
    assert_signed(by_flask([], write(token)), signer, principal)


# Schemes


@pytest.mark.parametrize("slug", sorted({*scheme_slugs()} - {"ably", "looker"}))
def test_the_tokens_of_each_scheme_are_recognised(slug: str) -> None:
    signer = signer_of(slug, clock=FrozenClock())
    signed = signer.issue(ANN)
    attribute = html.escape(json.dumps([signed.fields, signed.token]))
    assert_signed(by_werkzeug([], f'<p data-identity="{attribute}">'), signer, ANN)
    assert_signed(by_werkzeug([], json.dumps([signed.fields, signed.token])), signer, ANN)
    if signer.header is not None and signed.token.isascii():
        assert_signed(by_werkzeug([(signer.header, signed.token)], ""), signer, ANN)


@pytest.mark.parametrize("slug", ["ably", "looker", "disqus"])
def test_tokens_that_vary_and_cannot_be_verified_are_a_configuration_error(slug: str) -> None:
    options = {"clock": time.time} if slug == "disqus" else {}
    with pytest.raises(ConfigurationError, match="cannot be recognised"):
        assert_signed(by_werkzeug([], ""), signer_of(slug, **options), ANN)


def test_a_principal_that_the_scheme_cannot_sign_has_no_token() -> None:
    signer = signer_of("disqus", clock=FrozenClock())
    response = by_werkzeug([], "<p>page</p>")
    assert "has no token for 'user-1'" in message_of(assert_signed, response, signer, "user-1")


def test_a_jwt_is_verified_with_its_times() -> None:
    clock = FrozenClock()
    signer = Signer("intercom-jwt", Keyring(SECRET), lifetime=60, clock=clock)
    response = by_flask([], json.dumps({"token": signer.sign("user-1")}))
    assert_signed(response, signer, "user-1")
    clock.advance(30)
    assert_signed(response, signer, "user-1")
    clock.advance(60)
    assert message_of(assert_signed, response, signer, "user-1") == (
        "intercom-jwt: the body has a wrong token for 'user-1': the token has expired"
    )
    assert "a token for 'user-1'" in message_of(assert_not_signed, response, signer)


@pytest.mark.parametrize(
    ("name", "value", "body"),
    [
        ("Location", "https://a.example/sso?jwt=%s&return_to=/", ""),
        ("Location", "https://a.example/sso?return_to=/#jwt=%s", ""),
        ("Set-Cookie", "jwt=%s; Path=/; Secure", ""),
        ("Refresh", "0;url=https://a.example/sso/%s/start", ""),
        ("X-Page", "1", '<iframe src="https://a.example/embed/%s?theme=dark&amp;x=1">'),
        ("X-Page", "1", "<a href=https://a.example/sso?a=1&amp;jwt=%s&amp;b=1>"),
        ("X-Page", "1", "<script>start({a:1,jwt:`%s`});</script>"),
        ("X-Page", "1", "token=%s;start()"),
    ],
)
def test_a_jwt_is_found_inside_a_longer_text(name: str, value: str, body: str) -> None:
    signer = Signer("intercom-jwt", Keyring(SECRET))
    token = signer.sign("user-1")
    value, body = (text.replace("%s", token) for text in (value, body))
    response = by_starlette([(name, value)], body)
    assert_signed(response, signer, "user-1")
    place = "the body" if body else f"the header {name.lower()}"
    with pytest.raises(AssertionError, match=f"^intercom-jwt: {place} has a token for 'user-1'$"):
        assert_not_signed(response, signer)


def test_no_claim_of_a_jwt_may_differ_from_the_principal() -> None:
    signer = Signer("intercom-jwt", Keyring(SECRET), claims=["plan"])
    token = signer.sign(Principal("user-1", email="a@b.example", attributes={"plan": "free"}))
    response = by_flask([], json.dumps(token))
    assert_signed(response, signer, "user-1")
    assert_signed(response, signer, Principal("user-1", attributes={"plan": "free"}))
    pro = Principal("user-1", attributes={"plan": "pro"})
    assert message_of(assert_signed, response, signer, pro).endswith(
        "for 'user-1': other values than the principal's in plan"
    )


def test_a_scheme_by_name_reads_its_secret_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    response = by_flask([(HEADER, STIGG.sign("user-1"))], "")
    assert_signed(response, "stigg", "user-1")
    assert_signed(response, STIGG.scheme, "user-1")
    with pytest.raises(UnknownScheme):
        assert_signed(response, "stig", "user-1")
    given: Any = 7
    with pytest.raises(ConfigurationError):
        assert_not_signed(response, given)


def test_something_other_than_a_response_is_a_configuration_error() -> None:
    for thing in (None, "text", {"status": 200}, SimpleNamespace(status_code="200")):
        with pytest.raises(ConfigurationError, match="response must be"):
            assert_signed(thing, STIGG, "user-1")
    empty = SimpleNamespace(status_code=204, headers={})
    assert_not_signed(empty, STIGG)


# Secrets


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SECRET, ""),
        (SECRET.replace("-", "&#45;"), ""),
        (SECRET.encode().hex(), " in hexadecimal"),
        (base64.b64encode(SECRET.encode()).decode(), " in base64"),
        (base64.urlsafe_b64encode(SECRET.encode() + b"\n").decode(), " in base64"),
    ],
)
def test_a_secret_is_found_in_headers_and_body(text: str, encoding: str) -> None:
    ring = Keyring("another-secret-of-the-tests-with-bytes", previous=SECRET)
    for secret in (ring, STIGG, SecretKey(SECRET), SECRET, SECRET.encode()):
        body = by_flask([], f"<p>{text}</p>")
        assert message_of(assert_no_secret, body, secret) == f"the body has a secret{encoding}"
        header = by_flask([("X-Debug", text)], "")
        assert message_of(assert_no_secret, header, "other", secret) == (
            f"the header x-debug has a secret{encoding}"
        )
    assert_no_secret(by_flask([(HEADER, STIGG.sign("user-1"))], "page"), ring, STIGG)


def test_a_secret_is_found_in_the_context_of_templates() -> None:
    def render(request: Any) -> HttpResponse:
        values = {"settings": [{"key": SECRET}], "number": 7, "deep": [[[[[[SECRET]]]]]]}
        return HttpResponse(Template("page").render(Context(values)))

    urls = (path("", render),)
    setup_test_environment()  # records the contexts
    try:
        with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=[]):
            response = Client().get("/")
    finally:
        teardown_test_environment()
    assert message_of(assert_no_secret, response, STIGG) == "the template context has a secret"
    response.context = {"key": STIGG, "bytes": b"\xff", "deep": [[[[[[SECRET]]]]]]}
    assert_no_secret(response, STIGG)
    response.context = {"key": SECRET.encode()}
    assert "the template context" in message_of(assert_no_secret, response, STIGG)


@pytest.mark.parametrize("secret", ["", b"", None, 7], ids=repr)
def test_something_other_than_a_secret_is_a_configuration_error(secret: Any) -> None:
    with pytest.raises(ConfigurationError, match="secrets must be"):
        assert_no_secret(by_flask([], ""), secret)


def test_a_private_key_is_not_searched_for() -> None:
    signer = signer_of("knock")
    with pytest.raises(ConfigurationError, match="secrets must be"):
        assert_no_secret(by_flask([], ""), signer)


# Other parts


def test_a_clock_stands_still_until_it_is_moved() -> None:
    clock = FrozenClock(100.5)
    assert [clock(), clock()] == [100.5, 100.5]
    clock.advance(10)
    assert clock() == 110.5
    clock.now = 7
    assert repr(clock) == "<FrozenClock 7>"


def test_a_view_of_a_response_shows_no_token() -> None:
    view = view_of(by_flask([(HEADER, STIGG.sign("user-1"))], STIGG.sign("user-1")))
    assert repr(view) == "<ResponseView 200>"


def test_the_assertions_need_no_pytest() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from types import SimpleNamespace\n"
        "from countermark import Keyring, Signer\n"
        "from countermark.testing import assert_signed, assert_own_identity_only\n"
        f"signer = Signer('stigg', Keyring('{SECRET}'))\n"
        "headers = {'Stigg-Customer-Token': signer.sign('user-1')}\n"
        "response = SimpleNamespace(status_code=200, headers=headers)\n"
        "assert_signed(response, signer, 'user-1')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("secret", ['a-"quoted"-secret-of-the-tests', "a\\-secret-of-the-tests"])
def test_a_secret_with_escapes_is_found_in_json(secret: str) -> None:
    response = by_starlette([], json.dumps({"settings": {"key": secret}}))
    with pytest.raises(AssertionError, match=r"^the body has a secret$"):
        assert_no_secret(response, secret)

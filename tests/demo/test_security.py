"""The demo refuses requests of other sites, and its pages run no foreign script."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from countermark.demo.asgi_app import create_app
from tests.demo.conftest import URL

FORMS = ["/sign-in/0", "/sign-out", "/mode", "/schemes/stigg/explain", "/schemes/stigg/traffic"]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:81", ""])
def test_a_form_of_another_origin_is_refused(client: TestClient, path: str, origin: str) -> None:
    answer = client.post(path, headers={"Origin": origin}, follow_redirects=False)
    assert answer.status_code == 403


def test_a_form_without_an_origin_is_refused() -> None:
    with TestClient(create_app(), base_url=URL) as client:
        assert client.post("/sign-in/0").status_code == 403


@pytest.mark.parametrize("path", FORMS)
def test_a_link_changes_nothing(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in {404, 405}


def test_another_name_of_the_host_is_refused(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/", headers={"Host": "localhost:8000"}).status_code == 200


def test_the_cookie_is_for_this_site_alone(client: TestClient) -> None:
    cookie = client.post("/sign-in/0", follow_redirects=False).headers["Set-Cookie"]
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_only_scripts_with_the_nonce_of_the_response_run(client: TestClient) -> None:
    first, second = client.get("/"), client.get("/")
    for page in (first, second):
        policy = page.headers["Content-Security-Policy"]
        nonce = policy.partition("'nonce-")[2].partition("'")[0]
        assert f'src="/static/demo.js" nonce="{nonce}"' in page.text
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
    assert first.headers["Content-Security-Policy"] != second.headers["Content-Security-Policy"]
    frame = client.get("/schemes/stigg/other-origin").headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in frame


def test_the_rollout_page_keeps_its_own_policy(client: TestClient) -> None:
    assert client.get("/rollout").headers.get_list("Content-Security-Policy") == [
        client.get("/rollout").headers["Content-Security-Policy"]
    ]


def test_the_cookie_of_a_user_who_is_unknown_is_anonymous(client: TestClient) -> None:
    client.cookies.set("session", "forged", domain="127.0.0.1")
    assert client.get("/current-user").json() == {"name": None}

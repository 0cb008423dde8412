"""The forms and the services behind the pages of the demo."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from countermark.demo import SIGNATURES_PATH, USERS
from countermark.demo.caches import KINDS
from countermark.demo.parts import parts_of
from countermark.demo.people import PEOPLE

STIGG = "/schemes/stigg"


def current_user(client: TestClient) -> str | None:
    name: str | None = client.get("/current-user").json()["name"]
    return name


def test_signing_in_and_out_returns_to_the_same_scheme(client: TestClient) -> None:
    assert current_user(client) is None
    page = client.post("/sign-in/1", data={"scheme": "crisp"})
    assert page.url.path == "/schemes/crisp/"
    assert current_user(client) == "Ben Okafor"
    page = client.post("/sign-out", data={"scheme": "crisp"})
    assert page.url.path == "/schemes/crisp/"
    assert "No user is signed in" in page.text
    assert current_user(client) is None


@pytest.mark.parametrize("path", ["/", "/?scheme=unknown"])
def test_without_a_known_scheme_the_first_one_is_shown(client: TestClient, path: str) -> None:
    assert client.get(path).url.path == f"{STIGG}/"


def test_an_unknown_scheme_or_kind_is_not_found(client: TestClient) -> None:
    assert client.get("/schemes/unknown/").status_code == 404
    assert client.get(f"{STIGG}/cache/unknown").status_code == 404


def test_the_endpoint_and_the_header_have_the_token(client: TestClient) -> None:
    client.post("/sign-in/1")
    token = parts_of("stigg").signer.sign(PEOPLE[1].principal)
    assert client.get(f"{STIGG}/").headers["Stigg-Customer-Token"] == token
    payload = client.get(STIGG + SIGNATURES_PATH).json()
    assert payload["stigg"] == {"customerId": USERS[1], "customerToken": token}


def test_an_edited_token_is_explained_in_the_page(client: TestClient) -> None:
    page = client.post("/sign-in/1").text
    assert 'id="explanation"' not in page
    token = parts_of("stigg").signer.sign(PEOPLE[1].principal)
    assert "The token is valid" in client.post(f"{STIGG}/explain", data={"token": token}).text
    page = client.post(f"{STIGG}/explain", data={"token": token.upper()}).text
    assert f">{token.upper()}</textarea>" in page
    assert "No known mistake explains it." in page
    page = client.post(f"{STIGG}/explain", data={"token": token, "mistake": "encoding"}).text
    assert "<strong>The code is encoded in base64" in page
    assert f">{token}</textarea>" not in page


def test_the_remarks_on_an_unexplained_token_are_shown(client: TestClient) -> None:
    page = client.post("/sign-in/1", data={"scheme": "castle"}).text
    assert "Why is a token refused?" in page
    page = client.post("/schemes/castle/explain", data={"token": "0" * 63}).text
    assert "<code>wrong_length</code>" in page


def test_a_form_that_is_too_large_is_ignored(client: TestClient) -> None:
    client.post("/sign-in/1")
    page = client.post(f"{STIGG}/explain", data={"token": "x" * 200_000})
    assert page.status_code == 200
    assert "xxx" not in page.text


def test_without_a_user_no_token_is_explained(client: TestClient) -> None:
    page = client.post(f"{STIGG}/explain", data={"token": "x"})
    assert page.url.path == f"{STIGG}/"
    assert "Why is a token refused?" not in page.text


@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [("off", 200, "not checked"), ("monitor", 200, "missing"), ("enforce", 401, None)],
)
def test_the_mode_decides_about_a_request_without_a_token(
    client: TestClient, mode: str, status: int, code: str | None
) -> None:
    page = client.post("/mode", data={"mode": mode, "scheme": "stigg"})
    assert f'<strong id="switch">{mode}</strong>' in page.text
    answer = client.get(f"{STIGG}/service/", params={"user": USERS[0]})
    assert answer.status_code == status
    assert answer.json().get("code") == code


def test_an_unknown_mode_changes_nothing(client: TestClient) -> None:
    page = client.post("/mode", data={"mode": "unknown"})
    assert '<strong id="switch">enforce</strong>' in page.text


def test_a_token_must_be_for_the_claimed_user(client: TestClient) -> None:
    headers = {"X-CUSTOMER-KEY": parts_of("stigg").signer.sign(PEOPLE[0].principal)}
    for user, status in {USERS[0]: 200, USERS[1]: 401, "unknown": 401}.items():
        answer = client.get(f"{STIGG}/service/", params={"user": user}, headers=headers)
        assert answer.status_code == status


def test_a_token_for_a_resource_is_accepted_from_every_user(client: TestClient) -> None:
    headers = {"X-Demo-Token": parts_of("metabase-static").signer.sign(PEOPLE[0].principal)}
    for user in USERS:
        answer = client.get(
            "/schemes/metabase-static/service/", params={"user": user}, headers=headers
        )
        assert answer.json() == {"code": "verified"}


def test_the_requests_of_all_users_are_counted(client: TestClient) -> None:
    assert client.get("/schemes/crisp/counts").json() == {
        "mode": "enforce", "requests": 0, "verified": 0, "share": "none", "stranded": 0,
        "reasons": {},
    }  # fmt: skip
    page = client.post("/schemes/crisp/traffic")
    assert page.url.path == "/schemes/crisp/"
    assert client.get("/schemes/crisp/counts").json() == {
        "mode": "enforce", "requests": 12, "verified": 8, "share": "67 %", "stranded": 0,
        "reasons": {"missing": 2, "mismatch": 2},
    }  # fmt: skip
    assert re.search(r'data-count="requests">\s*12<', page.text)
    rollout = client.get("/rollout").text
    assert "Not ready to enforce" in rollout
    assert "crisp" in rollout


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_middleware_does_what_the_table_of_caches_says(
    client: TestClient, kind: object
) -> None:
    assert kind in KINDS
    (kind,) = [one for one in KINDS if one == kind]
    client.post("/sign-in/0")
    headers = client.get(f"{STIGG}/cache/{kind.name}").headers
    assert ("Stigg-Customer-Token" in headers) is kind.has_token
    cached = headers.get("Cache-Control", "")
    assert ("no-store" in cached and "private" in cached) is kind.has_token


def test_a_script_of_another_origin_reads_only_an_exposed_header(client: TestClient) -> None:
    origin = {"Origin": "null"}
    for name, exposed in {"hidden": None, "exposed": "Stigg-Customer-Token"}.items():
        answer = client.get(f"{STIGG}/{name}/", headers=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers.get("Access-Control-Expose-Headers") == exposed
        assert "Stigg-Customer-Token" in answer.headers


def test_a_scheme_without_a_header_has_no_frame_of_another_origin(client: TestClient) -> None:
    assert client.get("/schemes/sigma/other-origin").status_code == 404
    client.post("/sign-in/0")
    assert "this scheme has no header" in client.get("/schemes/sigma/").text

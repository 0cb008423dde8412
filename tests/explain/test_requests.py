"""A request is read from a command of curl, a HAR file, or raw text, and its token is found."""

# ruff: noqa: E501  # one line for each request

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from countermark import Scheme
from countermark.explain._curl import read_curl
from countermark.explain._seen_request import SeenRequest, read_har, read_raw
from countermark.explain._seen_token import token_in

URL = "https://api.example/v1/c/u1?x=1"


@pytest.mark.parametrize(
    ("command", "method", "headers", "body"),
    [
        (f"curl {URL}", "GET", [], ""),
        (f"$ curl -s '{URL}' -H 'X-CUSTOMER-KEY: a: b'", "GET", [("X-CUSTOMER-KEY", "a: b")], ""),
        (f"curl \\\n  '{URL}' \\\n  --header=A:b --compressed", "GET", [("A", "b")], ""),
        (f"curl -XPUT -d a=1 --data-raw b=2 {URL}", "PUT", [], "a=1&b=2"),
        (f"curl --json '{{}}' --url {URL}", "POST", [], "{}"),
        (f"curl {URL} --data-raw $'it\\'s \\u00e9\\n\\x41'", "POST", [], "it's é\nA"),
        (f"/usr/bin/curl -o out.txt -m 5 -b s=1 {URL}", "GET", [("Cookie", "s=1")], ""),
        (f"curl -u me:pw {URL}", "GET", [("Authorization", "Basic bWU6cHc=")], ""),
        (f"curl -HA:b {URL} -o", "GET", [("A", "b")], ""),
    ],
)
def test_a_command_of_curl_is_read(command: str, method: str, headers: Any, body: str) -> None:
    assert read_curl(command) == SeenRequest(method, URL, headers, body.encode())


def test_data_in_the_query_is_part_of_the_url() -> None:
    found = read_curl("curl -G https://a.example/p -d id=1 -d token=x")
    assert found == SeenRequest("GET", "https://a.example/p?id=1&token=x", [], b"")
    found = read_curl("curl --get 'https://a.example/p?a=1' -d id=1")
    assert found is not None
    assert found.target == "/p?a=1&id=1"


@pytest.mark.parametrize("text", ["", "wget x", "curl 'unclosed", "$"])
def test_other_texts_are_not_commands_of_curl(text: str) -> None:
    assert read_curl(text) is None


REQUEST = {
    "method": "POST",
    "url": URL,
    "headers": [
        {"name": ":method", "value": "POST"},
        {"name": "A", "value": "b"},
        {"name": 7, "value": "b"},
        "none",
    ],
    "postData": {"mimeType": "application/json", "text": "{}"},
}
READ = SeenRequest("POST", URL, [("A", "b")], b"{}")


@pytest.mark.parametrize(
    ("content", "requests"),
    [
        (REQUEST, [READ]),
        ({"request": REQUEST, "response": {}}, [READ]),
        ({"log": {"entries": [{"request": REQUEST}, 7, {"request": {"url": 1}}]}}, [READ]),
        ({"url": URL}, [SeenRequest("GET", URL, [], b"")]),
        ({"log": {}}, []),
        ({"log": {"entries": {}}}, []),
        ([], []),
        ({"a": 1}, []),
    ],
)
def test_a_har_file_is_read(content: Any, requests: list[SeenRequest]) -> None:
    assert read_har(json.dumps(content)) == requests


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_other_texts_are_not_har_files(text: str) -> None:
    assert read_har(text) == []


def test_a_body_in_base64_is_decoded() -> None:
    for text, body in ((base64.b64encode(b"\xff").decode(), b"\xff"), ("?", b""), ("é", b"")):
        data = {"text": text, "encoding": "base64"}
        (found,) = read_har(json.dumps({"url": URL, "postData": data}))
        assert found.body == body


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_raw_request_is_read(end: str) -> None:
    text = end.join(["POST /hooks?a=1 HTTP/1.1", "A: b", "", "line\r\nline\n"])
    found = read_raw(text.encode())
    assert found == SeenRequest("POST", "/hooks?a=1", [("A", "b")], b"line\r\nline\n")


@pytest.mark.parametrize("data", [b"", b"HMAC-SHA256 u1:00", b"GET /\nno header\n\n", b"A: b"])
def test_other_texts_are_not_raw_requests(data: bytes) -> None:
    assert read_raw(data) is None


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (URL, "/v1/c/u1?x=1"),
        ("/hooks?a=1", "/hooks?a=1"),
        ("//hooks//a", "//hooks//a"),
        ("/hooks?", "/hooks?"),
        ("/hooks/a:b?u=http://b.example/", "/hooks/a:b?u=http://b.example/"),
        ("https://a.example", "/"),
        ("HTTPS://a.example?x=1", "/?x=1"),
        ("https://a.example//hooks#part", "//hooks"),
        ("http://[/hooks", "/hooks"),
        ("//[x", "//[x"),
        ("*", "/*"),
    ],
)
def test_the_target_is_the_one_that_is_sent(url: str, target: str) -> None:
    assert SeenRequest("POST", url, [], b"").target == target


def test_curl_sends_to_a_host_without_a_scheme() -> None:
    found = read_curl("curl a.example/hooks?x=http://b.example -d a=1")
    assert found is not None
    assert found.target == "/hooks?x=http://b.example"


def test_a_request_without_a_body_is_read() -> None:
    assert read_raw(b"GET / HTTP/1.1\r\nA: b\r\n") == SeenRequest("GET", "/", [("A", "b")], b"")


def test_the_representation_shows_nothing() -> None:
    assert repr(READ) == "<SeenRequest>"


def found_in(slug: str, request: SeenRequest) -> tuple[str | None, dict[str, str]]:
    return token_in(Scheme.load(slug), request)


def request(
    headers: dict[str, str] | None = None, body: str = "", url: str = "https://a.example/"
) -> SeenRequest:
    return SeenRequest("POST", url, [*(headers or {}).items()], body.encode())


INTERCOM = {"user_hash": "h", "user_id": "u1", "email": "a@b.example"}


@pytest.mark.parametrize(
    ("slug", "seen", "token", "values"),
    [
        ("stigg", request({"x-customer-key": "t"}), "t", {}),
        ("stigg", request({"Stigg-Customer-Token": "t"}), "t", {}),
        ("stigg", request({}, '{"a": [{"customerToken": "t", "customerId": 7}]}'), "t", {"id": "7"}),
        ("intercom-hmac", request({}, "user_hash=h&user_id=u1"), "h", {"id": "u1"}),
        (
            "intercom-hmac",
            request({}, "data=" + json.dumps(INTERCOM)),
            "h",
            {"id": "u1", "email": "a@b.example"},
        ),
        ("intercom-hmac", request({}, json.dumps({"a": json.dumps(INTERCOM)})), "h", {"id": "u1", "email": "a@b.example"}),
        ("intercom-hmac", request(url="/?user_hash=h&user_id=u1"), "h", {"id": "u1"}),
        ("intercom-hmac", request({"Cookie": "user_hash=h; user_id=u1"}), "h", {"id": "u1"}),
        ("intercom-hmac", request({"Authorization": "Bearer t"}), None, {}),
        ("drift", request({"Authorization": "Bearer t"}), "t", {}),
        ("drift", request({"Authorization": "Basic t"}), None, {}),
        ("castle", request({}, '{"user": {"id": "u1", "signature": "t"}}'), "t", {"id": "u1"}),
        ("launchdarkly", request({}, '{"hash": "t", "key": "u1", "context": {}}'), "t", {"id": "u1"}),
        ("drift", request({}, '{"a":'), None, {}),
        ("drift", request({}, '{"a":' * 9 + '{"userJwt": "t"}' + "}" * 9), None, {}),
    ],
)  # fmt: skip
def test_the_token_and_the_principal_are_found(
    slug: str, seen: SeenRequest, token: str | None, values: dict[str, str]
) -> None:
    assert found_in(slug, seen) == (token, values)

"""The messages that a scheme may sign: their parts cannot be confused, or the scheme says so."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import InvalidScheme, Keyring
from countermark.webhooks import WebhookScheme, WebhookVerifier
from countermark.webhooks._parts import SignatureHeader, Url
from tests.webhooks.outcomes import code
from tests.webhooks.samples import NOW, SECRET, Delivery, mac


def scheme(
    message: str, url: dict[str, Any] | None = None, form: str = "seconds", **more: Any
) -> WebhookScheme:
    data: dict[str, Any] = {
        "slug": "own",
        "kind": "hmac",
        "signature": {
            "header": "X-Own", "algorithm": "sha256", "encoding": "hex", "message": message, **more
        },
    }  # fmt: skip
    if "{timestamp}" in message:
        data["timestamp"] = {"header": "X-Time", "tolerance": 60, "form": form}
    if "{id}" in message:
        data["id"] = {"header": "X-Id"}
    return WebhookScheme.from_mapping(data | ({} if url is None else {"url": url}))


@pytest.mark.parametrize(
    "message",
    ["{url}\n{body}", "{method}\n{url}\n{body}", "{method} {url} {body}", "{method}{url}\n{body}",
     "{method}|{body}", "{timestamp}{method}{url} {body}", "{url} {timestamp}{body}",
     "{body}\n{url}", "{body}{timestamp}", "{timestamp}{body}", "{id}.{url}\n{body}",
     "{url}{timestamp} {body}", "{body}.{method}", "{method}{timestamp}.{body}",
     "{url} {id}.{body}", "{id}.{method}.{url} {body}", "{body} {url}.{id}",
     "{body} {url}.{timestamp}.{method}"],
)  # fmt: skip
def test_a_message_with_one_reading_is_accepted(message: str) -> None:
    assert isinstance(scheme(message).signature, SignatureHeader)


@pytest.mark.parametrize(
    "message",
    ["{url}{body}", "{url}.{body}", "{url}/{body}", "{body}{url}", "{method}{body}",
     "{body}{method}", "{url}{method}.{body}", "{method}A{body}", "{url}{timestamp}{body}",
     "{url}.{timestamp}.{body}", "{id}{url}\n{body}", "{id}{timestamp}.{body}",
     "{timestamp}{id}.{body}", "{method}{timestamp}{body}", "{method}X{url} {body}",
     "{url}.{id}.{body}", "{body}.{id}.{url}", "{url}.{id}T{method}.{body}", "{method}A{id}.{body}",
     "{url}.{id}.{timestamp}.{body}", "{body}.{method}{url}", "{url}.{method}.{body}",
     "{body} {url}{method}", "{body} {method}{url}"],
)  # fmt: skip
def test_a_message_with_two_readings_is_refused_unless_the_scheme_admits_it(message: str) -> None:
    with pytest.raises(InvalidScheme, match="nothing separates"):
        scheme(message)
    signature = scheme(message, ambiguous=True).signature
    assert isinstance(signature, SignatureHeader)
    assert signature.is_ambiguous


@pytest.mark.parametrize(
    "message", ["{url}{body}", "{body}{url}", "{url}.{body}", "{method}{url}{body}{timestamp}"]
)
def test_a_json_body_is_separate_from_a_url(message: str) -> None:
    assert isinstance(scheme(message, json_body=True).signature, SignatureHeader)


def test_an_id_between_a_url_and_a_json_body_could_belong_to_the_url() -> None:
    # In 'https://a.example/b.1.{"c":"d.[2]"}', the id may be 1, and it may be '{"c":"d'.
    with pytest.raises(InvalidScheme, match=r"nothing separates \{url\} from \{id\}"):
        scheme("{url}.{id}.{body}", json_body=True)


@pytest.mark.parametrize("form", ["rfc3339", "rfc3339-nanoseconds"])
def test_an_id_may_precede_a_date(form: str) -> None:
    assert scheme("{id}{timestamp}{body}", form=form)
    for message in ("{timestamp}{id}{body}", "{id}{body}{timestamp}"):
        with pytest.raises(InvalidScheme, match="nothing separates"):
            scheme(message, form=form)


def test_an_id_before_a_date_has_no_colon() -> None:
    own = WebhookVerifier(
        scheme("{id}{timestamp}{body}", form="rfc3339"), Keyring(SECRET), clock=lambda: NOW
    )
    at = "2023-11-14T22:13:20Z"
    for id, expected in (("a-1", "verified"), ("a:1", "malformed"), (f"a{at}", "malformed")):
        signature = mac(SECRET.encode(), f"{id}{at}{{}}".encode()).hex()
        headers = {"X-Own": signature, "X-Id": id, "X-Time": at}
        assert code(own, Delivery(headers, b"{}")) == expected


def test_parameters_are_always_ambiguous() -> None:
    for message in ("{url}{parameters}", "{parameters}", "{url}\n{parameters}"):
        with pytest.raises(InvalidScheme, match=r"nothing separates the \{parameters\}"):
            scheme(message)
        assert scheme(message, ambiguous=True)


def test_the_rules_of_a_url_are_read() -> None:
    url = {"decoded": ":/", "any_port": True, "body_hash": "hash-1"}
    signature = scheme("{url}{parameters}", url, ambiguous=True).signature
    assert isinstance(signature, SignatureHeader)
    assert signature.url == Url(":/", True, "hash-1")


@pytest.mark.parametrize(
    ("message", "url", "more", "reason"),
    [
        ("{body}", None, {"ambiguous": True}, "has one reading"),
        ("{body}", None, {"json_body": True}, "json_body is for a message with"),
        ("{body}", {"any_port": True}, {}, r"\[url\] is for a message with"),
        ("{url} {body}", {"body_hash": "a"}, {}, "body_hash is for a message with"),
        ("{url} {body}", {"decoded": "{"}, {}, "decoded: write characters of URLs"),
        ("{url} {body}", {"decoded": "a"}, {}, "decoded: write characters of URLs"),
        ("{url} {body}", {"decoded": "&"}, {}, "other than letters, digits and those between"),
        ("{url} {body}", {"body_hash": "a=b"}, {}, "body_hash: write letters"),
        ("{url} {body}", {"more": 1}, {}, "unknown key"),
        ("{url} {body}", {"any_port": 1}, {}, "any_port must be true or false"),
        ("{url}{url} {body}", None, {}, "each once"),
        ("{path} {body}", None, {}, "may hold {id}, {timestamp}, {method}, {url}"),
    ],
)
def test_an_invalid_message_is_refused(
    message: str, url: dict[str, Any] | None, more: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidScheme, match=reason):
        scheme(message, url, **more)


def test_a_url_is_for_a_mac_only() -> None:
    data = {"slug": "own", "kind": "secret", "signature": {"header": "X-Own"}}
    with pytest.raises(InvalidScheme, match=r"\[url\] is for a message with"):
        WebhookScheme.from_mapping({**data, "url": {"any_port": True}})

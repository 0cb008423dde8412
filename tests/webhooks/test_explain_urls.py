"""The mistake in a signed URL, a method or parameters is named."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest

from countermark import Keyring
from countermark.explain import Explanation, explain_webhook
from countermark.webhooks import WebhookScheme
from tests.webhooks.samples import (
    BASE_URL,
    FORM,
    NOW,
    SECRET,
    Delivery,
    base64,
    hubspot,
    twilio,
)
from tests.webhooks.test_signed_urls import json_delivery

PARTS = "https://hooks.example.com/hooks?x=1"
SORTED = "Body2BodyHello World!From+15005550006To+15005550001"
SPACED = b'[{"a": 1, "b": "http://a.example"}]'


def explained(slug: str, delivery: Delivery, **options: Any) -> Explanation:
    base_url = options.pop("base_url", BASE_URL)
    return explain_webhook(
        slug, Keyring(SECRET), base_url=base_url, clock=lambda: NOW, **delivery._asdict() | options
    )


def signed(text: str) -> Delivery:
    """Return a delivery of Twilio with the MAC of a text."""
    code = hmac.digest(SECRET.encode(), text.encode(), "sha1")
    return twilio().having(x_twilio_signature=base64(code))


@pytest.mark.parametrize(
    ("text", "code", "which"),
    [
        (PARTS.replace("https", "http") + SORTED, "url_changed", "it begins with http"),
        (PARTS.replace("?x=1", "") + SORTED, "url_changed", "it has no query"),
        (PARTS.replace("?", "/?") + SORTED, "url_changed", "it has a slash at its end"),
        (PARTS + "Body" + SORTED[5:], "", ""),
        (
            PARTS + "BodyHello World!From+15005550006To+15005550001Body2",
            "parameters_changed",
            "in the order of the body",
        ),
        (PARTS + "2Hello World!+15005550006+15005550001", "parameters_changed", "without their"),
        (PARTS + FORM.decode(), "parameters_changed", "as they are in the body"),
        (
            PARTS + "Body2BodyHello+World%21From%2B15005550006To%2B15005550001",
            "parameters_changed",
            "still encoded",
        ),
        (PARTS, "body_empty", "empty"),
        (FORM.decode(), "signed_parts", "{body}"),
    ],
)
def test_a_mistake_of_twilio_is_named(text: str, code: str, which: str) -> None:
    found = explained("twilio", signed(text))
    assert found.codes == ((code,) if code else ())
    assert not code or which in found.mistakes[0].happened


@pytest.mark.parametrize(
    ("base", "which"),
    [
        ("http://hooks.example.com", "it begins with https"),
        ("https://hooks.example.com/hooks", "it has no path between the host and the received"),
        ("https://other.example.com", "it has the host of the header host"),
        ("http://other.example.com", "it begins with https, and has the host of the header host"),
    ],
)
def test_a_wrong_base_is_named(base: str, which: str) -> None:
    delivery = twilio().having(host="hooks.example.com")
    assert explained("twilio", delivery).outcome == "good"
    found = explained("twilio", delivery, base_url=base)
    assert found.codes == ("url_changed",)
    assert which in found.mistakes[0].happened


@pytest.mark.parametrize(
    ("base", "sent", "which"),
    [
        ("https://a.example:8443", "https://a.example", "it has no port"),
        ("https://a.example", "https://a.example:443", "it has the port 443"),
        ("http://a.example", "http://a.example:80", "it has the port 80"),
    ],
)
def test_a_port_is_named_where_the_vendor_signs_none(base: str, sent: str, which: str) -> None:
    body = b'{"event_id":"1"}'
    code = base64(hmac.digest(SECRET.encode(), f"{sent}/".encode() + body, "sha256"))
    delivery = Delivery({"x-square-hmacsha256-signature": code}, body, path="/")
    found = explained("square", delivery, base_url=base)
    assert found.codes == ("url_changed",)
    assert which in found.mistakes[0].happened


@pytest.mark.parametrize(
    ("delivery", "changes", "codes"),
    [
        (hubspot(), {}, ()),
        (hubspot(method="GET"), {"method": "POST"}, ("method_changed",)),
        (hubspot(method="post"), {"method": "POST"}, ("method_changed",)),
        (hubspot(path="/a%2Fb", signed_path="/a%2Fb"), {}, ("url_changed",)),
        (hubspot(SPACED), {"body": json.dumps(json.loads(SPACED), separators=(",", ":"))},
         ("body_json",)),
        (hubspot(at=NOW - 400), {}, ("delivery_expired",)),
        (hubspot(), {"method": "GET", "body": hubspot().body + b"\n"}, ()),
        (hubspot(path="/["), {}, ()),
    ],
)  # fmt: skip
def test_a_mistake_of_hubspot_is_named(
    delivery: Delivery, changes: dict[str, Any], codes: tuple[str, ...]
) -> None:
    assert explained("hubspot", delivery, **changes).codes == codes


def test_a_body_that_differs_from_the_hash_in_the_url_is_named() -> None:
    written = json_delivery(SPACED)
    assert explained("twilio", written).outcome == "good"
    compact = json.dumps(json.loads(SPACED), separators=(",", ":"))
    assert explained("twilio", written, body=compact).codes == ("body_json",)
    assert explained("twilio", written, body=b"{}").outcome == "unexplained"


def test_the_secret_and_the_url_may_both_be_wrong() -> None:
    delivery = twilio(secret=SECRET + "\n")
    found = explained("twilio", delivery, base_url="http://hooks.example.com")
    assert sorted(found.codes) == ["secret_white_space", "url_changed"]


def test_an_unexplained_delivery_tells_the_expected_url() -> None:
    delivery = signed(PARTS.replace("/hooks?", "/api/hooks?") + SORTED)
    found = explained("twilio", delivery)
    assert (found.outcome, found.codes) == ("unexplained", ())
    assert [one.code for one in found.remarks] == ["url_expected"]
    assert found.remarks[0].happened.startswith(f"The expected URL is {BASE_URL} and then")
    found = explained("twilio", delivery.having(x_twilio_signature="x"))
    assert (found.outcome, found.remarks) == ("unexplained", ())


def test_a_prefix_that_a_proxy_removed_and_names_in_a_header_is_named() -> None:
    delivery = signed(PARTS.replace("/hooks?", "/api/hooks?") + SORTED)
    for prefix in ("/api", "/api/", "api"):
        headers = {**delivery.headers, "X-Forwarded-Prefix": prefix}
        found = explained("twilio", delivery._replace(headers=headers))
        assert found.codes == ("url_changed",)
        assert "the header x-forwarded-prefix" in found.mistakes[0].happened


def test_parameters_that_cannot_be_read_are_not_explained() -> None:
    assert explained("twilio", twilio(), body=b"a=%ff").outcome == "unexplained"
    scheme = WebhookScheme.load("twilio")
    assert explain_webhook(
        scheme, Keyring(SECRET), base_url=BASE_URL, headers=twilio().headers, body=b"", path="/é"
    ).codes == ()  # fmt: skip

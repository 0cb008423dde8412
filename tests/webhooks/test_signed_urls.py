"""Formats that sign the URL: its base is configured, and no boundary in the message can move."""

from __future__ import annotations

import hashlib
import hmac
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from countermark import ConfigurationError, Keyring, SecretKey
from countermark.asgi import WebhookMiddleware
from countermark.webhooks import WebhookScheme, WebhookVerifier, verify_webhook
from countermark.wsgi import WebhookMiddleware as WsgiMiddleware
from tests.drivers import call, wsgi_answer
from tests.webhooks.exchanges import Handler, exchange
from tests.webhooks.outcomes import code
from tests.webhooks.samples import (
    BASE_URL,
    NOW,
    SECRET,
    Delivery,
    base64,
    hubspot,
    twilio,
    verifier,
)

TWILIO, HUBSPOT = verifier("twilio"), verifier("hubspot")


def test_a_format_that_signs_the_url_needs_its_base() -> None:
    with pytest.raises(ConfigurationError, match=r"give base_url= .*, the public URL before"):
        WebhookVerifier("twilio", Keyring(SECRET))
    with pytest.raises(ConfigurationError, match="github does not sign a URL"):
        WebhookVerifier("github", Keyring(SECRET), base_url=BASE_URL)
    assert TWILIO.base_url == BASE_URL
    assert WebhookVerifier("github", Keyring(SECRET)).base_url == ""


@pytest.mark.parametrize(
    "base",
    ["", "hooks.example.com", "ftp://a.example", "https://", "https:///a", "https://a b", 1,
     "https://a.example?x", "https://a.example#x", "https://u:p@a.example", "https://[::1]",
     "https://a.example/é", "https://a.example//b", "https://a.example:", "https://a.example\n"],
)  # fmt: skip
def test_a_base_is_a_url_without_a_query(base: Any) -> None:
    with pytest.raises(ConfigurationError, match="base_url= must be a URL"):
        WebhookVerifier("twilio", Keyring(SECRET), base_url=base)


def test_the_base_may_end_with_a_slash_or_have_a_prefix() -> None:
    own = verifier("twilio", base_url=f"{BASE_URL}/")
    assert (own.base_url, code(own, twilio())) == (BASE_URL, "verified")
    # A proxy removes /api from the path.
    behind = verifier("twilio", base_url=f"{BASE_URL}/api")
    assert code(behind, twilio(base=f"{BASE_URL}/api")) == "verified"
    assert code(behind, twilio()) == "mismatch"


def test_the_function_and_the_environment_take_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", SECRET)
    delivery = twilio()._asdict()
    assert WebhookVerifier.from_env("twilio", base_url=BASE_URL).verify(**delivery)
    assert verify_webhook("twilio", Keyring(SECRET), base_url=BASE_URL, **delivery)


@pytest.mark.parametrize("claimed", ["host", "x-forwarded-host", "forwarded", "x-original-url"])
def test_no_header_changes_the_url(claimed: str) -> None:
    delivery = twilio(base="https://attacker.example")
    headers = {**delivery.headers, claimed: "attacker.example"}
    assert code(TWILIO, delivery, headers=headers) == "mismatch"
    headers = {**twilio().headers, claimed: "attacker.example"}
    assert code(TWILIO, twilio(), headers=headers) == "verified"


def test_the_middlewares_use_the_path_as_it_came() -> None:
    delivery = twilio(path="/hooks%2Fa?x=%31")
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=TWILIO)
    assert exchange(app, delivery, path="/hooks/a").status == 200
    assert exchange(app, delivery, raw_path=b"/hooks/a").status == 401
    wsgi = WsgiMiddleware(wsgi_answer(), verifier=TWILIO)
    for raw, status in [("RAW_URI", "200"), ("REQUEST_URI", "200"), ("OTHER", "401")]:
        environ = {
            "REQUEST_METHOD": "POST",
            "CONTENT_LENGTH": str(len(delivery.body)),
            "wsgi.input": BytesIO(delivery.body),
            "HTTP_X_TWILIO_SIGNATURE": delivery.headers["X-Twilio-Signature"],
            "PATH_INFO": "/hooks/a",
            "QUERY_STRING": "x=1",
            raw: delivery.path,
        }
        assert call(wsgi, **environ).starts[0][0].startswith(status)


@pytest.mark.parametrize("path", ["/hooks?x=1", "/", "/a/b/?", "/a%2fb?c=%20&&d", "/~a:b@c;d"])
@pytest.mark.parametrize("method", ["POST", "GET", "PATCH"])
def test_the_method_the_url_and_the_time_are_signed(method: str, path: str) -> None:
    delivery = hubspot(method=method, path=path)
    assert code(HUBSPOT, delivery) == "verified"
    for changes in ({"method": "PUT"}, {"path": f"{path}x"}, {"body": delivery.body + b" "}):
        assert code(HUBSPOT, delivery, **changes) == "mismatch"
    for wrong in ("", method.lower(), f"{method} ", "P\u00d6ST", "A" * 33):
        assert code(HUBSPOT, delivery, method=wrong) == "malformed"
    time = str(int(NOW * 1000) + 1)
    assert code(HUBSPOT, delivery.having(x_hubspot_request_timestamp=time)) == "mismatch"


@pytest.mark.parametrize(
    "path",
    ["", "hooks", "*", "https://a.example/hooks", "/a b", "/a#b", "/é", "/[", "/{", '/"', "/\n"],
)
def test_a_path_that_no_url_contains_is_malformed(path: str) -> None:
    assert code(HUBSPOT, hubspot(path=path)) == "malformed"
    assert code(TWILIO, twilio(path=path)) == "malformed"


def test_text_cannot_move_between_the_url_the_body_and_the_time() -> None:
    body = b'[{"a":1}]'
    delivery = hubspot(body, path="/hooks?x=1")
    assert code(HUBSPOT, delivery) == "verified"
    url_to_body = delivery._replace(path="/hooks", body=b"?x=1" + body)
    assert code(HUBSPOT, url_to_body) == "malformed"
    body_to_url = delivery._replace(path='/hooks?x=1[{"a":', body=b"1}]")
    assert code(HUBSPOT, body_to_url) == "malformed"
    time = delivery.headers["X-HubSpot-Request-Timestamp"]
    later = delivery.having(x_hubspot_request_timestamp=time[1:])
    assert code(HUBSPOT, later._replace(body=body + b"1")) in {"malformed", "expired"}
    earlier = hubspot(b'[{"a":1}]', at=NOW)._replace(body=b'[{"a":1}')
    assert code(HUBSPOT, earlier.having(x_hubspot_request_timestamp=f"]{time}")) == "malformed"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{\n"a": "\xc3\xa9"}', b"[[]]"])
def test_a_body_may_be_empty_or_json(body: bytes) -> None:
    assert code(HUBSPOT, hubspot(body)) == "verified"


@pytest.mark.parametrize("body", [b"a=1", b" {}", b"{}\n", b"1", b"?x={}", b"\xff{}"])
def test_a_signed_body_that_is_not_json_is_malformed(body: bytes) -> None:
    assert code(HUBSPOT, hubspot(body)) == "malformed"


def test_a_url_behind_the_body_cannot_begin_in_it() -> None:
    trello = WebhookVerifier("trello", Keyring(SECRET), base_url=BASE_URL)
    body = b'{"text":"https://hooks.example.com/a"}'
    signed = hmac.digest(SECRET.encode(), body + b"https://hooks.example.com/b", "sha1")
    delivery = Delivery({"X-Trello-Webhook": base64(signed)}, body, path="/b")
    assert code(trello, delivery) == "verified"
    moved = delivery._replace(body=b'{"text":"', path='/a"}https://hooks.example.com/b')
    assert code(trello, moved) == "malformed"


def test_twelve_percent_codes_are_decoded_and_no_others() -> None:
    path = "/a%2Fb?c=%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B%20%26%3D%2f"
    signed = "/a/b?c=:/?@!$'()*,;%20%26%3D%2f"
    assert code(HUBSPOT, hubspot(path=path, signed_path=signed)) == "verified"
    assert code(HUBSPOT, hubspot(path=path)) == "mismatch"


def test_no_percent_code_begins_the_query_of_a_signed_url() -> None:
    # Both have one signature, and an application reads the path "/hooks?x=1" from the second.
    assert code(HUBSPOT, hubspot(path="/hooks?x=1")) == "verified"
    assert code(HUBSPOT, hubspot(path="/hooks?x=1"), path="/hooks%3Fx=1") == "malformed"
    assert code(HUBSPOT, hubspot(path="/?a?b"), path="/?a%3Fb") == "verified"
    assert code(TWILIO, twilio(path="/hooks%3Fx=1")) == "verified"


@pytest.mark.parametrize(
    ("base", "signed"),
    [
        ("https://a.example", "https://a.example:443"),
        ("http://a.example/b", "http://a.example:80/b"),
        ("https://a.example:8443", "https://a.example"),
        ("https://a.example:8443", "https://a.example:8443"),
    ],
)
def test_the_port_may_be_signed_or_not(base: str, signed: str) -> None:
    own = verifier("twilio", base_url=base)
    assert code(own, twilio(base=signed)) == "verified"
    assert code(own, twilio(base=signed.replace("a.example", "a.example:1"))) == "mismatch"
    assert code(own, twilio(base=signed.replace("a.example", "b.example"))) == "mismatch"


@pytest.mark.parametrize("base", [BASE_URL, f"{BASE_URL}:443"])
def test_a_retired_key_is_named_for_each_url(base: str) -> None:
    ring = Keyring("another-" + SECRET, previous=SecretKey(SECRET, until=NOW))
    assert code(verifier("twilio", ring), twilio(base=base)) == "retired_key"


def json_delivery(body: bytes = b'{"a":1}', more: str = "") -> Delivery:
    path = f"/hooks?x=1&bodySHA256={hashlib.sha256(body).hexdigest()}{more}"
    return twilio(b"", path=path)._replace(body=body)


def test_a_body_whose_hash_is_in_the_url_is_compared_with_it() -> None:
    delivery = json_delivery()
    assert code(TWILIO, delivery) == "verified"
    for body in (b'{"a":2}', b"", b"a=1"):
        assert code(TWILIO, delivery, body=body) == "digest_mismatch"
    # The content type is not signed, and changes nothing.
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        headers = {**delivery.headers, "Content-Type": kind}
        assert code(TWILIO, delivery, headers=headers, body=b"") == "digest_mismatch"
    assert code(TWILIO, delivery._replace(path="/hooks?x=1")) in {"malformed", "mismatch"}
    assert code(TWILIO, json_delivery(more="&y=2")) == "verified"
    assert code(TWILIO, json_delivery(more=f"&bodySHA256={'0' * 64}")) == "ambiguous"
    for hash in ("", "0" * 63, "A" * 64):
        assert code(TWILIO, twilio(b"", path=f"/?bodySHA256={hash}")) == "malformed"


def test_parameters_are_signed_decoded_and_sorted() -> None:
    pairs = [("To", "+1"), ("Body", "a b&c=d é %"), ("", "x"), ("To", "+0"), ("Body2", "")]
    delivery = twilio(urlencode(pairs).encode())
    assert code(TWILIO, delivery) == "verified"
    others = [
        urlencode(pairs[::-1]),
        urlencode([*pairs, ("To", "+1")]),
        urlencode(pairs).replace("+", "%20"),
        "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs),
        urlencode(pairs).replace("T", "%54"),
    ]
    for other in others:
        assert code(TWILIO, delivery, body=other.encode()) == "verified", other
    for other in (urlencode(pairs[1:]), urlencode([*pairs, ("a", "b")]), urlencode(pairs) + "x"):
        assert code(TWILIO, delivery, body=other.encode()) == "mismatch", other


@pytest.mark.parametrize(
    "body",
    [b"a", b"a=1&", b"&a=1", b"a=1=2", b"a=%", b"a=%2", b"a=%zz", b"a=%ff", b"a=\xc3\xa9", b"a=b c",
     b"a=1\n", b"&", b"a=1&&b=2"],
)  # fmt: skip
def test_a_body_that_is_not_encoded_as_a_form_is_malformed(body: bytes) -> None:
    assert code(TWILIO, twilio(body)) == "malformed"


def test_a_body_has_at_most_1000_parameters() -> None:
    # Each is decoded before the signature is known to be valid.
    most = "&".join(f"a={number}" for number in range(1000)).encode()
    assert code(TWILIO, twilio(most)) == "verified"
    assert code(TWILIO, twilio(most + b"&b=")) == "malformed"


def test_the_text_of_a_delivery_can_be_the_hash_of_another_body_if_its_url_has_a_query() -> None:
    """The page names it. Version 9.13.0 of the package twilio accepts it too."""
    other = b'{"a":1}'
    text = f"&bodySHA256={hashlib.sha256(other).hexdigest()}&"
    form = urlencode({"AccountSid": "AC1", "Body": text, "From": "+1"}).encode()
    moved = f"AccountSidAC1Body{text}From+1"
    seen = twilio(form, path="/hooks?x=1")
    assert code(TWILIO, seen, body=other, path=f"/hooks?x=1{moved}") == "verified"
    # Without a query, it would be at another path, or be signed as a form.
    seen = twilio(form, path="/hooks")
    assert code(TWILIO, seen, body=other, path=f"/hooks{moved}") == "malformed"


def test_names_and_values_of_parameters_can_move_which_the_scheme_admits() -> None:
    delivery = twilio(b"Body=hi&From=%2B1")
    assert code(TWILIO, delivery, body=b"Body=hiFrom%2B1") == "verified"
    scheme = WebhookScheme.load("twilio")
    assert getattr(scheme.signature, "is_ambiguous", False)

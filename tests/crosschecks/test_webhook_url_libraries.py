"""Deliveries with signed URLs that the vendors' own Python code accepts, and what differs."""

from __future__ import annotations

import hmac
import random
import string
import time
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from tests.crosschecks.deliveries import accepts, bodies
from tests.webhooks.samples import BASE_URL, SECRET, Delivery, base64, hubspot, twilio
from tests.webhooks.test_signed_urls import json_delivery

_IN_URLS = string.ascii_letters + string.digits + "-._~:/@!$'()*,=&"  # Twilio's drops an empty ";"
_IN_FORMS = "aé用😀 \\\"{}&=+%/:'<~*\n\t"


def paths() -> list[str]:
    """Return paths, with and without a query, a slash at their end and percent codes."""
    made = ["/", "/a", "/a/", "/a?x=1", "/a?x=1&y=%20", "/%41%7E", "/a//b?c=d=e"]
    for _ in range(40):
        path, query = ("".join(random.choices(_IN_URLS, k=random.randint(1, 30))) for _ in "ab")
        made.append(f"/{path}?{query}" if random.random() < 0.5 else f"/{path}")
    return made


def forms() -> list[list[tuple[str, str]]]:
    """Return parameters, some with a name that is there twice."""

    def text() -> str:
        return "".join(random.choices(_IN_FORMS + string.ascii_letters, k=random.randint(0, 12)))

    made = [[], [("a", "")], [("a", "2"), ("a", "1")], [("a", "1"), ("a", "1")], [("", "b")]]
    return made + [[(text(), text()) for _ in range(random.randint(1, 6))] for _ in range(40)]


class Form(dict[str, list[str]]):
    """A form, as frameworks give it to the library."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def twilio_accepts(delivery: Delivery, params: Any, algorithm: str = "HMAC_SHA1") -> bool:
    from twilio.request_validator import RequestValidator

    signature = delivery.headers["X-Twilio-Signature"]
    url = BASE_URL + delivery.path
    return bool(RequestValidator(SECRET).validate(url, params, signature, algorithm))


def test_twilio_with_forms() -> None:
    for path, form in zip(paths(), forms(), strict=False):
        body = urlencode(form).encode()
        delivery = twilio(body, path=path)
        altered = [
            delivery,
            twilio(body, path=path, base=f"{BASE_URL}:443"),
            delivery._replace(body=urlencode([*form, ("z", "9")]).encode()),
            delivery._replace(path=f"{path}1"),
            twilio(body, path=path, secret="another-" + SECRET),
            twilio(body, path=path, base=BASE_URL.replace("https", "http")),
        ]
        for number, one in enumerate(altered):
            params = Form(parse_qs(one.body.decode(), keep_blank_values=True))
            expected = number < 2
            assert twilio_accepts(one, params) is expected
            assert accepts("twilio", one, base_url=BASE_URL) is expected


def test_twilio_with_a_shared_key() -> None:
    from twilio.request_validator import RequestValidator

    for path, form in zip(paths(), forms(), strict=False):
        body = urlencode(form).encode()
        params = Form(parse_qs(body.decode(), keep_blank_values=True))
        made = RequestValidator(SECRET).compute_signature(BASE_URL + path, params, "HMAC_SHA256")
        delivery = Delivery({"X-Twilio-Signature": made}, body, path=path)
        assert twilio_accepts(delivery, params, "HMAC_SHA256")
        assert accepts("twilio-shared-key", delivery, base_url=BASE_URL)
        assert not accepts("twilio", delivery, base_url=BASE_URL)


def test_twilio_with_json() -> None:
    for body in bodies():
        delivery = json_delivery(body.encode())
        for given in (body, body + "x"):
            expected = given == body
            assert twilio_accepts(delivery, given) is expected
            one = delivery._replace(body=given.encode())
            assert accepts("twilio", one, base_url=BASE_URL) is expected


def test_twilio_accepts_a_form_in_place_of_the_hashed_body_which_is_refused_here() -> None:
    delivery = json_delivery()._replace(body=b"")
    # A framework gives no parameters for an empty body, whatever the URL contains.
    assert twilio_accepts(delivery, Form())
    assert not accepts("twilio", delivery, base_url=BASE_URL)


def test_twilio_drops_an_empty_query_which_counts_here() -> None:
    delivery = twilio(b"", path="/a?")
    assert accepts("twilio", delivery, base_url=BASE_URL)
    assert not twilio_accepts(delivery, Form())


@pytest.mark.parametrize("age", [0, -100, 100, 400])
def test_hubspot(age: int) -> None:
    from hubspot.exceptions import InvalidSignatureTimestampError
    from hubspot.utils.signature import Signature

    for path in paths():
        delivery = hubspot(b'[{"a":"\xc3\xa9"}]', at=int(time.time()) - age, path=path)
        for body in (delivery.body, delivery.body + b" "):
            try:
                theirs = Signature.is_valid(
                    delivery.headers["X-HubSpot-Signature-v3"],
                    SECRET,
                    body.decode(),
                    BASE_URL + path,
                    signature_version="v3",
                    timestamp=delivery.headers["X-HubSpot-Request-Timestamp"],
                )
            except InvalidSignatureTimestampError:
                theirs = False
            expected = body == delivery.body and age < 300
            assert theirs is expected
            one = delivery._replace(body=body)
            assert accepts("hubspot", one, base_url=BASE_URL) is expected


def test_hubspot_signs_a_decoded_url_which_its_library_leaves_to_you() -> None:
    from hubspot.utils.signature import Signature

    delivery = hubspot(at=int(time.time()), path="/a%2Fb", signed_path="/a/b")
    assert accepts("hubspot", delivery, base_url=BASE_URL)
    for path, expected in (("/a%2Fb", False), ("/a/b", True)):
        assert expected is Signature.is_valid(
            delivery.headers["X-HubSpot-Signature-v3"],
            SECRET,
            delivery.body.decode(),
            BASE_URL + path,
            signature_version="v3",
            timestamp=delivery.headers["X-HubSpot-Request-Timestamp"],
        )


def test_square() -> None:
    from square.utils.webhooks_helper import verify_signature

    for path in paths():
        body = b'{"event_id":"1","text":"\xc3\xa9"}'
        code = hmac.digest(SECRET.encode(), f"{BASE_URL}{path}".encode() + body, "sha256")
        delivery = Delivery({"x-square-hmacsha256-signature": base64(code)}, body, path=path)
        for one in (delivery, delivery._replace(path=f"{path}1"), delivery._replace(body=b"{}")):
            theirs = verify_signature(
                request_body=one.body.decode(),
                signature_header=base64(code),
                signature_key=SECRET,
                notification_url=BASE_URL + one.path,
            )
            assert theirs is accepts("square", one, base_url=BASE_URL) is (one == delivery)

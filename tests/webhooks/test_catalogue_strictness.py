"""Each format of the catalogue refuses its examples once anything signed is changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from countermark import Keyring, SecretKey
from countermark.webhooks import WebhookScheme, WebhookVerifier
from countermark.webhooks._parts import SecretHeader, SignatureHeader, WebhookVector
from countermark.webhooks._scheme import webhook_scheme_slugs
from countermark.webhooks._signed_url import signs_url
from tests.webhooks.outcomes import code
from tests.webhooks.samples import Delivery

pytestmark = pytest.mark.filterwarnings("ignore::countermark.WeakKeyWarning")

# Cognito's has tests of its own.
SCHEMES = [
    scheme
    for scheme in map(WebhookScheme.load, webhook_scheme_slugs())
    if isinstance(scheme.signature, SignatureHeader | SecretHeader)
]
EACH = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.slug)
MACS = pytest.mark.parametrize(
    "scheme",
    [one for one in SCHEMES if isinstance(one.signature, SignatureHeader)],
    ids=lambda scheme: scheme.slug,
)


def delivery_of(scheme: WebhookScheme) -> tuple[WebhookVector, Delivery]:
    vector = scheme.vectors[0]
    headers = {name.lower(): value for name, value in vector.headers.items()}
    return vector, Delivery(headers, vector.body.encode(), vector.method, vector.path)


def verifier(scheme: WebhookScheme, later: float = 0) -> WebhookVerifier:
    vector = scheme.vectors[0]
    ring = Keyring(vector.secret if scheme.has_public_key else SecretKey.of_example(vector.secret))
    clock = lambda: vector.now + later  # noqa: E731
    return WebhookVerifier(scheme, ring, base_url=vector.base_url, clock=clock)


def signed_headers(scheme: WebhookScheme) -> Iterator[str]:
    """Yield the names of the headers that prove a delivery or are signed."""
    yield signature_of(scheme).header
    if scheme.timestamp is not None and scheme.timestamp.header:
        yield scheme.timestamp.header
    if scheme.id is not None and "{id}" in map(str, getattr(scheme.signature, "message", ())):
        yield scheme.id.header


def signature_of(scheme: WebhookScheme) -> SignatureHeader | SecretHeader:
    assert isinstance(scheme.signature, SignatureHeader | SecretHeader)
    return scheme.signature


@EACH
def test_a_changed_character_of_a_signed_header_is_refused(scheme: WebhookScheme) -> None:
    _, delivery = delivery_of(scheme)
    own = verifier(scheme)
    assert code(own, delivery) == "verified"
    for name in signed_headers(scheme):
        value = delivery.headers[name]
        # The first signature of this example is one by another secret.
        start = value.rindex("v1=") if scheme.slug == "pagerduty" else 0
        for place in range(start, len(value)):
            for text in (
                f"{value[:place]}~{value[place + 1 :]}",
                value[:place],
                value[place + 1 :],
            ):
                if text != value and not (start and text.startswith(value[start:])):
                    changed = Delivery({**delivery.headers, name: text}, delivery.body)
                    assert code(own, changed) != "verified", text
        assert code(own, Delivery({**delivery.headers, name: f"{value} x"})) != "verified"
        without = {other: text for other, text in delivery.headers.items() if other != name}
        assert code(own, Delivery(without, delivery.body)) == "missing"


@MACS
def test_a_changed_byte_of_the_body_is_refused(scheme: WebhookScheme) -> None:
    _, delivery = delivery_of(scheme)
    own, body = verifier(scheme), delivery.body
    # Parameters must be encoded as forms are.
    is_form = "{parameters}" in map(str, getattr(scheme.signature, "message", ()))
    expected = {"mismatch", "malformed"} if is_form else {"mismatch"}
    for place in range(len(body)):
        for other in (body[:place] + b"~" + body[place + 1 :], body[:place], body[place + 1 :]):
            if other != body:
                assert code(own, delivery._replace(body=other)) in expected, other
    for other in (body + b"\n", b" " + body, b"0" + body):
        assert code(own, delivery._replace(body=other)) in expected


@pytest.mark.parametrize(
    "scheme", [one for one in SCHEMES if signs_url(one)], ids=lambda scheme: scheme.slug
)
def test_a_changed_character_of_a_signed_url_is_refused(scheme: WebhookScheme) -> None:
    vector, delivery = delivery_of(scheme)
    own, path = verifier(scheme), delivery.path
    others = {f"{path}/", f"{path}?", f"{path}&x=1", f"//{path}", "", path[1:]}
    for place in range(len(path)):
        others |= {f"{path[:place]}~{path[place + 1 :]}", path[:place], path[place + 1 :]}
    for other in others - {path}:
        assert code(own, delivery._replace(path=other)) in {"mismatch", "malformed"}, other
    for other in ("http://mycompany.com", "https://mycompany.com.example", f"{vector.base_url}/x"):
        ring = Keyring(SecretKey.of_example(vector.secret))
        another = WebhookVerifier(scheme, ring, base_url=other, clock=lambda: vector.now)
        assert code(another, delivery) == "mismatch"


@EACH
def test_a_header_that_is_sent_twice_is_refused(scheme: WebhookScheme) -> None:
    _, delivery = delivery_of(scheme)
    own = verifier(scheme)
    for name in signed_headers(scheme):
        twice = [*delivery.headers.items(), (name, delivery.headers[name])]
        assert code(own, delivery, headers=twice) == "ambiguous"
        joined = {**delivery.headers, name: f"{delivery.headers[name]},{delivery.headers[name]}"}
        # These join their signatures by commas themselves, so this is a longer list.
        lists = scheme.slug in {"circleci", "cronofy", "pagerduty", "revolut"}
        longer = lists and name == signature_of(scheme).header
        assert code(own, delivery, headers=joined) == ("verified" if longer else "ambiguous")
        spelled = {other.replace("-", "_"): text for other, text in delivery.headers.items()}
        if "-" in name:
            assert code(own, delivery, headers=spelled) == "ambiguous"


@pytest.mark.parametrize(
    "scheme", [one for one in SCHEMES if one.timestamp], ids=lambda scheme: scheme.slug
)
def test_an_example_is_accepted_within_its_tolerance_only(scheme: WebhookScheme) -> None:
    assert scheme.timestamp is not None
    _, delivery = delivery_of(scheme)
    tolerance = scheme.timestamp.tolerance
    # Some examples have milliseconds.
    for later, expected in [
        (tolerance, "verified"), (-tolerance + 1, "verified"),
        (tolerance + 1, "expired"), (-tolerance - 1, "not_yet_valid"),
    ]:  # fmt: skip
        assert code(verifier(scheme, later), delivery) == expected

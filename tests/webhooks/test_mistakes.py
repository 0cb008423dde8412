"""Seven mistakes of production code that verifies HTTP signatures, one test each."""

from __future__ import annotations

import logging
import re
import traceback
from typing import Any

import pytest

from countermark import BadWebhook, Keyring
from countermark.asgi import WebhookMiddleware
from countermark.webhooks import WebhookScheme, WebhookVerifier
from tests.conftest import Events
from tests.drivers import answer, http_scope, request
from tests.webhooks.samples import NOW, SECRET, Delivery, cognito, verifier

GOOD = verifier("cognito")


def refused(delivery: Delivery, **changes: Any) -> str:
    with pytest.raises(BadWebhook) as caught:
        GOOD.verify(**{**delivery._asdict(), **changes})
    return caught.value.code


def scope_of(delivery: Delivery) -> Any:
    path, _, query = delivery.path.partition("?")
    return http_scope(
        method="POST",
        path=path,
        raw_path=path.encode(),
        query_string=query.encode(),
        headers=[(name.lower().encode(), text.encode()) for name, text in delivery.headers.items()],
    )


def test_the_body_is_not_compared_with_the_signed_digest() -> None:
    captured = cognito()
    GOOD.verify(**captured._asdict())
    assert refused(captured, body=b'{"status":"success"}') == "digest_mismatch"
    assert refused(captured, body=b"") == "digest_mismatch"


def test_freshness_is_not_checked_if_a_header_has_another_case() -> None:
    old = cognito(at=NOW - 901)
    for spell in (str.lower, str.upper, str.title, str.swapcase):
        headers = {spell(name): value for name, value in old.headers.items()}
        assert refused(old, headers=headers) == "expired"
    # A missing or malformed date is not a fresh one.
    assert refused(old.having(date=None)) == "missing"
    assert refused(old.having(date="soon")) == "malformed"


def test_a_delivery_from_the_future_is_accepted() -> None:
    assert refused(cognito(at=NOW + 901)) == "not_yet_valid"
    assert refused(cognito(at=NOW + 10 * 365 * 86400)) == "not_yet_valid"


def test_the_whole_header_is_compared_and_not_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from countermark.webhooks import _candidate_keys as candidate_keys

    compared: list[tuple[bytes, bytes]] = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(candidate_keys, "compare_digest", compare_digest)
    parameters = cognito().headers["Authorization"].removeprefix("Signature ").split(",")
    for order in (parameters, parameters[::-1], parameters[2:] + parameters[:2]):
        delivery = cognito().having(authorization="Signature " + ", ".join(order))
        GOOD.verify(**delivery._asdict())
    # Only the bytes of two MACs of one length are compared.
    assert [(type(one), len(one), len(other)) for one, other in compared] == [(bytes, 32, 32)] * 3


def test_a_captured_delivery_is_replayed_as_its_id_is_not_kept(events: Events) -> None:
    reached: list[Any] = []
    app = WebhookMiddleware(answer(before=reached.append), verifier=GOOD, on_event=events)
    captured = cognito(body=b'{"id":"whkevt_1"}')

    async def receive() -> Any:
        return {"type": "http.request", "body": captured.body, "more_body": False}

    def played() -> int:
        import trio

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        trio.run(app, scope_of(captured), receive, send)
        status: int = sent[0]["status"]
        return status

    assert [played() for _ in range(3)] == [200, 200, 200]
    assert len(reached) == 1
    assert [event.reason for event in events.named("duplicate")] == ["done", "done"]


def test_signed_headers_are_logged_on_error(
    events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app = WebhookMiddleware(answer(), verifier=GOOD, on_event=events)
    delivery = cognito(secret="another-" + SECRET)
    sent = request(app, scope_of(delivery))
    assert sent[0]["status"] == 401
    try:
        GOOD.verify(**delivery._asdict())
    except BadWebhook as error:
        inner = error.__traceback__.tb_next if error.__traceback__ else None
        shown = str(error) + "".join(
            traceback.StackSummary.extract(traceback.walk_tb(inner), capture_locals=True).format()
        )
    seen = shown + caplog.text + repr([vars(record) for record in caplog.records])
    seen += repr(events) + repr(sent)
    assert "refused: mismatch" in caplog.text
    for value in [*delivery.headers.values(), SECRET, delivery.path, delivery.body.decode()]:
        assert value not in seen
    signature = re.findall('signature="([^"]+)"', delivery.headers["Authorization"])
    assert signature[0] not in seen


def test_only_the_valid_vector_is_tested() -> None:
    """The vendor's own example, and each of its parts changed by one character."""
    scheme = WebhookScheme.load("cognito")
    (vector,) = scheme.vectors
    keys = {vector.key_id: Keyring(vector.secret)}
    vendor = WebhookVerifier("cognito", keys, clock=lambda: vector.now)
    happy = Delivery(dict(vector.headers), vector.body.encode(), vector.method, vector.path)
    assert vendor.verify(**happy._asdict()).delivery_id == vector.delivery_id

    def verdict(delivery: Delivery) -> str:
        try:
            vendor.verify(**delivery._asdict())
        except BadWebhook as error:
            return error.code
        return "verified"

    for name, value in happy.headers.items():
        for place in range(len(value)):
            text = f"{value[:place]}~{value[place + 1 :]}"
            assert verdict(happy.having(**{name.lower(): text})) != "verified", text
            assert verdict(happy.having(**{name.lower(): value[:place]})) != "verified"
    assert verdict(happy._replace(path=happy.path + "/")) == "mismatch"
    assert verdict(happy._replace(method="PUT")) == "mismatch"
    assert verdict(happy._replace(body=happy.body.replace(b"failed", b"passed"))) == (
        "digest_mismatch"
    )

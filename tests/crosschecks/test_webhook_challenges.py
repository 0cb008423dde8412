"""Answers to verification requests that the vendors' own code gives too."""

from __future__ import annotations

import json
import random
import time
from typing import Any

from tests.crosschecks.deliveries import accepts
from tests.webhooks.challenges import signed, slack, verifier
from tests.webhooks.samples import SECRET, Delivery

_LETTERS = "ABCXYZabcxyz0123456789-_"


def challenges() -> list[str]:
    return ["".join(random.choices(_LETTERS, k=random.randint(1, 80))) for _ in range(40)]


def compact(content: Any) -> bytes:
    """Return JSON as JavaScript writes it: the vendor signs that."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def test_zoom(node: Any) -> None:
    now = int(time.time())
    own = verifier("zoom", clock=lambda: now)
    texts = challenges()
    asked = [{"event": "endpoint.url_validation", "payload": {"plainToken": one}} for one in texts]
    other = [{"event": "meeting.started", "payload": {"plainToken": one}} for one in texts]
    deliveries = [signed(compact(content), "x-zm", at=now) for content in asked + other]
    forged = [signed(compact(each), "x-zm", secret="another", at=now) for each in asked]
    job = [{"headers": one.headers, "body": one.body.decode()} for one in deliveries + forged]
    theirs = node("zoom", secret=SECRET, deliveries=job)
    for delivery, found in zip(deliveries[: len(texts)], theirs, strict=False):
        answer = own.answer_challenge(**delivery._asdict())
        assert answer is not None
        assert {"status": 200, **json.loads(answer.body)} == found
    for delivery, found in zip(deliveries[len(texts) :], theirs[len(texts) :], strict=False):
        assert own.answer_challenge(**delivery._asdict()) is None
        assert accepts("zoom", delivery, clock=lambda: now)
        assert found["status"] == 200
    for delivery, found in zip(forged, theirs[2 * len(texts) :], strict=True):
        assert not accepts("zoom", delivery, clock=lambda: now)
        assert found["status"] == 400


def test_slack() -> None:
    from slack_bolt import App, BoltRequest

    app = App(signing_secret=SECRET, token_verification_enabled=False, token="xoxb-for-tests")
    now = time.time()
    own = verifier("slack", clock=lambda: now)

    def theirs(delivery: Delivery) -> tuple[int, Any]:
        headers: dict[str, Any] = {"content-type": "application/json", **delivery.headers}
        found = app.dispatch(BoltRequest(body=delivery.body.decode(), headers=headers))
        return found.status, json.loads(found.body).get("challenge")

    for text in challenges():
        delivery = slack(text, at=now)
        answer = own.answer_challenge(**delivery._asdict())
        assert answer is not None
        assert theirs(delivery) == (200, answer.body.decode()) == (200, text)
        forged = slack(text, at=now, secret="another")
        assert not accepts("slack", forged, clock=lambda: now)
        assert theirs(forged) == (401, None)

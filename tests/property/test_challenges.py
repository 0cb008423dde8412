"""Whatever verifies a URL: it is answered, refused or a delivery, and signs no delivery."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

from hypothesis import example, given
from hypothesis import strategies as st

from countermark import BadWebhook
from countermark.webhooks import ChallengeAnswer
from countermark.webhooks._results import REFUSALS
from tests.webhooks.challenges import ASKED, TOKEN, get, verifier
from tests.webhooks.outcomes import code
from tests.webhooks.samples import SECRET, Delivery, base64, mac

VERIFIERS = {asked.scheme: verifier(asked.scheme) for asked in ASKED}
SCHEMES = st.sampled_from(sorted(VERIFIERS))
NAMES = st.sampled_from(
    ["challenge", "hub.challenge", "hub.mode", "hub.verify_token", "crc_token", "a", ""]
)
VALUES = st.sampled_from(["subscribe", TOKEN, "1", ""]) | st.text(max_size=8)
QUERIES = st.lists(st.tuples(NAMES, VALUES), max_size=6).map(urlencode) | st.text(max_size=40)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["x-okta-verification-challenge", "x-slack-signature", "authorization"]),
        st.text(max_size=20) | st.binary(max_size=20),
    ),
    max_size=4,
)
BODIES = st.binary(max_size=40) | st.text(max_size=40) | st.sampled_from(
    [b'{"type":"url_verification"}', b'{"event":"endpoint.url_validation","payload":{}}']
)  # fmt: skip
HARMLESS = re.compile("[A-Za-z0-9._~+/=-]{1,512}")


@given(
    scheme=SCHEMES,
    query=QUERIES,
    headers=HEADERS,
    body=BODIES,
    method=st.sampled_from(["GET", "POST", "get", b"GET"]),
)
@example("dropbox", "challenge=\ud800", [], "\ud800", "GET")
@example("meta", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=\ud800", [], b"", "GET")
@example("okta", "", [("x-okta-verification-challenge", "\ud800")], b"", "GET")
def test_anything_is_answered_refused_or_a_delivery(
    scheme: str, query: str, headers: Any, body: Any, method: Any
) -> None:
    request = {"headers": headers, "body": body, "method": method, "path": f"/hooks?{query}"}
    try:
        answer = VERIFIERS[scheme].answer_challenge(**request)
    except BadWebhook as error:
        assert error.code in REFUSALS
        return
    if answer is None:
        return
    assert isinstance(answer, ChallengeAnswer)
    assert answer.proof != "signature"
    text = answer.body.decode("ascii")
    texts = json.loads(text).values() if text.startswith("{") else [text]
    assert all(HARMLESS.fullmatch(one) for one in texts)


@given(text=st.text(max_size=40) | st.from_regex(HARMLESS, fullmatch=True))
@example('{"a":1}')
@example("")
def test_no_text_is_both_signed_as_a_challenge_and_accepted_as_a_delivery(text: str) -> None:
    """X signs its deliveries with the same key, and nothing else than the body."""
    own = VERIFIERS["twitter"]
    signature = f"sha256={base64(mac(SECRET.encode(), text.encode()))}"
    accepted = code(own, Delivery({"x-twitter-webhooks-signature": signature}, text.encode()))
    try:
        answer = own.answer_challenge(**get({"crc_token": text})._asdict())
    except BadWebhook:
        assert accepted == "verified" or text == ""
    else:
        assert answer is not None
        assert json.loads(answer.body) == {"response_token": signature}
        assert accepted == "malformed"

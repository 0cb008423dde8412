"""The line for the front end, run with the vendor's browser SDK on a page without a network."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from countermark import Principal, Scheme
from tests.crosschecks.conftest import FOLDER
from tests.samples import signer_of

Run = Callable[[str, Any], Any]


@pytest.fixture
def run(need_binary: Callable[[str], str]) -> Run:
    """Return a function that runs the line of a scheme with the fields of a principal."""
    program = need_binary("node")
    assert (FOLDER / "node_modules").exists(), f"run npm install in {FOLDER.name}"

    def in_browser(slug: str, identity: Any) -> Any:
        job = {"sdk": slug, "frontend": Scheme.load(slug).frontend, "identity": identity}
        ran = subprocess.run(
            [program, "browser.mjs"],
            cwd=FOLDER,
            input=json.dumps(job),
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return json.loads(ran.stdout)

    return in_browser


@pytest.mark.parametrize(
    "context",
    [
        None,
        {"kind": "org", "key": "a:b"},
        {"kind": "multi", "user": {"key": "user-1"}, "org": {"key": "a"}},
    ],
)
def test_launchdarkly_sends_the_context_and_the_hash(run: Run, context: Any) -> None:
    attributes = {} if context is None else {"context": context}
    signed = signer_of("launchdarkly").issue(Principal("user-1", attributes=attributes))
    (url,) = [urlsplit(url) for url in run("launchdarkly", signed.fields)]
    sent = url.path.rpartition("/")[2]
    sent_context = json.loads(base64.urlsafe_b64decode(sent + "=" * (-len(sent) % 4)))
    assert sent_context == (context or {"kind": "user", "key": "user-1"})
    assert parse_qs(url.query) == {"h": [signed.token]}


def test_channel_talk_boots_with_the_member_and_the_code_like_the_loader(run: Run) -> None:
    signed = signer_of("channel-talk").issue(Principal("user-1", name="Ann"))
    theirs, ours = run("channel-talk", signed.fields)
    assert ours == theirs
    assert ours[1]["memberHash"] == signed.token


def test_crisp_pushes_the_address_and_the_code_like_the_sdk(run: Run) -> None:
    signed = signer_of("crisp").issue(Principal("user-1", email="a@b.example"))
    pushed = run("crisp", signed.fields)
    assert (
        pushed["ours"] == pushed["theirs"] == [["set", "user:email", ["a@b.example", signed.token]]]
    )


def test_featurebase_boots_with_the_token_like_the_sdk(run: Run) -> None:
    signed = signer_of("featurebase-jwt").issue("user-1")
    theirs, ours = run("featurebase-jwt", signed.fields)
    assert ours == theirs == ["boot", {"appId": "APP_ID", "featurebaseJwt": signed.token}]


def test_knock_sends_the_id_and_the_token(run: Run) -> None:
    signed = signer_of("knock").issue("user-1")
    sent = run("knock", signed.fields)
    assert sent["headers"]["X-Knock-User-Token"] == signed.token
    assert sent["path"] == "/v1/users/user-1"
    assert json.loads(sent["body"]) == {}


def test_saasquatch_sends_the_user_and_the_token(run: Run) -> None:
    who = Principal("user/1", email="a@b.example", attributes={"account_id": "account 7"})
    signed = signer_of("saasquatch").issue(who)
    sent = run("saasquatch", signed.fields)
    assert sent["headers"]["X-SaaSquatch-User-Token"] == signed.token
    assert sent["path"].endswith("/account/account%207/user/user%2F1/upsert")
    assert json.loads(sent["body"]) == signed.fields["user"]


def test_suprsend_sends_the_id_and_the_token(run: Run) -> None:
    signed = signer_of("suprsend", clock=time.time).issue("user/1")  # the SDK reads the expiry
    sent = run("suprsend", signed.fields)
    assert sent["headers"]["x-ss-signature"] == signed.token
    assert json.loads(sent["body"])["properties"] == {"$identified_id": "user/1"}

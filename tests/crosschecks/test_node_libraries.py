"""The same tokens as the vendors' own JavaScript, where Node and the packages are there.

The packages are those of ``node/package.json``: ``npm install`` in that folder.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from countermark import Principal, Scheme
from countermark.schemes import scheme_slugs
from countermark.schemes._formats import canonical_json
from tests.samples import ANN, NOW, SECRET, private_key, signer_of

FOLDER = Path(__file__).parent / "node"


@pytest.fixture
def node(need_binary: Callable[[str], str]) -> Callable[..., Any]:
    """Return a function that gives one job to the script and returns its result."""
    program = need_binary("node")
    need_binary("npm")
    assert (FOLDER / "node_modules").exists(), f"run npm install in {FOLDER.name}"

    def run(name: str, **job: Any) -> Any:
        ran = subprocess.run(
            [program, "sign.cjs"],
            cwd=FOLDER,
            input=json.dumps({name: job}),
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return json.loads(ran.stdout)[name]

    return run


def test_launchdarkly(node: Any) -> None:
    contexts: list[dict[str, Any]] = [
        {"kind": "org", "key": "a:b%c"},
        {"kind": "multi", "user": {"key": "x"}, "org": {"key": "a:b%c"}},
        {"kind": "multi", "b": {"key": "1"}, "a": {"key": "2"}, "a-b": {"key": "3"}},
    ]
    signer = signer_of("launchdarkly")
    ours = [signer.sign(Principal("x", attributes={"context": c})) for c in contexts]
    assert ours == node("launchdarkly", secret=SECRET, contexts=contexts)


def test_the_canonical_json_of_novu(node: Any) -> None:
    values = [
        {"b": 1, "a": ['x"\\', True, None, False], "é": "ü\n\t", "B": {}},
        {"\U0001f600": 1, "\ufb33": 2, "": 3},
        [],
        [[0, -1, 2**53 - 1]],
        "text",
        None,
    ]
    assert [canonical_json(value) for value in values] == node("canonical", values=values)


def test_pusher(node: Any) -> None:
    settings = {"app_key": "278d425bdf160c739803"}
    who = Principal(
        "u", name="Mr. Uni", attributes={"socket_id": "1234.1234", "channel": "private-a"}
    )
    presence = Principal(
        "u", name="Mr. Uni", attributes={"socket_id": "1234.1234", "channel": "presence-a"}
    )
    assert node(
        "pusher",
        secret=SECRET,
        key=settings["app_key"],
        socketId="1234.1234",
        channel="private-a",
        presence={"user_id": "u", "user_info": {"name": "Mr. Uni"}},
        userData={"id": "u"},
    ) == {
        "channel": signer_of("pusher", settings=settings).issue(who).fields,
        "presence": signer_of("pusher-presence", settings=settings).issue(presence).fields,
        "user": signer_of("pusher-user", settings=settings).issue(who).fields,
    }


def test_ably(node: Any) -> None:
    ours = signer_of("ably", settings={"key_name": "xVLyHw.I3abcd"}).issue("user-1").fields
    assert node("ably", secret=SECRET, request=ours) == ours


def test_stream_chat(node: Any) -> None:
    ids = ["user-1", "42", "a b"]
    signer = signer_of("stream-chat")
    assert [signer.sign(id) for id in ids] == node("stream", secret=SECRET, ids=ids)


def test_knock(node: Any) -> None:
    pem, _ = private_key("RS256")
    ours = signer_of("knock").sign("user-1")
    assert ours == node("knock", pem=pem, id="user-1", now=NOW, seconds=3600)


def test_discourse(node: Any) -> None:
    values = {"nonce": "cb68", "external_id": "7", "email": "sam@example.com", "username": "sam"}
    who = Principal("7", email="sam@example.com", attributes={"nonce": "cb68", "username": "sam"})
    assert signer_of("discourse").sign(who) == node("discourse", secret=SECRET, values=values)


def test_jose_verifies_every_token(node: Any) -> None:
    schemes = [scheme for scheme in map(Scheme.load, scheme_slugs()) if scheme.jwt]
    tokens = []
    for scheme in schemes:
        algorithm = scheme.jwt.algorithm if scheme.jwt else ""
        job = {"token": signer_of(scheme.slug).sign(ANN), "algorithm": algorithm}
        if algorithm.startswith("HS"):
            job["secret"] = SECRET
        else:
            job["publicKey"] = private_key(algorithm)[1]
        tokens.append(job)
    payloads = node("jose", tokens=tokens)
    assert len(payloads) == len(schemes)
    assert all(
        "user-1" in str(p) or "B.example" in str(p) or "pro" in str(p) or "dashboard" in str(p)
        for p in payloads
    )

"""The same tokens as the vendors' own JavaScript, where Node and the packages are there.

The packages are those of ``node/package.json``: ``npm install`` in that folder.
"""

from __future__ import annotations

from typing import Any

from countermark import Principal, Scheme
from countermark.schemes import scheme_slugs
from countermark.schemes._formats import canonical_json
from tests.samples import ANN, SECRET, private_key, signer_of


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
    signed = ("user-1", "B.example", "pro", "dashboard", "'ann'")
    assert all(any(text in str(payload) for text in signed) for payload in payloads)

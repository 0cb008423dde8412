"""Whatever is sent, a verifier knows a good token from all others, and says so in its own words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark import BadToken, Keyring, Signer, Verifier
from countermark.errors import REFUSALS
from countermark.schemes import scheme_slugs
from tests.samples import ANN, signer_of
from tests.verifying.verifiers import CANNOT, verifier_of

RING = Keyring("a-secret-of-the-tests-with-enough-bytes")
STIGG, FLOW = Verifier("stigg", RING), Verifier("cognito-flow", RING)
SIGN_STIGG, SIGN_FLOW = Signer("stigg", RING).sign, Signer("cognito-flow", RING).sign

VERIFIERS = {slug: verifier_of(slug) for slug in scheme_slugs() if slug not in CANNOT}
TOKENS = {slug: signer_of(slug).sign(ANN) for slug in VERIFIERS}

IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
ANYTHING = st.one_of(st.text(max_size=300), st.binary(max_size=300), st.none())


def judged(verifier: Verifier, token: Any, principal: Any = None) -> str:
    """Return the code, both ways of asking agreeing."""
    examination = verifier.check(token, principal)
    try:
        identity = verifier.verify(token, principal)
    except BadToken as refused:
        assert examination.identity is None
        assert refused.code == examination.code
        assert refused.code in REFUSALS
    else:
        assert examination.code == "verified"
        assert examination.identity is not None
        assert identity.principal_id == examination.identity.principal_id
    return examination.code


@given(ANYTHING, st.one_of(st.none(), st.text(max_size=20), st.integers()))
def test_arbitrary_text_and_bytes_are_refused_and_nothing_else(token: Any, whom: Any) -> None:
    for verifier in (STIGG, FLOW, VERIFIERS["stream-chat"], VERIFIERS["disqus"]):
        assert judged(verifier, token, whom) != "verified"


@given(IDS, IDS)
def test_a_token_is_valid_for_one_principal(one: str, other: str) -> None:
    assert STIGG.verify(SIGN_STIGG(one)).principal_id == one
    assert judged(STIGG, SIGN_STIGG(one), other) == ("verified" if one == other else "mismatch")
    code = judged(FLOW, SIGN_FLOW(one), other) if ": " not in one + other else "mismatch"
    assert (code == "verified") == (one == other)


@given(st.data())
def test_a_token_that_was_changed_anywhere_is_refused(data: st.DataObject) -> None:
    slug = data.draw(st.sampled_from(sorted(VERIFIERS)))
    token, verifier = TOKENS[slug], VERIFIERS[slug]
    whom = ANN if verifier.needs_principal else None
    at = data.draw(st.integers(0, len(token)))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(st.text(max_size=3))
    changed = token[:at] + put + token[at + cut :]
    assert (judged(verifier, changed, whom) == "verified") == (changed == token)


WORST = ["HMAC-SHA256 ", ":", "a:", "0" * 64, ":" + "0" * 64, ".", "e30.", "[", "=", "é", "\x00"]


@pytest.mark.parametrize("piece", WORST)
def test_64_kib_of_the_worst_are_answered(piece: str) -> None:
    text = (piece * 65536)[:65536]
    for slug, verifier in VERIFIERS.items():
        whom = ANN if verifier.needs_principal else None
        # Just short enough to be read, and much too long.
        for sent in (text, text[:8192], f"{TOKENS[slug]}{text}"):
            assert judged(verifier, sent, whom) != "verified"

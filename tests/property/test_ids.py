"""Any text either signs or raises one of our errors, and signs what its bytes say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from countermark import CountermarkError, InvalidPrincipal, Keyring, Principal, Scheme, Signer

SECRET = "a-secret-of-the-tests-with-enough-bytes"
STIGG = Signer("stigg", Keyring(SECRET))
FLOW = Signer("cognito-flow", Keyring(SECRET))

ANY_TEXT = st.text(st.characters(), max_size=600)  # surrogates and all
LIKELY_TEXT = st.text("abc123-_:.@ \n\t(é)\u2028\x85", max_size=20)
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def fit(text: str) -> bool:
    """Tell by the written rules, in other words than the code's, whether *text* may be signed."""
    return (
        1 <= len(text) <= 512
        and not FORBIDDEN.search(text)
        and not text[0].isspace()
        and not text[-1].isspace()
    )


@given(ANY_TEXT | LIKELY_TEXT)
@example("\ud800")
@example("(request-target): post /")
@example("a: b")
@example("é" * 512)
def test_cognito_signs_valid_ids_and_refuses_all_others(text: str) -> None:
    accepted = fit(text) and not text.startswith("(request-target)") and ": " not in text
    try:
        token = FLOW.sign(text)
    except InvalidPrincipal as error:
        assert not accepted
        assert error.code.startswith("principal_")
    else:
        assert accepted
        digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
        assert token == base64.b64encode(digest).decode()


@given(ANY_TEXT | LIKELY_TEXT)
@example("~" * 512)
def test_a_stigg_token_is_always_a_valid_header(text: str) -> None:
    try:
        token = STIGG.sign(text)
    except InvalidPrincipal:
        assert not (fit(text) and text.isascii())
    else:
        assert fit(text)
        assert text.isascii()
        assert re.fullmatch("[ -~]{1,2048}", token)
        head, _, mac = token.rpartition(":")
        assert head == f"HMAC-SHA256 {text}"
        assert mac == hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.binary(),
    st.uuids(),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.text()),
    st.builds(object),
)


@given(ANYTHING)
def test_any_value_is_signed_or_raises_an_error_of_this_package(value: Any) -> None:
    for accept in (STIGG.sign, FLOW.issue, Principal):
        try:
            accept(value)
        except CountermarkError as error:
            assert str(error)


@given(
    st.text("ab1-: é", min_size=1, max_size=8),
    st.lists(st.text("ab1-: ", min_size=1, max_size=2), max_size=2),
    st.lists(st.text("ab1-: ", min_size=1, max_size=2), max_size=2),
)
def test_the_fast_path_applies_every_rule(text: str, prefixes: list[str], parts: list[str]) -> None:
    """Ids of harmless characters skip the rule; whatever the rule, that must not show."""
    scheme = Scheme.from_mapping(
        {
            "slug": "of-the-test",
            "values": {"id": {"refuse_prefixes": prefixes, "refuse_containing": parts}},
            "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "base64"},
        }
    )
    refused = text.startswith(tuple(prefixes)) or any(part in text for part in parts)
    try:
        Signer(scheme, Keyring(SECRET)).sign(text)
    except InvalidPrincipal:
        assert refused or not fit(text)
    else:
        assert fit(text)
        assert not refused

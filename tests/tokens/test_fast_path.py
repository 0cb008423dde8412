"""The schemes that take the fast path, whatever their front-end fields."""

from __future__ import annotations

import pytest

from countermark import Scheme
from countermark.schemes import scheme_slugs
from countermark.tokens._reader import TokenContents
from tests.samples import ANN, signer_of

SINGLE = {"{mac}", "{id}{mac}"}


def is_single_hmac(scheme: Scheme) -> bool:
    """Tell whether a token is one HMAC of one value, with nothing but constants and the id."""
    mac, token = scheme.mac, scheme.token
    if mac is None or mac.construction != "hmac" or scheme.payload is not None:
        return False
    texts = [str(part) for part in mac.message.parts]
    shown = [str(part) for part in getattr(token, "parts", ()) if str(part).startswith("{")]
    shown = [part for part in shown if not part.startswith("{settings.")]
    lone = len(texts) == 1 and texts[0].startswith("{") and ":" not in texts[0]
    return lone and "".join(shown) in SINGLE and hasattr(token, "parts")


def test_each_scheme_of_one_hmac_takes_the_fast_path_and_no_other() -> None:
    fast = {slug for slug in scheme_slugs() if signer_of(slug)._maker.is_fast}
    assert fast == {slug for slug in scheme_slugs() if is_single_hmac(Scheme.load(slug))}
    assert {"stigg", "cognito-flow", "churnkey", "eucera", "novu"} <= fast


@pytest.mark.parametrize("slug", ["churnkey", "eucera", "novu"])
def test_fast_tokens_equal_those_of_the_renderer(slug: str) -> None:
    signer = signer_of(slug)
    assert signer.sign(ANN) == signer.issue(ANN).token


def test_the_contents_of_a_token_are_not_in_its_representation() -> None:
    assert repr(TokenContents("a-token", "user-1")) == "<TokenContents>"

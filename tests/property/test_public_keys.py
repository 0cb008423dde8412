"""Whatever is given as a public key of webhooks: it is one, or an InvalidKey says why not."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark import InvalidKey, Keyring
from countermark.webhooks import WebhookVerifier
from tests.webhooks.public_keys import ALGORITHMS, private_key, public_key

SCHEMES = ("discord", "sendgrid", "standard-webhooks-ed25519", "telnyx", "wise")
KEYS = [
    public_key(algorithm, form)
    for algorithm in ALGORITHMS[:3]
    for form in ("pem", "spki", "hex", "base64")
    if algorithm == "ed25519" or form in {"pem", "spki"}
]
EDITS = st.tuples(st.integers(0, 400), st.sampled_from("=A\n-whpk_0 é\ud800\0"))


def accepts(scheme: str, key: str | bytes) -> bool:
    try:
        WebhookVerifier(scheme, Keyring(key))
    except InvalidKey:
        return False
    return True


@given(scheme=st.sampled_from(SCHEMES), key=st.text(max_size=80) | st.binary(max_size=80))
def test_any_text_is_a_key_or_invalid(scheme: str, key: str | bytes) -> None:
    accepts(scheme, key)


@given(
    scheme=st.sampled_from(SCHEMES),
    key=st.sampled_from(KEYS),
    edits=st.lists(EDITS, min_size=1, max_size=3),
)
def test_a_changed_key_is_a_key_or_invalid(
    scheme: str, key: str, edits: list[tuple[int, str]]
) -> None:
    for place, text in edits:
        key = key[:place] + text + key[place + 1 :]
    accepts(scheme, key)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of deprecated kinds of keys
@given(
    scheme=st.sampled_from(SCHEMES),
    key=st.sampled_from([key for key in KEYS if key.startswith("M")]),
    place=st.integers(0, 90),
    byte=st.integers(0, 255),
)
def test_changed_der_is_a_key_or_invalid(scheme: str, key: str, place: int, byte: int) -> None:
    data = bytearray(b64decode(key))
    data[place % len(data)] = byte
    accepts(scheme, b64encode(data).decode())


@given(data=st.binary(min_size=32, max_size=32))
def test_32_bytes_are_a_key_or_invalid_in_each_form(data: bytes) -> None:
    in_hex = accepts("discord", data.hex())
    # A keyring refuses texts such as a row of one letter, which differ between the forms.
    if len(set(data)) > 2:
        assert accepts("telnyx", b64encode(data).decode()) is in_hex


def test_keys_that_are_generated_are_accepted() -> None:
    for number in range(200):
        raw = private_key("ed25519", number).public_key().public_bytes_raw()
        assert accepts("discord", raw.hex())

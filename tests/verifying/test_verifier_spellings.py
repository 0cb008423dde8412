"""Each token has one valid spelling."""

from __future__ import annotations

import base64
import hmac

import pytest

from countermark import Keyring, Verifier
from tests.samples import NOW, signer_of
from tests.verifying.verifiers import ACME, NEW, URL_SAFE, acme, code_of, flow, stigg, verifier_of


@pytest.mark.parametrize("bit", range(256))
def test_each_flipped_bit_is_refused(bit: int) -> None:
    code = bytearray(hmac.digest(NEW.encode(), b"user-1", "sha256"))
    code[bit // 8] ^= 1 << bit % 8
    assert (
        code_of(Verifier("stigg", Keyring(NEW)), f"HMAC-SHA256 user-1:{code.hex()}") == "mismatch"
    )
    bare = base64.b64encode(code).decode()
    assert code_of(Verifier("cognito-flow", Keyring(NEW)), bare, "user-1") == "mismatch"


def test_each_truncation_is_refused() -> None:
    named, bare = stigg("user-1"), flow("user-1")
    for length in range(len(named)):
        code_of(Verifier("stigg", Keyring(NEW)), named[:length])
    for length in range(len(bare)):
        code_of(Verifier("cognito-flow", Keyring(NEW)), bare[:length], "user-1")


def other_spellings(token: str) -> dict[str, str]:
    """Return texts that a lenient decoder takes for the same 32 bytes."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = letters.index(token[-2])
    spare = {f"spare bits {n}": f"{token[:-2]}{letters[at ^ n]}=" for n in (1, 2, 3)}
    raw = base64.b64decode(token)
    return spare | {
        "no padding": token.rstrip("="),
        "more padding": token + "=",
        "junk behind": token + "!!!",
        "a newline inside": f"{token[:20]}\n{token[20:]}",
        "a newline behind": token + "\n",
        "a space before": " " + token,
        "another case": token.swapcase(),
        "hexadecimal": raw.hex(),
        "twice": f"{token},{token}",
        "URL-safe": base64.urlsafe_b64encode(raw).decode(),
        "a full width letter": token.replace(token[0], chr(ord(token[0]) + 0xFEE0), 1),
    }


#: Somebody whose signature the URL-safe alphabet writes otherwise.
USER = next(f"user-{n}" for n in range(1000) if {"+", "/"} <= set(flow(f"user-{n}")))


@pytest.mark.parametrize("what", other_spellings(flow(USER)))
def test_no_second_spelling_is_valid(what: str) -> None:
    spelling = other_spellings(flow(USER))[what]
    assert spelling != flow(USER)
    code_of(Verifier("cognito-flow", Keyring(NEW)), spelling, USER)


@pytest.mark.parametrize("slug", ["gleap", "talkjs-signature"])
def test_hexadecimal_has_one_spelling(slug: str) -> None:
    verifier, token = verifier_of(slug), signer_of(slug).sign("user-1")
    assert verifier.verify(token, "user-1").principal_id == "user-1"
    for wrong in (token.swapcase(), token[:-1], token + "0", token[:-1] + "g"):
        code_of(verifier, wrong, "user-1")


def test_the_spare_bits_of_the_url_safe_alphabet_are_refused_too() -> None:
    verifier, token = Verifier(ACME, Keyring(NEW), clock=lambda: NOW), acme("a.1")
    assert verifier.verify(token).principal_id == "a.1"
    at = URL_SAFE.index(token[-1])
    assert at % 16 == 0  # 86 letters for 64 bytes leave four bits of the last one
    for bits in range(1, 16):
        assert code_of(verifier, token[:-1] + URL_SAFE[at + bits]) == "malformed"
    assert code_of(verifier, token + "==") == "malformed"


def test_hexadecimal_in_another_case_is_refused() -> None:
    named = stigg("user-1")
    id, _, code = named.rpartition(":")
    assert code_of(Verifier("stigg", Keyring(NEW)), f"{id}:{code.upper()}") == "malformed"

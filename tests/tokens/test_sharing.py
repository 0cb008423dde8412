"""Signers and verifiers of one scheme share functions, and nothing of their keys and options."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from types import FunctionType

import jwt
import pytest

from countermark import BadToken, InvalidPrincipal, Keyring, Scheme, Signer, Verifier
from tests.samples import ANN

RINGS = [Keyring(f"a-long-and-random-secret-number-{number:04d}") for number in range(3)]
CLAIMS = {"sub": "{id}", "iat": "{now:s}", "exp": "{expires:s}"}


def own(claims: Mapping[str, object]) -> Scheme:
    return Scheme.from_mapping(
        {"slug": "own", "lifetime": 60, "jwt": {"algorithm": "HS256", "claims": claims}}
    )


def claims_of(signer: Signer) -> dict[str, object]:
    return dict(jwt.decode(signer.sign("ann"), options={"verify_signature": False}))


@pytest.mark.parametrize("slug", ["stigg", "cognito-flow", "seggwat-jwt", "canny-hash"])
def test_signers_of_one_scheme_sign_with_their_own_keys(slug: str) -> None:
    settings = dict.fromkeys(Scheme.load(slug).settings, "the-constant")
    signers = [Signer(slug, ring, settings=settings) for ring in RINGS]
    verifiers = [Verifier(slug, ring, settings=settings) for ring in RINGS]
    assert len({signer.sign(ANN) for signer in signers}) == len(RINGS)
    for signer, verifier in zip(signers, verifiers, strict=True):
        verifier.verify(signer.issue(ANN).token, ANN)
        for other in verifiers:
            if other is not verifier:
                with pytest.raises(BadToken):
                    other.verify(signer.sign(ANN), ANN)


def test_signers_of_one_scheme_have_their_own_clocks_and_lifetimes() -> None:
    scheme = own(CLAIMS)
    early = Signer(scheme, RINGS[0], clock=lambda: 1000)
    late = Signer(scheme, RINGS[0], clock=lambda: 2000, lifetime=5)
    assert claims_of(early) == {"sub": "ann", "iat": 1000, "exp": 1060}
    assert claims_of(late) == {"sub": "ann", "iat": 2000, "exp": 2005}
    assert early.issue("ann").expires_at == 1060


def test_signers_of_one_scheme_have_their_own_rules_for_ids() -> None:
    strict = Signer("stigg", RINGS[0], id_pattern="[0-9]+")
    free = Signer("stigg", RINGS[0])
    assert free.sign("ann")
    with pytest.raises(InvalidPrincipal):
        strict.sign("ann")


def test_signers_of_one_scheme_have_their_own_settings() -> None:
    first, second = (
        Signer("seggwat-jwt", RINGS[0], settings={"project_key": key}) for key in ("one", "two")
    )
    assert (claims_of(first)["project_key"], claims_of(second)["project_key"]) == ("one", "two")


def test_equal_schemes_are_not_mixed_up() -> None:
    # 1 == True in Python, and not in JSON.
    number, truth = own({**CLAIMS, "admin": 1}), own({**CLAIMS, "admin": True})
    assert number == truth
    assert claims_of(Signer(number, RINGS[0]))["admin"] is not True
    assert claims_of(Signer(truth, RINGS[0]))["admin"] is True


def test_many_signers_of_one_scheme_make_few_functions() -> None:
    def functions() -> int:
        gc.collect()
        return sum(type(thing) is FunctionType for thing in gc.get_objects())

    Signer("stigg", RINGS[0]), Verifier("stigg", RINGS[0])
    before = functions()
    made = [(Signer("stigg", ring), Verifier("stigg", ring)) for ring in RINGS * 10]
    assert functions() - before <= 10 * len(made)


def test_signers_follow_pyjwt_when_it_is_imported_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def token() -> str:
        keyring = Keyring("a-secret-of-the-tests-with-enough-bytes")
        return Signer("changelogfy", keyring).sign(ANN)

    before = token()
    for name in [name for name in sys.modules if name.partition(".")[0] == "jwt"]:
        monkeypatch.delitem(sys.modules, name)
    assert token() == before
    monkeypatch.undo()
    assert token() == before

"""A token of any accepted key: its role, its expiry, and the rules for its id."""

from __future__ import annotations

import pytest

from countermark import BadToken, Keyring, SecretKey, Signer, Verifier

NOW = 1_800_000_000
SECRETS = [f"a-long-and-random-secret-number-{number:04d}" for number in range(5)]
SCHEMES = pytest.mark.parametrize("slug", ["stigg", "cognito-flow", "stream-chat"])


def key(number: int, until: float | None = None) -> SecretKey:
    return SecretKey(SECRETS[number], until=until)


def verifier(slug: str, ring: Keyring, **options: str) -> Verifier:
    return Verifier(slug, ring, clock=lambda: NOW, **options)  # type: ignore[arg-type]


def token(slug: str, number: int, id: str = "user-1") -> str:
    return Signer(slug, Keyring(SECRETS[number]), clock=lambda: NOW).sign(id)


@SCHEMES
def test_a_token_of_each_key_has_the_role_and_id_of_its_key(slug: str) -> None:
    ring = Keyring(key(0), previous=[key(1), key(2, until=NOW + 1)], next=key(3))
    for number, role in enumerate(["current", "previous", "previous", "next"]):
        identity = verifier(slug, ring).verify(token(slug, number), "user-1")
        assert (identity.role, identity.key_id) == (role, key(number).key_id)
        assert identity.principal_id == "user-1"
    assert verifier(slug, ring).check(token(slug, 4), "user-1").code == "mismatch"


@SCHEMES
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_token_of_an_expired_key_is_refused_whatever_the_role(slug: str, number: int) -> None:
    untils: list[float | None] = [None, None, None]
    untils[number] = NOW
    current, previous, coming = (key(each, until) for each, until in enumerate(untils))
    found = verifier(slug, Keyring(current, previous, coming)).check(token(slug, number), "user-1")
    assert (found.code, found.role, found.key_id) == ("retired_key", "retired", key(number).key_id)


@SCHEMES
def test_a_key_that_is_there_twice_counts_in_its_first_place(slug: str) -> None:
    retired = verifier(slug, Keyring(key(0, until=NOW), previous=key(0)))
    assert retired.check(token(slug, 0), "user-1").code == "retired_key"
    twice = verifier(slug, Keyring(key(0), previous=[key(1), key(1, until=NOW)]))
    assert twice.verify(token(slug, 1), "user-1").role == "previous"


@SCHEMES
def test_the_pattern_for_ids_holds_for_each_key(slug: str) -> None:
    strict = verifier(slug, Keyring(key(0), previous=key(1)), id_pattern="[0-9]+")
    for number in (0, 1):
        with pytest.raises(BadToken):
            strict.verify(token(slug, number), "user-1")
        assert strict.verify(token(slug, number, "17"), "17").principal_id == "17"

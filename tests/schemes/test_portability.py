"""Schemes mean the same in all languages: numbers in JSON, whole numbers, patterns and case."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import InvalidPrincipal, InvalidScheme, Keyring, Principal, Scheme, Signer
from tests.samples import SECRET, signer_of
from tests.schemes.mappings import SMALLEST, changed

PAYLOAD: dict[str, Any] = {
    "slug": "own",
    "values": {"data": {"kind": "object"}, "seats": {"kind": "integer"}},
    "payload": {
        "format": "json",
        "encoding": "none",
        "content": {"id": "{id}", "data": "{data?}", "seats": "{seats?}"},
    },
    "mac": {"algorithm": "sha256", "message": "{payload}", "encoding": "hex"},
    "fields": {"payload": "{payload}"},
}


def payload_of(**attributes: Any) -> str:
    signer = Signer(Scheme.from_mapping(PAYLOAD), Keyring(SECRET))
    return str(signer.issue(Principal("u", attributes=attributes)).fields["payload"])


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (-12.5, "-12.5"),
        (1e16, "10000000000000000"),
        (1.5e20, "150000000000000000000"),
        (2.0**69, "590295810358705700000"),
        (1e21, "1e+21"),
        (-1.25e22, "-1.25e+22"),
        (1e-5, "0.00001"),
        (1.25e-6, "0.00000125"),
        (1e-7, "1e-7"),
        (-1.5e-9, "-1.5e-9"),
        (5e-324, "5e-324"),
        (2**69, "590295810358705651712"),
        (True, "true"),
    ],
)
def test_numbers_in_json_are_written_as_javascript_writes_them(
    number: float, expected: str
) -> None:
    assert payload_of(data={"n": number}) == f'{{"id":"u","data":{{"n":{expected}}}}}'


def test_texts_with_numbers_are_not_changed() -> None:
    data = {"1.0": "1e16", 'a"1.0': ["\\1.0", "x,1.0", '":1.0']}
    expected = r'{"1.0":"1e16","a\"1.0":["\\1.0","x,1.0","\":1.0"]}'
    assert payload_of(data=data) == f'{{"id":"u","data":{expected}}}'


@pytest.mark.parametrize(("given", "written"), [(3.0, 3), (-0.0, 0), (2**53 - 1, 2**53 - 1)])
def test_a_float_without_a_fraction_is_an_integer(given: float, written: int) -> None:
    assert payload_of(seats=given) == f'{{"id":"u","seats":{written}}}'


@pytest.mark.parametrize("given", [2**53, -(2**53), 1e16, 1 << 20_000], ids=[*"abcd"])
def test_an_integer_that_javascript_would_round_is_refused(given: float) -> None:
    with pytest.raises(InvalidPrincipal, match=r"seats is beyond 2\*\*53, where") as caught:
        payload_of(seats=given)
    assert caught.value.code == "principal_field"


@pytest.mark.parametrize("given", [1.5, float("nan"), float("inf"), True, "3"])
def test_an_integer_of_another_kind_is_refused(given: Any) -> None:
    with pytest.raises(InvalidPrincipal, match="seats must be of the kind integer"):
        payload_of(seats=given)


def test_canonical_json_has_floats_without_a_fraction() -> None:
    signer = signer_of("novu")

    def hash_of(number: float) -> Any:
        who = Principal("u", attributes={"context": {"a": number}})
        return signer.issue(who).fields["contextHash"]

    assert hash_of(2.0) == hash_of(2)
    assert hash_of(-0.0) == hash_of(0)
    assert hash_of(2.0) != hash_of(-2)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "[A-Za-z0-9_=@,.;-]{1,200}",
        "(?!service_role$).*",
        "(ab|c)+?",
        "(?:a){2}",
        "a{2,}b{0,3}?",
        r"\.\*\{[\]\-\\^-]",
        "^a$",
        "[^a-z]",
        "\U0001f600é",
    ],
)
def test_a_pattern_that_means_the_same_in_javascript_is_accepted(pattern: str) -> None:
    assert Scheme.from_mapping(changed(SMALLEST, "values.id.pattern", pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d+",
        r"[\w-]+",
        r"a\Z",
        r"(a)\1",
        r"\-",
        "(?i)a",
        "(?P<a>a)",
        "(?#a)",
        "(?<=a)b",
        "a*+",
        "a{2}{3}",
        "a{,2}",
        "a{x}",
        "a]",
        "[]a]",
        "[^]a]",
        "[^^]",
        "[[a]",
        "[a&&b]",
        "[--a]",
        "(?=a)*",
        "(?=(a))",
    ],
)
def test_a_pattern_that_could_mean_something_else_in_javascript_is_refused(pattern: str) -> None:
    for path, value in (("values.id.pattern", pattern), ("secret.shapes", ["x" + pattern])):
        with pytest.raises(InvalidScheme, match="must mean the same in Python and JavaScript"):
            Scheme.from_mapping(changed(SMALLEST, path, value))


# A capital sigma has two small letters. U+0378 may become a capital letter.
@pytest.mark.parametrize("character", ["Σ", "\u0378", "\u212a"])
def test_a_character_that_languages_lower_differently_is_refused(character: str) -> None:
    who = Principal(email=f"a{character}@b.example")
    for slug in ("refgrow", "supportwire"):
        with pytest.raises(InvalidPrincipal, match="in lower case it could be another user's"):
            signer_of(slug).issue(who)


def test_a_field_with_a_letter_without_one_small_letter_is_refused_with_the_token() -> None:
    """The address is only a field; the token alone could be made."""
    who = Principal("user-1", email="\u212aim@b.example")
    with pytest.raises(InvalidPrincipal, match="the email is refused: in lower case"):
        signer_of("supportwire").issue(who)

"""Recipes of any form: what is read signs, and what two principals sign alike was said before."""

from __future__ import annotations

import warnings
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from countermark import (
    AmbiguousSchemeWarning,
    CountermarkError,
    InvalidScheme,
    Keyring,
    Principal,
    Scheme,
    Signer,
)
from tests.unit.samples import ANN, SECRET, signer_of

# Few characters, so that two principals often make the same text.
PIECES = st.sampled_from(
    ["{id}", "{email}", "{phone}", "{org}", "{id|email}", "{now:s}", "{now:iso}", "{id:url}",
     "{email:json}", ":", "-", "\n", "a", "@"]
)  # fmt: skip
MESSAGES = st.lists(PIECES, min_size=1, max_size=5).map("".join)
TEXT = st.text("a:-@", min_size=1, max_size=3)
REFUSALS = st.lists(st.sampled_from([":", "-", "@", "a"]), max_size=2)


@st.composite
def principals(draw: st.DrawFn) -> Principal:
    email = draw(TEXT) + "@" + draw(st.text("a:-", max_size=2))
    return Principal(draw(TEXT), email=email, phone=draw(TEXT), attributes={"org": draw(TEXT)})


def read(message: str, refusals: dict[str, list[str]]) -> Scheme:
    return Scheme.from_mapping(
        {
            "slug": "of-the-test",
            "values": {"org": {}}
            | {name: {"refuse_containing": parts} for name, parts in refusals.items()},
            "mac": {"algorithm": "sha256", "message": message, "encoding": "hex"},
        }
    )


@given(
    MESSAGES,
    st.fixed_dictionaries({"id": REFUSALS, "email": REFUSALS, "org": REFUSALS}),
    principals(),
    principals(),
)
@example("{id}:{email}", {"id": [":"]}, Principal("a", email="a@"), Principal("a", email="a@:"))
def test_a_recipe_that_is_not_ambiguous_tells_principals_apart(
    message: str, refusals: dict[str, list[str]], one: Principal, other: Principal
) -> None:
    try:
        scheme = read(message, refusals)
    except InvalidScheme:
        return
    signer = Signer(scheme, Keyring(SECRET), clock=lambda: 1_800_000_000)
    try:
        alike = signer.sign(one) == signer.sign(other)
    except CountermarkError:
        return
    # What the message holds of each, by the names in it.
    seen = [_seen(message, who) for who in (one, other)]
    assert alike == (seen[0] == seen[1])


def _seen(message: str, who: Principal) -> list[Any]:
    values = {"id": who.id, "email": who.email, "phone": who.phone, **who.attributes}
    values["id|email"] = who.id
    return [
        value
        for name, value in values.items()
        if any(f"{{{name}{end}" in message for end in ("}", ":"))
    ]


@given(principals(), principals())
def test_the_ambiguous_ones_are_really_so_or_at_least_say_it(
    one: Principal, other: Principal
) -> None:
    data: Any = {
        "slug": "of-the-test",
        "ambiguous": True,
        "mac": {"algorithm": "sha256", "message": "{email}{id}", "encoding": "hex"},
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        signer = Signer(Scheme.from_mapping(data), Keyring(SECRET))
    assert [warning.category for warning in caught] == [AmbiguousSchemeWarning]
    joined = [f"{who.email}{who.id}" for who in (one, other)]
    assert (signer.sign(one) == signer.sign(other)) == (joined[0] == joined[1])


ANY_TEXT = st.text(st.characters(), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
SLUGS = [
    "churnkey",
    "featurebase-jwt",
    "launchdarkly",
    "looker",
    "metabase-static",
    "novu",
    "pusher",
]
SIGNERS = {slug: signer_of(slug) for slug in SLUGS}


@given(
    st.sampled_from(SLUGS),
    st.sampled_from(sorted({name for s in SIGNERS.values() for name in s.scheme.values} - {"id"})),
    JSON,
)
@example("novu", "context", {"a": {"b": [1, None, "\ud800"]}})
@example("launchdarkly", "context", {"kind": "multi", "a": {"key": "\x00"}})
@example("featurebase-jwt", "companies", [float("nan")])
def test_no_attribute_raises_anything_but_our_errors(slug: str, name: str, value: Any) -> None:
    attributes = {**ANN.attributes, name: value}
    if name == "context" and slug != "launchdarkly":
        assume(slug == "novu")
    try:
        token = SIGNERS[slug].issue(Principal("user-1", attributes=attributes)).token
    except CountermarkError as error:
        assert str(error).count("\n") == 0
    else:
        assert token.isascii()


@given(
    st.dictionaries(
        st.sampled_from(["slug", "mac", "jwt", "values", "token", "fields", "payload", "vectors"]),
        JSON | st.fixed_dictionaries({"message": ANY_TEXT, "claims": JSON, "template": JSON}),
    )
)
def test_any_mapping_is_a_scheme_or_an_error_of_ours(data: dict[str, Any]) -> None:
    try:
        Scheme.from_mapping({"slug": "own", **data})
    except InvalidScheme as error:
        assert str(error)

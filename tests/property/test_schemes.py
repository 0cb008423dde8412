"""Schemes of any form: a valid scheme signs, and an ambiguous one is refused or warns."""

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
from tests.samples import ANN, SECRET, signer_of

# Few characters, so that two principals often make the same text.
PIECES = st.sampled_from(
    ["{id}", "{email}", "{phone}", "{org}", "{team}", "{id|email}", "{now:s}", "{now:iso}",
     "{created:s}", "{id:url}", "{email:json}", "{number}", "{settings.app}", ":", "-", "\n", "a",
     "@"]
)  # fmt: skip
MESSAGES = st.lists(PIECES, min_size=1, max_size=5).map("".join)
TEXT = st.text("aA:-@", min_size=1, max_size=3)
REFUSALS = st.lists(st.sampled_from([":", "-", "@", "a"]), max_size=2)
NUMBERS = st.integers(-11, 11)


@st.composite
def principals(draw: st.DrawFn) -> Principal:
    email = draw(TEXT) + "@" + draw(st.text("a:-", max_size=2))
    attributes: dict[str, Any] = {"org": draw(TEXT), "number": draw(NUMBERS)}
    if draw(st.booleans()):
        attributes["team"] = draw(TEXT)
    return Principal(
        draw(TEXT),
        email=email,
        phone=draw(TEXT),
        created=draw(st.integers(0, 11)),
        attributes=attributes,
    )


FORMS = ("message", "json", "query", "text", "sibling", "jwt")


def read(form: str, message: str, refusals: dict[str, list[str]], *, lower: bool = False) -> Scheme:
    """Return the scheme that signs *message* in one of the ways there are."""
    data: dict[str, Any] = {
        "slug": "of-the-test",
        "settings": {"app": {"variable": "APP"}},
        "values": {"org": {}, "number": {"kind": "integer"}, "team": {"default": "a"}}
        | {name: {"refuse_containing": parts} for name, parts in refusals.items()},
    }
    data["values"].setdefault("email", {})["lower"] = lower
    if form == "jwt":
        return Scheme.from_mapping(data | {"jwt": {"algorithm": "HS256", "claims": {"x": message}}})
    mac = {"algorithm": "sha256", "message": message, "encoding": "hex"}
    if form == "sibling":
        data |= {"macs": {"other": message}, "fields": {"other": "{macs.other}"}}
        message = "{id}"
    elif form != "message":
        content: Any = message if form == "text" else {"x": message}
        data |= {"payload": {"format": form, "encoding": "base64", "content": content}}
        message = "{payload}"
    return Scheme.from_mapping(data | {"mac": mac | {"message": message}})


@given(
    st.sampled_from(FORMS),
    MESSAGES,
    st.fixed_dictionaries({"id": REFUSALS, "email": REFUSALS, "org": REFUSALS}),
    st.tuples(principals(), principals()),
    st.booleans(),
)
@example(
    "message",
    "{id}:{email}",
    {"id": [":"]},
    (Principal("a", email="a@"), Principal("b", email="@")),
    False,
)
@example("message", "{email}", {}, (Principal("a", email="a@"), Principal("b", email="A@")), True)
def test_an_unambiguous_scheme_gives_different_principals_different_tokens(
    form: str,
    message: str,
    refusals: dict[str, list[str]],
    pair: tuple[Principal, Principal],
    lower: bool,
) -> None:
    one, other = pair
    try:
        scheme = read(form, message, refusals, lower=lower)
    except InvalidScheme:
        return
    signer = Signer(scheme, Keyring(SECRET), settings={"app": "a:-"}, clock=lambda: 1_800_000_000)
    try:
        signed = [signer.issue(who) for who in (one, other)]
    except CountermarkError:
        return
    tokens = [each.fields.get("other", each.token) for each in signed]
    # What the message holds of each, by the names in it.
    seen = [_seen(message, who, lower=lower) for who in (one, other)]
    assert (tokens[0] == tokens[1]) == (seen[0] == seen[1])
    if form == "sibling":
        assert tokens[0] != signed[1].token
        assert tokens[1] != signed[0].token


def _seen(message: str, who: Principal, *, lower: bool) -> list[Any]:
    values = {
        "id": who.id,
        # Next to the id, an address in another case is the same person's.
        "email": str(who.email).lower() if lower and "{id}" in message else who.email,
        "phone": who.phone,
        "created": who.created,
        "team": "a",
        **who.attributes,
        "id|email": who.id,
    }
    return [
        value
        for name, value in values.items()
        if any(f"{{{name}{end}" in message for end in ("}", ":"))
    ]


@given(principals(), principals())
def test_an_ambiguous_scheme_warns_and_gives_two_principals_one_token(
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
def test_any_attribute_is_signed_or_raises_an_error_of_this_package(
    slug: str, name: str, value: Any
) -> None:
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
def test_any_mapping_is_a_scheme_or_raises_invalid_scheme(data: dict[str, Any]) -> None:
    try:
        Scheme.from_mapping({"slug": "own", **data})
    except InvalidScheme as error:
        assert str(error)

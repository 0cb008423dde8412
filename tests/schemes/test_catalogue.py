"""The catalogue: the required entries of its files, and its examples."""

from __future__ import annotations

import base64
import re
import warnings
from datetime import date
from pathlib import Path

import pytest

from countermark import (
    AmbiguousSchemeWarning,
    InvalidPrincipal,
    Keyring,
    Principal,
    Scheme,
    Signer,
    UnknownScheme,
)
from countermark.schemes import scheme_slugs
from countermark.schemes._ambiguity import signed_templates
from countermark.schemes._formats import FORMATS
from countermark.schemes._templates import names_in
from countermark.signing._vectors import check
from tests.samples import ANN, ATTRIBUTES, SECRET, build_signer, signer_of

ROOT = Path(__file__).resolve().parents[2]
SCHEMES = {slug: Scheme.load(slug) for slug in scheme_slugs()}


@pytest.mark.parametrize("slug", [slug for slug, scheme in SCHEMES.items() if scheme.vectors])
def test_the_published_examples_are_reproduced(slug: str) -> None:
    assert all(equal for _, equal in check(SCHEMES[slug]))


def test_the_examples_that_vendors_publish_are_in_the_catalogue() -> None:
    counts = {slug: len(scheme.vectors) for slug, scheme in SCHEMES.items()}
    published = {
        "cognito-flow": 1,
        "discourse": 2,
        "intercom-hmac": 2,
        "launchdarkly": 3,
        "pusher": 2,
        "pusher-presence": 1,
        "pusher-user": 2,
        "stigg": 2,
    }
    assert all(counts[slug] >= count for slug, count in published.items())


def test_a_wrong_example_is_not_reproduced() -> None:
    data = {
        "slug": "wrong",
        "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
        "vectors": [{"secret": "secret", "id": "5", "token": "d3", "origin": "none"}],
    }
    assert [equal for _, equal in check(Scheme.from_mapping(data))] == [False]


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_every_scheme_has_a_source_and_a_variable(scheme: Scheme) -> None:
    assert scheme.source
    assert all(re.match(r"https?://|repo [\w.-]+/|npm |PyPI |gist ", s) for s in scheme.source)
    assert isinstance(scheme.read, date)
    assert scheme.read.year >= 2026
    assert scheme.confidence in {"read in primary source", "read in secondary source"}
    assert scheme.status == "current" or scheme.replacement
    assert re.fullmatch("[A-Z][A-Z0-9_]+", scheme.variable)
    assert scheme.frontend.strip()
    assert all(vector.origin for vector in scheme.vectors)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_the_fields_of_every_scheme_contain_the_token(scheme: Scheme) -> None:
    signed = signer_of(scheme.slug).issue(ANN)
    mac_or_token = {signed.token, signed.token.rpartition("&sig=")[2]}
    if scheme.slug == "productfruits":
        mac_or_token.add(signed.fields["user"]["hmac"]["hash"])
    if scheme.slug == "ably":
        mac_or_token.add(signed.fields["mac"])
    texts = re.findall(r"'([^']+)'", str(signed.fields))
    assert mac_or_token.intersection(texts)


def test_no_attribute_of_an_application_gives_rights_at_a_vendor() -> None:
    """The name of such an attribute shows the vendor, as an application has roles of its own."""
    own = {
        "account_type", "add_groups", "admin", "auth", "features", "grants", "group_ids", "groups",
        "is_admin", "is_owner", "is_staff", "moderator", "owner", "permissions", "remove_groups",
        "role", "roles", "scope", "scopes", "staff", "teams", "weight",
    }  # fmt: skip
    found = {(slug, name) for slug, scheme in SCHEMES.items() for name in own & {*scheme.values}}
    # It must be set for the vendor anyway.
    assert found == {("looker", "permissions")}


def test_no_two_schemes_share_a_header() -> None:
    headers = [scheme.header for scheme in SCHEMES.values() if scheme.header]
    assert len(set(headers)) == len(headers)


def test_every_format_is_used_by_a_scheme() -> None:
    used = {
        format
        for path in (ROOT / "src/countermark/schemes/catalogue").glob("*.toml")
        for format in re.findall(r"\{[^{}]+?:([a-z-]+)\??\}", path.read_text())
    }
    assert used == set(FORMATS)


def test_the_secret_of_cognito_is_text_and_not_hexadecimal() -> None:
    vector = Scheme.load("cognito-flow").vectors[0]
    decoded = bytes.fromhex(vector.secret.removeprefix("live_secret_"))
    assert Signer("cognito-flow", Keyring(decoded)).sign(vector.id or "") != vector.token


AMBIGUOUS = {slug for slug, scheme in SCHEMES.items() if scheme.ambiguous}
KNOWN_TO_BE_AMBIGUOUS = {
    "appy-sdk",
    "customerly",
    "ensoras",
    "loyaltylion",
    "magicbell-hmac",
    "refgrow",
    "rogeriq",
    "supportwire",
    "yourgpt",
    "zoho-thrive",
}


def test_known_ambiguous_schemes_are_marked() -> None:
    assert AMBIGUOUS >= KNOWN_TO_BE_AMBIGUOUS


@pytest.mark.parametrize("slug", sorted(AMBIGUOUS))
def test_a_signer_of_an_ambiguous_scheme_warns(slug: str) -> None:
    settings = dict.fromkeys(SCHEMES[slug].settings, "x")
    with pytest.warns(AmbiguousSchemeWarning, match=f"{slug}: two principals can get the same"):
        Signer(slug, Keyring(SECRET), settings=settings)


def test_zoho_signs_two_principals_alike() -> None:
    one = Principal("1", email="a@b.example2")
    other = Principal("21", email="a@b.example")
    zoho = signer_of("zoho-thrive")
    assert zoho.sign(one) == zoho.sign(other)


@pytest.mark.parametrize("slug", ["intercom-hmac", "magicbell-hmac", "featurebase-hmac"])
def test_an_id_that_could_be_an_address_is_refused(slug: str) -> None:
    with pytest.raises(InvalidPrincipal, match=f"{slug}: the id is refused: it holds '@'"):
        signer_of(slug).sign("victim@b.example")


KEY_ALSO_SIGNS_TOKENS = ["agentic-trust-hmac", "intercom-hmac", "magicbell-hmac"]


def base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("slug", KEY_ALSO_SIGNS_TOKENS)
def test_an_id_that_could_be_a_token_without_its_signature_is_refused(slug: str) -> None:
    """The secret also signs tokens, and the code of that id would be the missing signature."""
    for header, claims in (
        ('{"alg":"HS256"}', '{"user_id":1}'),
        ('{ "alg":"HS256"}', '{"sub":"victim"}'),
        ('\n{"alg":"HS256"}', '{"user_id":"victim"}'),
        (' \t\r{"typ":"JWT","alg":"HS256"}', '{"user_email":"victim@b.example"}'),
    ):
        unsigned = ".".join(base64url(part) for part in (header, claims))
        with pytest.raises(InvalidPrincipal, match="does not match the pattern"):
            signer_of(slug).sign(unsigned)


@pytest.mark.parametrize("slug", KEY_ALSO_SIGNS_TOKENS)
@pytest.mark.parametrize(
    "id",
    [
        "eyal.cohen",
        "ewan",
        "3a409367-a417-4d46-9a92-3d7bc5dc4605.e7d5a2b0-17e3-4a3c-8e6a-2f3f4b5c6d7e",
        "CDAB0B3E-5A0B-4C43-9E7B-0A6B1C2D3E4F.DEAB0B3E-5A0B-4C43-9E7B-0A6B1C2D3E4F",
    ],
)
def test_an_id_with_a_full_stop_is_signed(slug: str, id: str) -> None:
    assert signer_of(slug).sign(id)


def test_an_id_that_could_be_a_context_is_refused() -> None:
    with pytest.raises(InvalidPrincipal):
        signer_of("launchdarkly").sign("org:acme")
    with pytest.raises(InvalidPrincipal):
        signer_of("novu").sign('{"tenant":"acme"}')


@pytest.mark.parametrize("channel", ["presence-room", "private-encrypted-room"])
def test_a_channel_that_needs_more_than_a_token_is_refused(channel: str) -> None:
    attributes = {"socket_id": "1234.1234", "channel": channel}
    with pytest.raises(InvalidPrincipal, match="the attribute channel is refused"):
        signer_of("pusher").sign(Principal("user-1", attributes=attributes))
    signer_of("pusher-presence").sign(Principal("user-1", attributes=attributes))


def test_a_role_that_the_vendor_does_not_have_is_refused() -> None:
    ann = Principal("user-1", email="a@b.example", name="Ann", attributes={"nolt_role": "member"})
    with pytest.raises(InvalidPrincipal, match="it does not match the pattern"):
        signer_of("nolt", claims=()).sign(ann)


def test_a_scheme_that_signs_addresses_refuses_an_id_alone() -> None:
    with pytest.raises(
        InvalidPrincipal, match="helpscout: it needs the principal's email"
    ) as caught:
        signer_of("helpscout").sign("user-1")
    assert caught.value.code == "principal_field"


@pytest.mark.parametrize("slug", ["nobody", "Stigg", "../schemes/stigg", "stigg.toml", ""])
def test_the_error_for_an_unknown_scheme_names_the_command_that_lists_all(slug: str) -> None:
    with pytest.raises(UnknownScheme, match=r"`countermark schemes` lists all$"):
        Scheme.load(slug)


@pytest.mark.parametrize(
    ("name", "similar"),
    [
        ("intercom", "intercom-jwt, intercom-hmac"),  # the deprecated one last
        ("Help Scout", "helpscout"),
        ("beacon", "helpscout"),  # a part of the vendor's name
        ("stig", "stigg"),
        ("helpscuot", "helpscout"),
    ],
)
def test_the_error_for_an_unknown_name_names_similar_ones(name: str, similar: str) -> None:
    with pytest.raises(UnknownScheme, match=f"; similar: {similar}; `countermark"):
        Scheme.load(name)


@pytest.mark.parametrize("name", ["a", "..", "pu", "pendo", "{name?}"])
def test_the_error_for_a_name_unlike_all_others_names_none(name: str) -> None:
    with pytest.raises(UnknownScheme, match="not shown, as it may be a secret>; `countermark"):
        Scheme.load(name)


def test_at_most_five_similar_names_are_given() -> None:
    with pytest.raises(UnknownScheme) as caught:
        Scheme.load("feed")
    assert str(caught.value).partition("similar: ")[2].count(", ") <= 4


def test_the_error_for_a_file_names_the_function_that_reads_it() -> None:
    with pytest.raises(UnknownScheme, match=r"Scheme\.from_toml\(path\) reads a file"):
        Scheme.load("acme-chat.toml")


def test_a_secret_in_place_of_a_name_is_not_repeated() -> None:
    with pytest.raises(UnknownScheme, match="unknown scheme <not shown") as caught:
        Scheme.load("7b8f2f5c9d0e4a61b3c2d1e0f9a8b7c6")
    assert "7b8f" not in str(caught.value)


def test_a_scheme_is_loaded_once() -> None:
    assert Scheme.load("stigg") is Scheme.load("stigg")


@pytest.mark.parametrize("slug", sorted(set(SCHEMES) - AMBIGUOUS))
def test_a_signer_of_another_scheme_does_not_warn(slug: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_signer(slug)


def signs_only_attributes(scheme: Scheme) -> bool:
    """Return True for a scheme of, for instance, channels: it signs neither id nor address."""
    return names_in(signed_templates(scheme)).isdisjoint({"id", "email"})


OF_ATTRIBUTES = {slug for slug, scheme in SCHEMES.items() if signs_only_attributes(scheme)}


@pytest.mark.parametrize("slug", sorted(set(SCHEMES) - AMBIGUOUS - OF_ATTRIBUTES))
def test_two_accounts_that_differ_in_case_have_different_tokens(slug: str) -> None:
    """Under Django's default user model, addresses may differ in their case alone."""
    signer, compared = signer_of(slug), 0
    attributes = {name: value for name, value in ATTRIBUTES.items() if name != "context"}
    for given in ({"id": None}, {}):
        ids = [None, None] if "id" in given else ["user-1", "USER-1"]
        pair = [
            Principal(id, email=email, phone="+15550100", name="Ann", attributes=attributes)
            for id, email in zip(ids, ["ann@b.example", "ANN@b.example"], strict=True)
        ]
        try:
            tokens = [signer.issue(who).token for who in pair]
        except InvalidPrincipal:  # a scheme signs an id or an address, not each of them
            continue
        compared += 1
        assert tokens[0] != tokens[1]
    if not compared:  # the vendor ignores the case, so the scheme refuses capital letters
        assert signer.sign(pair[0])
        with pytest.raises(InvalidPrincipal, match="does not match the pattern"):
            signer.sign(pair[1])

"""What a recipe may say, and how it is told that it may not."""

from __future__ import annotations

import tomllib
from copy import deepcopy
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from countermark import InvalidScheme, Keyring, Scheme, Signer
from tests.unit.samples import SECRET


def recipe(slug: str = "stigg") -> dict[str, Any]:
    """Return what the TOML of a scheme of the catalogue holds."""
    text = (files("countermark") / "schemes" / "catalogue" / f"{slug}.toml").read_text("utf-8")
    return {"slug": slug, **tomllib.loads(text)}


SMALLEST: dict[str, Any] = {
    "slug": "own",
    "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
}
TOKEN: dict[str, Any] = {"slug": "own", "jwt": {"algorithm": "HS256", "claims": {"sub": "{id}"}}}


def changed(base: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return *base* with the value at a dotted *path* set, or deleted if it is None."""
    data = deepcopy(base)
    table = data
    *above, last = path.split(".")
    for key in above:
        table = table.setdefault(key, {})
    if value is None:
        del table[last]
    else:
        table[last] = value
    return data


def test_little_is_needed() -> None:
    scheme = Scheme.from_mapping(SMALLEST)
    assert (scheme.slug, scheme.name, scheme.status) == ("own", "own", "current")
    assert scheme.header is None
    assert Signer(scheme, Keyring(SECRET)).issue("user-1").fields == {}
    assert SMALLEST["slug"] == "own"  # what was given is not changed


def test_a_file_is_called_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "acme-chat.toml"
    path.write_text('[mac]\nalgorithm = "sha256"\nmessage = "{id}"\nencoding = "hex"\n')
    assert Scheme.from_toml(path).slug == "acme-chat"
    assert Scheme.from_toml(str(path)).slug == "acme-chat"
    path.write_text('slug = "other"\n' + path.read_text())
    assert Scheme.from_toml(path).slug == "other"


def test_a_file_that_is_no_toml_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "acme-chat.toml"
    with pytest.raises(FileNotFoundError):
        Scheme.from_toml(path)
    path.write_text("[mac")
    with pytest.raises(InvalidScheme, match=r"scheme in acme-chat\.toml: invalid TOML"):
        Scheme.from_toml(path)


@pytest.mark.parametrize("slug", ["", "Stigg", "a--b", "../x", "-a", "marker", None, 5])
def test_a_slug_is_lower_case_words(slug: object) -> None:
    with pytest.raises(InvalidScheme, match=r"slug: invalid name for a scheme"):
        Scheme.from_mapping({**SMALLEST, "slug": slug})


def with_payload(content: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe with a payload in JSON."""
    return SMALLEST | {"payload": {"format": "json", "encoding": "base64", "content": content}}


BAD = [
    (SMALLEST, "colour", "red", "scheme own: unknown key <not shown"),
    (SMALLEST, "mac.salt", "x", "scheme own: [mac]: unknown key <not shown"),
    (SMALLEST, "mac.algorithm", "md5", "algorithm must be one of sha1, sha256, sha512"),
    (SMALLEST, "mac.algorithm", None, "[mac]: algorithm is missing"),
    (SMALLEST, "mac.encoding", "base32", "encoding must be one of hex, hex-upper, base64"),
    (SMALLEST, "mac.key", "pem", "key must be one of text, hex, base64"),
    (SMALLEST, "mac.construction", "prefix", "construction must be one of hmac, suffix"),
    (SMALLEST, "mac", "sha256", "mac must be of type dict"),
    (SMALLEST, "mac", None, "add one of [mac] and [jwt], and not both"),
    (SMALLEST, "jwt", TOKEN["jwt"], "add one of [mac] and [jwt], and not both"),
    (SMALLEST, "name", 1, "name must be of type str"),
    (SMALLEST, "status", "old", "status must be one of current, deprecated"),
    (SMALLEST, "source", [1], "source must be a list of texts"),
    (SMALLEST, "read", "yesterday", "read must be of type date"),
    (SMALLEST, "ambiguous", 1, "ambiguous must be of type bool"),
    (SMALLEST, "lifetime", True, "lifetime must be of type int"),
    # placeholders
    (SMALLEST, "mac.message", "{id}{", "[mac]: message: a brace has no partner"),
    (SMALLEST, "mac.message", "{Id}", "invalid text in braces"),
    (SMALLEST, "mac.message", "{}", "invalid text in braces"),
    (SMALLEST, "mac.message", "{id|}", "invalid text in braces"),
    (SMALLEST, "mac.message", "{org}", "[mac]: message: unknown name <not shown"),
    (SMALLEST, "mac.message", "{id|org}", "[mac]: message: unknown name <not shown"),
    (SMALLEST, "mac.message", "{settings.app}", "[mac]: message: unknown name <not shown"),
    (SMALLEST, "mac.message", "{mac}", "unknown name <not shown"),
    (SMALLEST, "mac.message", "{payload}", "unknown name <not shown"),
    (SMALLEST, "mac.message", "{id:rot13}", "a placeholder has the unknown format"),
    (SMALLEST, "mac.message", "{id:s}", "{id:s}: the format does not fit a text"),
    (SMALLEST, "mac.message", "{id}{now}", "{now}: the format does not fit a time"),
    (SMALLEST, "mac.message", "{id}-{now:url}", "{now:url}: the format does not fit a time"),
    (SMALLEST, "mac.message", "{org?}", "message: {<not shown, as it may be a secret>} cannot be"),
    (SMALLEST, "mac.message", "{id?}", "{id?} cannot be optional here"),
    (SMALLEST, "mac.message", "constant", "a text that is signed holds nothing of the principal"),
    (SMALLEST, "mac.message", "{now:s}", "a text that is signed holds nothing of the principal"),
    (SMALLEST, "fields.t", "{jwt}", "[fields]: unknown name <not shown"),
    (SMALLEST, "fields.t", "{macs.other}", "unknown name <not shown"),
    # values and settings
    (SMALLEST, "values.id.kind", "integer", "[values.id]: kind must be text"),
    (SMALLEST, "values.created.lower", True, "[values]: created is computed"),
    (SMALLEST, "values.now", {}, "[values]: now is computed"),
    (SMALLEST, "values.token", {}, "[values]: token is computed"),
    (SMALLEST, "values.Org", {}, "the name of an entry is invalid"),
    (SMALLEST, "values.id.pattern", "(", "[values.id]: pattern is not a valid regular expression"),
    (SMALLEST, "values.id.charset", "latin", "charset must be one of any, ascii"),
    (SMALLEST, "values.x", {"kind": "list", "lower": True}, "only a text can have rules"),
    (SMALLEST, "values.x", {"kind": "list", "default": "y"}, "default must be of type list"),
    (SMALLEST, "values.x.colour", "red", "[values.x]: unknown key <not shown"),
    (SMALLEST, "settings.app", "APP", "expected a table"),
    (SMALLEST, "settings.app.default", "x", "variable is missing"),
    # the token
    (SMALLEST, "token.template", "{id}", "template must hold {mac} exactly once"),
    (SMALLEST, "token.template", "{mac}{mac}", "template must hold {mac} exactly once"),
    (SMALLEST, "token.template", "{mac}\n", "placeholders and visible ASCII"),
    (SMALLEST, "token.template", "é{mac}", "placeholders and visible ASCII"),
    (SMALLEST, "token.template", {"id": "{id}"}, "template must hold {mac} exactly once"),
    (SMALLEST, "token.template", 5, "template: expected a table"),
    (SMALLEST, "token.header", "No Header", "invalid header name"),
    (SMALLEST, "token.header", "Set-Cookie", "act on a header of this name"),
    # life
    (SMALLEST, "lifetime", 60, "nothing {expires}; leave lifetime"),
    (SMALLEST, "mac.message", "{id}-{expires:s}", "lifetime is missing; add it in seconds"),
    (
        changed(SMALLEST, "mac.message", "{id}-{expires:s}") | {"max_lifetime": 30},
        "lifetime",
        60,
        "lifetime and max_lifetime contradict",
    ),
    (changed(SMALLEST, "mac.message", "{id}-{expires:s}"), "lifetime", 0, "contradict"),
    # payloads
    (SMALLEST, "payload", {"format": "xml"}, "format must be one of json, query, text"),
    (
        SMALLEST,
        "payload",
        {"format": "json", "encoding": "none", "content": "{id}"},
        "content must be of type dict",
    ),
    (
        SMALLEST,
        "payload",
        {"format": "query", "encoding": "none", "content": {"a": {"b": "{id}"}}},
        "[payload]: content: entry 1 must be text",
    ),
    # JSON Web Tokens
    (TOKEN, "jwt.algorithm", "none", "algorithm must be one of HS256, HS512, RS256, ES256"),
    (TOKEN, "jwt.header.alg", "none", "header must not hold alg, b64 or crit"),
    (TOKEN, "jwt.claims.sub", "{mac}", "unknown name <not shown"),
    (TOKEN, "jwt.claims.sub", "{id?}", "a text that is signed holds nothing of the principal"),
    (TOKEN, "jwt.claims.exp", "{expires:s}", "lifetime is missing"),
    (
        TOKEN,
        "jwt.one_of",
        ["id", "email"],
        "one_of: <not shown, as it may be a secret> is not one of the claims",
    ),
    (TOKEN, "token.template", "{mac}", "unknown name <not shown"),
    (
        changed(TOKEN, "jwt.exclusive", True),
        "fields.id",
        "{id}",
        "{id} is a claim of an exclusive scheme",
    ),
    # what is signed holds something of the principal
    (
        with_payload({"id": "{id}"}),
        "mac.message",
        "constant",
        "a text that is signed holds nothing of the principal",
    ),
    (SMALLEST, "macs.other", "constant", "a text that is signed holds nothing of the principal"),
    (with_payload({"n": "{now:s}"}), "mac.message", "{payload}", "holds nothing of the principal"),
    (with_payload({"n": "{id?}"}), "mac.message", "{payload}", "holds nothing of the principal"),
    (
        TOKEN,
        "jwt.claims",
        {"iat": "{now:s}"},
        "a text that is signed holds nothing of the principal",
    ),
    (TOKEN, "jwt.claims", {}, "a text that is signed holds nothing of the principal"),
    (
        TOKEN,
        "jwt.claims",
        {"iat": "{created:s}"},
        "a text that is signed holds nothing of the principal",
    ),
    (
        changed(TOKEN, "jwt.claims.n", "{now:s}"),
        "jwt.one_of",
        ["n"],
        "one_of: <not shown, as it may be a secret> is not one of the claims",
    ),
    (
        changed(TOKEN, "jwt.claims.n", "{now:s}"),
        "jwt.one_of",
        ["now"],
        "one_of: 'now' is not one of the claims",
    ),
    (TOKEN, "payload", with_payload({"id": "{id}"})["payload"], "[payload] is for [mac]"),
    (
        changed(SMALLEST, "values.org.default", "x"),
        "mac.message",
        "{org}",
        "a text that is signed holds nothing of the principal",
    ),
    (
        SMALLEST,
        "mac.message",
        "{now|created:s}{id}",
        "only values of the principal can be alternatives",
    ),
    (
        changed(SMALLEST, "settings.app.variable", "APP"),
        "mac.message",
        "{settings.app|id}",
        "only values of the principal can be alternatives",
    ),
    # kinds, defaults, and what may be missing
    (
        changed(SMALLEST, "values.g.kind", "list"),
        "mac.message",
        "{g}",
        "the format does not fit a list",
    ),
    (
        changed(SMALLEST, "values.b.kind", "boolean"),
        "mac.message",
        "{b}",
        "the format does not fit a boolean",
    ),
    (
        changed(SMALLEST, "values.g.kind", "list"),
        "payload",
        {"format": "query", "encoding": "none", "content": {"g": "{g}"}},
        "[payload]: content: {g}: the format does not fit a list",
    ),
    (SMALLEST, "values.id.default", "x", "only attributes can have a default"),
    (
        SMALLEST,
        "values.org",
        {"default": "x:y", "refuse_containing": [":"]},
        "the default breaks the rules",
    ),
    (SMALLEST, "values.org", {"default": "X", "lower": True}, "the default breaks the rules"),
    (SMALLEST, "values.org.default", "x\n", "the default breaks the rules"),
    (SMALLEST, "fields.x", "{email?}-{phone}", "{email?} cannot be optional here"),
    (SMALLEST, "fields.x", ["{email?}"], "{email?} cannot be optional here"),
    (
        SMALLEST | {"settings": {"app": {"variable": "APP", "default": ""}}},
        "token.template",
        "{settings.app}{mac}",
        "{settings.app} can be empty",
    ),
    (
        changed(SMALLEST, "mac.construction", "suffix"),
        "mac.key",
        "hex",
        'needs key = "text"',
    ),
    # what JSON cannot hold
    (SMALLEST, "fields.since", date(2026, 1, 1), "[fields]: entry 1: JSON cannot hold a date"),
    (SMALLEST, "fields.x", [float("nan")], "JSON cannot hold a float"),
    (SMALLEST, "fields.x", {1: "a"}, "JSON cannot hold a dict"),
    (TOKEN, "jwt.header.kid", 5, "[jwt]: header: entry 1 must be text"),
    (TOKEN, "jwt.header.kid", {"a": "b"}, "[jwt]: header: entry 1 must be text"),
    (SMALLEST, "values.id.pattern", "a{99999999999999999999}", "not a valid regular expression"),
    (SMALLEST, "lifetime", 10**400, "leave lifetime and max_lifetime out"),
    # examples
    (SMALLEST, "vectors", [{"secret": "x"}], "token is missing"),
    (SMALLEST, "vectors", ["x"], "expected a table"),
]


@pytest.mark.parametrize(("base", "path", "value", "message"), BAD)
def test_a_bad_recipe_is_refused_by_the_name_of_its_key(
    base: dict[str, Any], path: str, value: object, message: str
) -> None:
    with pytest.raises(InvalidScheme) as caught:
        Scheme.from_mapping(changed(base, path, value))
    assert message in str(caught.value)
    assert str(caught.value).startswith("scheme own: ")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{email}{id}", "nothing separates {email} from {id}"),
        ("{id}:{email}", "nothing separates {id} from {email}"),
        ("{id}{settings.app}{email}", "nothing separates {id} from {email}"),
        ("{id|email}", "id and email can be the same text"),
        ("{id|phone}", "id and phone can be the same text"),
        ("{email|phone|id}", "email and phone can be the same text"),
        ("{id}-{org}-{email}", "nothing separates {id} from {org}"),
        ("{id}{now:s}{email}", "nothing separates {id} from {now:s}"),
        ("{id}{number}", "nothing separates {id} from {number}"),
    ],
)
def test_two_principals_with_the_same_signature_are_an_error(message: str, reason: str) -> None:
    data = changed(SMALLEST, "mac.message", message) | {
        "values": {"org": {}, "number": {"kind": "integer"}},
        "settings": {"app": {"variable": "APP"}},
    }
    with pytest.raises(InvalidScheme, match="two principals could get the same") as caught:
        Scheme.from_mapping(data)
    assert reason in str(caught.value)
    scheme = Scheme.from_mapping(data | {"ambiguous": True})
    assert reason in scheme.ambiguous


@pytest.mark.parametrize("value", ["{id}{email}", "{id|phone}", "{id}:{email}"])
def test_values_in_claims_and_payloads_are_looked_at_too(value: str) -> None:
    token = changed(TOKEN, "jwt.claims.sub", value)
    message = changed(with_payload({"who": value}), "mac.message", "{payload}")
    query = changed(message, "payload.format", "query")
    for data in (token, message, query):
        with pytest.raises(InvalidScheme, match="two principals could get the same"):
            Scheme.from_mapping(data)
        assert Scheme.from_mapping(data | {"ambiguous": True}).ambiguous
    unsigned = changed(message, "mac.message", "{id}")
    assert not Scheme.from_mapping(unsigned).ambiguous


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("{id}", "{org}", False),
        ("a:{id}", "b:{org}", True),
        ("a:{id}", "{org}", False),
        ("a:{id}", "{brace}", False),
        ("{{id}", "{brace}", None),
        ("{brace}", "{tree:json}", True),
        ("{tree:canonical-json}", "{brace}", True),
        ("{brace|org}", "{tree:json}", None),
        ("{id}", "{tree:json}", False),
        ("{tree:json}", "{items:json}", True),
        ("{tree:json}", "{id:json}", True),
        ("{tree:json}", "{tree:canonical-json}", False),
        ("{brace:url}", "{tree:json}", False),
    ],
)
def test_messages_of_the_same_key_are_told_apart(one: str, other: str, *, apart: bool) -> None:
    values = {
        "org": {},
        "brace": {"refuse_prefixes": ["{"]},
        "tree": {"kind": "object"},
        "items": {"kind": "list"},
    }
    data = changed(SMALLEST, "mac.message", one) | {"values": values, "macs": {"other": other}}
    if apart:
        assert not Scheme.from_mapping(data).ambiguous
        return
    with pytest.raises(InvalidScheme):
        Scheme.from_mapping(data)
    if apart is False:
        scheme = Scheme.from_mapping(data | {"ambiguous": True})
        assert scheme.ambiguous == f"{one!r} and {other!r} can be the same text"


def test_a_time_of_sign_up_has_no_fixed_length() -> None:
    assert not Scheme.from_mapping(changed(SMALLEST, "mac.message", "{id}-{created:s}")).ambiguous
    with pytest.raises(InvalidScheme, match="nothing separates"):
        Scheme.from_mapping(changed(SMALLEST, "mac.message", "{id}{created:s}"))
    with pytest.raises(InvalidScheme, match="nothing separates"):
        Scheme.from_mapping(changed(SMALLEST, "mac.message", "{id}-{created:iso}"))


@pytest.mark.parametrize(
    "data", [None, [1], "x", 5, {1: 2, "slug": "own"}, SMALLEST | {"values": {1: {}}}]
)
def test_what_is_no_mapping_by_name_is_refused(data: Any) -> None:
    with pytest.raises(InvalidScheme, match="expected a table"):
        Scheme.from_mapping(data)


def test_tables_without_end_are_refused() -> None:
    tree: dict[str, Any] = {}
    tree["again"] = tree
    with pytest.raises(InvalidScheme, match="are nested too deep"):
        Scheme.from_mapping(SMALLEST | {"fields": tree})


def test_files_that_are_odd_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidScheme, match=r"scheme in acme\.toml: the file is not UTF-8"):
        Scheme.from_toml(path)
    for text in ("[" * 5000, "a = " + "9" * 5000):
        path.write_text(text)
        with pytest.raises(InvalidScheme, match=r"scheme in acme\.toml: invalid TOML"):
            Scheme.from_toml(path)


def test_a_lower_case_id_or_address_is_ambiguous_unless_the_id_is_signed_too() -> None:
    with pytest.raises(InvalidScheme, match=r"\{id\} is put into lower case"):
        Scheme.from_mapping(changed(SMALLEST, "values.id.lower", True))
    data = changed(SMALLEST, "values.email.lower", True)
    with pytest.raises(InvalidScheme, match=r"\{email\} is put into lower case"):
        Scheme.from_mapping(changed(data, "mac.message", "{email}"))
    assert not Scheme.from_mapping(changed(data, "mac.message", "{id}\n{email}")).ambiguous


@pytest.mark.parametrize(
    "message",
    [
        "{id}\n{email}",
        "{id}{now:s}",
        "{now:iso}{id}",
        "{id}-{expires:ms}-{now:s}",
        "{email}:{id}",
        "a{id}",
        "{uuid}\n{id}\n",
        "{id:json}\n{email:json}",
        "{id:url} {email:url}",
        "{email|id}",
    ],
)
def test_what_can_be_taken_apart_again_is_no_error(message: str) -> None:
    data = changed(SMALLEST, "mac.message", message)
    data |= {"values": {"email": {"refuse_containing": [":"]}, "id": {"refuse_containing": ["@"]}}}
    if "expires" in message:
        data["lifetime"] = 60
    assert not Scheme.from_mapping(data).ambiguous
    with pytest.raises(InvalidScheme, match="ambiguous = true, but the scheme is not"):
        Scheme.from_mapping(data | {"ambiguous": True})


def test_text_in_a_payload_is_looked_at_too() -> None:
    payload = {"format": "text", "encoding": "base64", "content": "{id}{email}"}
    data = changed(SMALLEST, "mac.message", "{payload}") | {"payload": payload}
    with pytest.raises(InvalidScheme, match=r"nothing separates \{id\} from"):
        Scheme.from_mapping(data)
    payload["content"] = "{id}"
    assert Scheme.from_mapping(data).payload
    bare = data | {"payload": payload | {"encoding": "none"}}
    assert Scheme.from_mapping(changed(bare, "mac.message", "{now:s}{payload}")).payload
    with pytest.raises(InvalidScheme, match=r"separates \{payload\} from \{email\}"):
        Scheme.from_mapping(changed(bare, "mac.message", "{payload}.{email}"))
    encoded = changed(data, "mac.message", "{payload}.{email}")
    assert not Scheme.from_mapping(encoded).ambiguous


def test_a_scheme_is_a_value_that_cannot_be_changed() -> None:
    scheme, same = Scheme.from_mapping(SMALLEST), Scheme.from_mapping(SMALLEST)
    assert scheme == same
    assert {scheme: 1}[same] == 1
    assert scheme != Scheme.from_mapping(SMALLEST | {"name": "Own"})
    for name in ("slug", "colour"):
        with pytest.raises(AttributeError):
            setattr(scheme, name, "x")


def test_the_representation_of_a_scheme_is_short() -> None:
    assert repr(Scheme.from_mapping(SMALLEST)) == "<Scheme own>"

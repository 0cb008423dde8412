"""Parsing schemes, and the errors of invalid ones."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from countermark import InvalidScheme, Keyring, Scheme, Signer
from tests.samples import SECRET
from tests.schemes.mappings import SMALLEST, TOKEN, changed, with_payload


def test_a_scheme_needs_only_a_slug_and_a_mac() -> None:
    scheme = Scheme.from_mapping(SMALLEST)
    assert (scheme.slug, scheme.name, scheme.status) == ("own", "own", "current")
    assert scheme.header is None
    assert Signer(scheme, Keyring(SECRET)).issue("user-1").fields == {}
    assert SMALLEST["slug"] == "own"  # what was given is not changed


def test_the_name_of_a_file_is_the_default_slug(tmp_path: Path) -> None:
    path = tmp_path / "acme-chat.toml"
    path.write_text('[mac]\nalgorithm = "sha256"\nmessage = "{id}"\nencoding = "hex"\n')
    assert Scheme.from_toml(path).slug == "acme-chat"
    assert Scheme.from_toml(str(path)).slug == "acme-chat"
    path.write_text('slug = "other"\n' + path.read_text())
    assert Scheme.from_toml(path).slug == "other"


def test_a_missing_or_invalid_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "acme-chat.toml"
    with pytest.raises(FileNotFoundError):
        Scheme.from_toml(path)
    path.write_text("[mac")
    with pytest.raises(InvalidScheme, match=r"scheme in acme-chat\.toml: invalid TOML"):
        Scheme.from_toml(path)


@pytest.mark.parametrize("slug", ["", "Stigg", "a--b", "../x", "-a", "marker", None, 5])
def test_an_invalid_slug_is_refused(slug: object) -> None:
    with pytest.raises(InvalidScheme, match=r"slug: invalid name for a scheme"):
        Scheme.from_mapping({**SMALLEST, "slug": slug})


BAD = [
    (SMALLEST, "colour", "red", "scheme own: unknown key <not shown"),
    (SMALLEST, "mac.salt", "x", "scheme own: [mac]: unknown key <not shown"),
    (SMALLEST, "mac.algorithm", "md5", "algorithm must be one of sha1, sha256, sha512"),
    (SMALLEST, "mac.algorithm", None, "[mac]: algorithm is missing"),
    (SMALLEST, "mac.encoding", "base32", "encoding must be one of hex, hex-upper, base64"),
    (SMALLEST, "mac.key", "pem", "key must be one of text, hex, base64"),
    (SMALLEST, "mac.construction", "prefix", "construction must be one of hmac, suffix"),
    (SMALLEST, "mac", "sha256", "mac must be a table"),
    (SMALLEST, "mac", None, "add one of [mac] and [jwt], and not both"),
    (SMALLEST, "jwt", TOKEN["jwt"], "add one of [mac] and [jwt], and not both"),
    (SMALLEST, "name", 1, "name must be a text"),
    (SMALLEST, "secret", {"shapes": "a"}, "[secret]: shapes must be a list"),
    (SMALLEST, "secret", {"shapes": ["a("]}, "[secret]: shapes: an entry is not a valid regular"),
    (SMALLEST, "secret", {"shapes": ["a*"]}, "shapes: an entry matches the empty text"),
    (SMALLEST, "read", "2026-02-31", "read must be a date"),
    (SMALLEST, "read", datetime(2026, 1, 31, 12, tzinfo=UTC), "read must be a date"),
    (SMALLEST, "status", "old", "status must be one of current, deprecated"),
    (SMALLEST, "source", [1], "source must be a list of texts"),
    (SMALLEST, "read", "yesterday", "read must be a date, such as 2026-01-31"),
    (SMALLEST, "ambiguous", 1, "ambiguous must be true or false"),
    (SMALLEST, "lifetime", True, "lifetime must be a whole number"),
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
    (SMALLEST, "values.x", {"kind": "list", "lower": True}, "only a text can have lower"),
    (SMALLEST, "values.x", {"kind": "list", "default": "y"}, "default must be a list"),
    (SMALLEST, "values.x.colour", "red", "[values.x]: unknown key <not shown"),
    (SMALLEST, "settings.app", "APP", "expected a table"),
    (SMALLEST, "settings.app.default", "x", "variable is missing"),
    # the token
    (SMALLEST, "token.template", "{id}", "template must hold {mac} exactly once"),
    (SMALLEST, "token.template", "{mac}{mac}", "template must hold {mac} exactly once"),
    (SMALLEST, "token.template", "{mac}\n", "placeholders and visible ASCII"),
    (SMALLEST, "token.template", "é{mac}", "placeholders and visible ASCII"),
    (SMALLEST, "token.template", {"id": "{id}"}, "template must hold {mac} exactly once"),
    (SMALLEST, "token.template", 5, "template must be a text or a table"),
    (SMALLEST, "token.encoding", "hex", "encoding must be one of none, base64"),
    (TOKEN, "token.encoding", "base64", "[token]: encoding is for [mac] alone"),
    (SMALLEST, "token.header", "No Header", "invalid header name"),
    (SMALLEST, "token.header", "Set-Cookie", "act on a header of this name"),
    # life
    (SMALLEST, "lifetime", 60, "nothing {expires}; leave lifetime"),
    (SMALLEST, "mac.message", "{id}-{expires:s}", "lifetime is missing; add it in seconds"),
    (
        changed(SMALLEST, "mac.message", "{id}-{expires:s}") | {"max_lifetime": 30},
        "lifetime",
        60,
        "lifetime, min_lifetime and max_lifetime contradict",
    ),
    (
        changed(SMALLEST, "mac.message", "{id}-{expires:s}"),
        "lifetime",
        0,
        "lifetime must be a whole number from 1",
    ),
    (
        changed(SMALLEST, "mac.message", "{id}-{expires:s}") | {"min_lifetime": 90},
        "lifetime",
        60,
        "lifetime, min_lifetime and max_lifetime contradict",
    ),
    (SMALLEST, "min_lifetime", 60, "nothing {expires}; leave lifetime"),
    # the beginning of the secret
    (SMALLEST, "secret.key_prefix", 4, "the token does not show {key_prefix}"),
    (SMALLEST, "token.template", "{mac}{key_prefix}", "unknown name <not shown"),
    (SMALLEST, "secret.key_prefix", 9, "key_prefix must be a whole number from 1 to 8"),
    (SMALLEST, "secret.key_prefix", -1, "key_prefix must be a whole number from 1 to 8"),
    (TOKEN, "secret.key_prefix", 4, "key_prefix is for [mac] alone"),
    (SMALLEST, "values.key_prefix", {}, "[values]: key_prefix is computed"),
    # payloads
    (SMALLEST, "payload", {"format": "xml"}, "format must be one of json, query, query-percent"),
    (
        SMALLEST,
        "payload",
        {"format": "json", "encoding": "none", "content": "{id}"},
        "content must be a table",
    ),
    (
        SMALLEST,
        "payload",
        {"format": "query", "encoding": "none", "content": {"a": {"b": "{id}"}}},
        "[payload]: content: entry 1 must be text",
    ),
    # JSON Web Tokens
    (TOKEN, "jwt.algorithm", "none", "algorithm must be one of HS256, HS512, RS256, ES256"),
    (TOKEN, "jwt.header.alg", "none", "header must not hold alg"),
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
        "default breaks the rules",
    ),
    (SMALLEST, "values.org", {"default": "X", "lower": True}, "default breaks the rules"),
    (SMALLEST, "values.org.default", "x\n", "default breaks the rules"),
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
    (SMALLEST, "lifetime", 10**400, "lifetime must be a whole number from 1 to 3153600000"),
    (SMALLEST, "values.x", {"kind": "list", "default": [date(2026, 1, 1)]}, "JSON cannot hold"),
    # keys that do not belong together
    (SMALLEST, "values.x", {"id_at": "user.key"}, 'id_at is for kind = "object"'),
    (SMALLEST, "values.x", {"apart_from": ["id"]}, "apart_from gives the reason of refuse_"),
    (SMALLEST, "macs.Other", "{id}", "the name of an entry is invalid"),
    (TOKEN, "macs", {"other": "{id}"}, "[macs] is for [mac] alone"),
    # examples
    (SMALLEST, "vectors", [{"secret": "x"}], "token is missing"),
    (SMALLEST, "vectors", ["x"], "expected a table"),
    (
        SMALLEST,
        "vectors",
        [{"secret": "x", "token": "x", "origin": "x", "settings": {"app": 1}}],
        "[[vectors]]: [settings]: an entry must be a text",
    ),
]


@pytest.mark.parametrize(("base", "path", "value", "message"), BAD)
def test_the_error_for_an_invalid_scheme_names_the_key(
    base: dict[str, Any], path: str, value: object, message: str
) -> None:
    with pytest.raises(InvalidScheme) as caught:
        Scheme.from_mapping(changed(base, path, value))
    assert message in str(caught.value)
    assert str(caught.value).startswith("scheme own: ")


@pytest.mark.parametrize(
    "data", [None, [1], "x", 5, {1: 2, "slug": "own"}, SMALLEST | {"values": {1: {}}}]
)
def test_a_value_that_is_not_a_mapping_is_refused(data: Any) -> None:
    with pytest.raises(InvalidScheme, match="expected a table"):
        Scheme.from_mapping(data)


def test_recursive_tables_are_refused() -> None:
    tree: dict[str, Any] = {}
    tree["again"] = tree
    with pytest.raises(InvalidScheme, match="are nested too deep"):
        Scheme.from_mapping(SMALLEST | {"fields": tree})


def test_a_file_with_invalid_bytes_or_numbers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidScheme, match=r"scheme in acme\.toml: the file is not UTF-8"):
        Scheme.from_toml(path)
    for text in ("[" * 5000, "a = " + "9" * 5000):
        path.write_text(text)
        with pytest.raises(InvalidScheme, match=r"scheme in acme\.toml: invalid TOML"):
            Scheme.from_toml(path)


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

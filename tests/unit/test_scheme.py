"""Recipes: what a TOML file may say, and how it is told that it may not."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from countermark import InvalidScheme, Keyring, Scheme, Signer, UnknownScheme
from countermark.catalogue import catalogue


def recipe(slug: str = "stigg") -> dict[str, Any]:
    return tomllib.loads((files("countermark") / "schemes" / f"{slug}.toml").read_text("utf-8"))


def test_the_catalogue_is_what_lies_in_the_folder() -> None:
    assert catalogue() == ["cognito-flow", "stigg"]


@pytest.mark.parametrize("slug", catalogue())
def test_every_example_of_the_catalogue_holds(slug: str) -> None:
    scheme = Scheme.load(slug)
    assert scheme.vectors
    for vector in scheme.vectors:
        assert Signer(scheme, Keyring(vector.secret)).sign(vector.id) == vector.token
        assert vector.origin


@pytest.mark.parametrize("slug", catalogue())
def test_every_scheme_says_where_it_was_read(slug: str) -> None:
    scheme = Scheme.load(slug)
    assert scheme.source
    assert scheme.confidence
    assert scheme.read.year >= 2026
    assert scheme.status == "current" or scheme.replacement


def test_the_secret_of_cognito_is_text_and_not_hexadecimal() -> None:
    vector = Scheme.load("cognito-flow").vectors[0]
    decoded = bytes.fromhex(vector.secret.removeprefix("live_secret_"))
    assert Signer("cognito-flow", Keyring(decoded)).sign(vector.id) != vector.token


@pytest.mark.parametrize("slug", ["nobody", "Stigg", "../schemes/stigg", "stigg.toml", ""])
def test_an_unknown_scheme_is_told_the_known_ones(slug: str) -> None:
    with pytest.raises(UnknownScheme, match="cognito-flow, stigg"):
        Scheme.load(slug)


def test_a_secret_given_for_a_name_is_not_repeated() -> None:
    with pytest.raises(UnknownScheme, match="no scheme is called that") as caught:
        Scheme.load("7b8f2f5c9d0e4a61b3c2d1e0f9a8b7c6")
    assert "7b8f" not in str(caught.value)


def test_a_scheme_is_loaded_once() -> None:
    assert Scheme.load("stigg") is Scheme.load("stigg")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["colour"], "red", "unknown key colour"),
        (["mac", "salt"], "x", r"\[mac\]: unknown key salt"),
        (["mac", "algorithm"], "md5", "algorithm must be one of sha1, sha256, sha512"),
        (["mac", "encoding"], "base32", "encoding must be one of hex, base64"),
        (["mac", "message"], "{id}{email}", "message must be one of {id}"),
        (["mac"], "sha256", "mac must be of type dict"),
        (["name"], 1, "name must be of type str"),
        (["name"], None, "name is missing"),
        (["status"], "old", "status must be one of current, deprecated"),
        (["source"], [1], "source must be a list of texts"),
        (["read"], "yesterday", "read must be of type date"),
        (["token", "template"], "{id}", "template needs one {mac}"),
        (["token", "template"], "{mac}{mac}", "template needs one {mac}"),
        (["token", "template"], "{id}{id}{mac}", "at most one {id}"),
        (["token", "template"], "{mac}:{id}", "{id} before {mac}"),
        (["token", "template"], "{mac}{email}", "visible ASCII"),
        (["token", "template"], "{mac}\n", "visible ASCII"),
        (["token", "template"], "é{mac}", "visible ASCII"),
        (["token", "header"], "No Header", "not a header name"),
        (["token", "header"], "Set-Cookie", "has a meaning of its own"),
        (["id", "pattern"], "(", r"\[id\]: pattern is no regular expression"),
        (["id", "charset"], "latin", "charset must be one of any, ascii"),
        (["vectors"], [{"secret": "x"}], "id is missing"),
        (["vectors"], ["x"], "expected a table"),
    ],
)
def test_a_bad_recipe_is_refused_by_the_name_of_its_key(
    path: list[str], value: object, message: str
) -> None:
    data = recipe()
    table = data
    for key in path[:-1]:
        table = table[key]
    if value is None:
        del table[path[-1]]
    else:
        table[path[-1]] = value
    with pytest.raises(InvalidScheme, match=message.replace("{", r"\{")) as caught:
        Scheme.from_mapping("stigg", data)
    assert "scheme stigg" in str(caught.value)


@pytest.mark.parametrize("slug", ["", "Stigg", "a--b", "../x", "-a"])
def test_a_slug_is_lower_case_words(slug: str) -> None:
    with pytest.raises(InvalidScheme, match="no name for a scheme"):
        Scheme.from_mapping(slug, recipe())

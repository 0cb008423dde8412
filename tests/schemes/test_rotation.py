"""The rotation of a secret at the vendor: its table, its errors, and what is shown of it."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import InvalidScheme, Scheme
from countermark.schemes import scheme_slugs
from countermark.schemes._rotation import describe_rotation
from tests.schemes.mappings import SMALLEST, changed

ROTATED = changed(
    SMALLEST, "secret.rotation", {"overlap": "grace", "grace": 3600, "source": ["a page"]}
)


def test_a_scheme_without_the_table_has_an_unknown_rotation() -> None:
    rotation = Scheme.from_mapping(SMALLEST).rotation
    assert (rotation.overlap, rotation.grace, rotation.shown_once) == ("unknown", None, False)
    assert describe_rotation(rotation) == "not known how long the old secret stays valid"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "the old secret stays valid for 3600 seconds"),
        (
            {"overlap": "both", "grace": None},
            "the old secret stays valid until you remove it",
        ),
        (
            {"overlap": "chosen", "grace": None},
            "the old secret stays valid until the time that you choose",
        ),
        ({"overlap": "none", "grace": None}, "the old secret becomes invalid at once"),
        (
            {"overlap": None, "grace": None, "shown_once": True},
            "not known how long the old secret stays valid; a new one is shown a single time",
        ),
    ],
)
def test_each_rotation_has_a_description(changes: dict[str, Any], text: str) -> None:
    data = ROTATED
    for key, value in changes.items():
        data = changed(data, f"secret.rotation.{key}", value)
    rotation = Scheme.from_mapping(data).rotation
    assert describe_rotation(rotation) == text
    assert rotation.source == ("a page",)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("secret.rotation", "both", "[secret]: rotation must be a table"),
        (
            "secret.rotation.overlap",
            "soon",
            "overlap must be one of both, chosen, grace, none, unknown",
        ),
        ("secret.rotation.overlap", "both", "needs grace, in seconds, and the others take none"),
        ("secret.rotation.overlap", None, 'overlap = "grace" needs grace'),
        ("secret.rotation.grace", None, 'overlap = "grace" needs grace'),
        ("secret.rotation.grace", "1h", "[rotation]: grace must be a whole number"),
        ("secret.rotation.grace", 0, "[rotation]: grace must be a whole number from 1"),
        ("secret.rotation.shown_once", 1, "[rotation]: shown_once must be true or false"),
        ("secret.rotation.source", None, "[rotation]: source is missing; add it"),
        ("secret.rotation.source", [], "[rotation]: source is empty; add an entry"),
        ("secret.rotation.source", "a page", "[rotation]: source must be a list"),
        ("secret.rotation.window", 5, "[rotation]: unknown key <not shown"),
        ("secret.rotation", {"source": ["a page"]}, "[rotation]: states nothing; add overlap"),
    ],
)
def test_a_mistake_in_the_table_is_named(path: str, value: object, message: str) -> None:
    with pytest.raises(InvalidScheme) as caught:
        Scheme.from_mapping(changed(ROTATED, path, value))
    assert message in str(caught.value)
    assert str(caught.value).startswith("scheme own: [secret]")


@pytest.mark.parametrize("slug", scheme_slugs())
def test_a_rotation_of_the_catalogue_has_a_source_like_that_of_a_scheme(slug: str) -> None:
    rotation = Scheme.load(slug).rotation
    assert all(s.startswith(("https://", "repo ", "npm ", "PyPI ")) for s in rotation.source)

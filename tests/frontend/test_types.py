"""The types of the module; ``tests/crosschecks`` gives them to TypeScript."""

from __future__ import annotations

import re

import pytest

from countermark import Scheme
from countermark.frontend import declarations
from countermark.frontend._types import fields_type
from countermark.schemes import scheme_slugs
from tests.samples import ANN, signer_of

OWN = {
    "slug": "acme",
    "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
    "values": {
        "seats": {"kind": "integer"},
        "is_admin": {"kind": "boolean"},
        "roles": {"kind": "list"},
        "plan": {"kind": "object"},
    },
    "fields": {
        "hash": "{mac}",
        "seats": "{seats}",
        "isAdmin": "{is_admin?}",
        "roles": "{roles}",
        "plan": "{plan}",
        "either": "{seats|email}",
        "url": "https://acme.example/{id:url}",
        "at": "{now:ms}",
        "debug": False,
        "version": 2,
    },
}


def test_each_scheme_has_the_names_of_its_fields() -> None:
    types = dict(re.findall(r'^  "([a-z0-9-]+)": \{ (.*) \};$', declarations(), re.MULTILINE))
    assert list(types) == scheme_slugs()
    for slug, line in types.items():
        for name in signer_of(slug).issue(ANN).fields:
            assert re.search(rf'(^|; )"?{re.escape(name)}"?\??: ', line), (slug, name)


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("stigg", "{ customerId: string; customerToken: string; }"),
        ("acquire", "{ user_hash: string; userDetails: { email: string; }; }"),
        ("crisp", '{ "user:email": [string, string]; }'),
        ("sigma", '{ ":embed": "true"; ":jwt": string; }'),
        ("disqus", "{ page: { remote_auth_s3: string; }; }"),
        ("launchdarkly", "{ context?: Record<string, unknown>; key?: string; hash: string; }"),
    ],
)
def test_the_type_of_a_scheme(slug: str, expected: str) -> None:
    assert fields_type(Scheme.load(slug)) == expected


def test_the_type_of_a_scheme_of_your_own() -> None:
    assert fields_type(Scheme.from_mapping(OWN)) == (
        "{ hash: string; seats: number; isAdmin?: boolean; roles: unknown[];"
        " plan: Record<string, unknown>; either: number | string; url: string;"
        " at: number; debug: false; version: 2; }"
    )

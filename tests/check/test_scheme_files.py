"""All mistakes in the file of a scheme, each with its line."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from importlib.resources import files
from typing import Any

import pytest
import tomli_w

from countermark.check._scheme_files import check_scheme

SIGNING = """\
name = 5
colour = "red"
lifetime = 0

[mac]
algorthm = "sha256"
message = "{Id}"
encoding = "base32"

[values.org]
kind = "list"
lower = true
default = [1, [2026-01-31]]

[settings]
App = { variable = "APP" }

[[vectors]]
secret = "x"
token = "x"
origin = "x"

[[vectors]]
now = "now"
"""

WEBHOOK = """\
kind = "http-signature"
[secret]
least = 0
[signature]
algorithm = "hs2019"
covers = [
    "date",
    "Host",
]
[timestamp]
header = "X-Time"
tolerance = 5
[id]
"""


def mistakes(text: str) -> list[tuple[int, str]]:
    """Return the lines and messages, without the name of the scheme."""
    checked = check_scheme(text.encode(), "own")
    return [(line, message.partition("scheme own: ")[2] or message) for line, message in checked[1]]


def test_all_mistakes_of_a_signing_scheme_are_found_with_their_lines() -> None:
    assert [(line, message[:40]) for line, message in mistakes(SIGNING)] == [
        (1, "name must be a text"),
        (2, "unknown key <not shown, as it may be a s"),
        (3, "lifetime must be a whole number from 1 t"),
        (5, "[mac]: algorithm is missing; add it"),
        (6, "[mac]: unknown key 'algorthm'; the keys "),
        (7, "[mac]: message: invalid text in braces; "),
        (8, "[mac]: encoding must be one of hex, hex-"),
        (12, "[values.org]: only a text can have lower"),
        (13, "[values.org]: default: JSON cannot hold "),
        (16, "[settings]: the name of an entry is inva"),
        (23, "[[vectors]]: origin is missing; add it"),
        (23, "[[vectors]]: secret is missing; add it"),
        (23, "[[vectors]]: token is missing; add it"),
        (24, "[[vectors]]: now must be a whole number"),
    ]


def test_all_mistakes_of_a_webhook_scheme_are_found_with_their_lines() -> None:
    assert [(line, message[:50]) for line, message in mistakes(WEBHOOK)] == [
        (2, '[secret]: kind = "http-signature" needs key_id_var'),
        (3, "[secret]: least must be a whole number from 1 on"),
        (5, "[signature]: algorithm must be one of hmac-sha256,"),
        (6, "[signature]: covers must hold (request-target), da"),
        (8, "[signature]: covers: an entry is not the name of a"),
        (10, "[timestamp]: give exactly one of header, entry and"),
        (13, "[id]: give exactly one of header and body"),
    ]


def test_a_wrong_value_causes_no_further_mistakes() -> None:
    assert [line for line, _ in mistakes('name = "x"\nmac = "sha256"\nfields = 5')] == [2, 3]
    value = '[values.x]\nkind = "number"\ndefault = 5\nid_at = "x"\n'
    payload = '[payload]\nformat = "xml"\nencoding = "none"\ncontent = "x"\n'
    assert [line for line, _ in mistakes(MAC + value + payload)] == [6, 10]
    assert [line for line, _ in mistakes('kind = "hmacs"\n[signature]\nsalt = 1')] == [1]
    assert len(mistakes('jwt = 1\nmac = 1\n[secret]\nrotation = {overlap = "soon"}')) == 5


MAC = '[mac]\nalgorithm = "sha256"\nencoding = "hex"\nmessage = "{id}"\n'
BODY = 'kind = "hmac"\n[signature]\nheader = "X"\nalgorithm = "sha1"\nencoding = "hex"\n'


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (MAC.replace("{id}", "{org}"), 4, "[mac]: message: unknown name"),
        (MAC + '[values.org]\n\ndefault = "a\\n"', 7, "[values.org]: default breaks the rules"),
        (MAC + '[token]\nheader = "Vary"', 6, "[token]: header: browsers, caches or servers act"),
        (MAC + '[token]\ntemplate = "{id}"', 6, "[token]: template must hold {mac}"),
        (MAC + '[fields]\na = "{jwt}"', 5, "[fields]: unknown name"),
        (MAC + '[secret]\n\nshapes = ["a*"]', 7, "[secret]: shapes: an entry matches the empty"),
        ("max_lifetime = 5\n" + MAC, 1, "nothing {expires}"),
        (MAC + "ambiguous = true", 5, "[mac]: unknown key"),
        ("notes = ''\n\nambiguous = true\n" + MAC, 3, "ambiguous = true, but the scheme is not"),
        (BODY + 'message = "{body}{id}"', 6, "[signature]: message: nothing separates {body}"),
        (BODY + 'message = "{timestamp}.{body}"', 1, "[timestamp] is needed if a time is signed"),
    ],
)
def test_a_contradiction_has_the_line_of_the_key_that_the_message_names(
    text: str, line: int, message: str
) -> None:
    ((found, problem),) = mistakes(text)
    assert problem.startswith(message)
    assert found == line


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"a = 1\nb = \n", 2, "invalid TOML at column 5; correct it there"),
        (b'a = 1\nb = """\n\n', 2, "invalid TOML at its end; correct it"),
        (b"a = 1\r\na = 2\r\n", 2, "invalid TOML at column 6; correct it there"),
        (b"a = " + b"[" * 9999, 1, "invalid TOML; correct it"),
        (b"a = 1\nb = '\xff'", 2, "the text is not UTF-8; save the file as UTF-8"),
        (b"\xef\xbb\xbfa = 1", 1, "invalid TOML at column 1; correct it there"),
    ],
)
def test_a_file_that_is_not_toml_has_the_line_of_the_error(
    content: bytes, line: int, message: str
) -> None:
    assert check_scheme(content, "own") == ("file", [(line, message)])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "signing"),
        (MAC, "signing"),
        ('kind = "hmac"', "webhook"),
        ("[signature]", "webhook"),
        ("[timestamp]\n[mac]", "webhook"),
        ("[id]", "webhook"),
    ],
)
def test_the_content_decides_the_kind_of_the_scheme(text: str, kind: str) -> None:
    assert check_scheme(text.encode(), "own").kind == f"{kind} scheme"


def test_the_name_of_the_file_is_the_default_slug() -> None:
    assert check_scheme(MAC.encode(), "own").mistakes == []
    ((line, message),) = check_scheme(MAC.encode(), "Own file").mistakes
    assert (line, message[:30]) == (1, "slug: invalid name for a schem")
    assert check_scheme(f'slug = "own"\n{MAC}'.encode(), "Own file").mistakes == []


@pytest.mark.parametrize(("package", "kind"), [("schemes", "signing"), ("webhooks", "webhook")])
def test_the_files_of_the_catalogue_have_no_mistake(package: str, kind: str) -> None:
    for path in (files("countermark") / package / "catalogue").iterdir():
        slug = path.name.removesuffix(".toml")
        assert check_scheme(path.read_bytes(), slug) == (f"{kind} scheme", [])


CANARY = "canary-7f3a9c5e1b2d4f60"


def with_canary(data: Any, path: tuple[Any, ...], *, as_key: bool) -> Any:
    """Return a copy of *data* with the canary as the value, or the key, at *path*."""
    copy = json.loads(json.dumps(data, default=str))
    inside = copy
    for key in path[:-1]:
        inside = inside[key]
    if not as_key:
        inside[path[-1]] = CANARY
    elif isinstance(inside, dict):
        del inside[path[-1]]
        inside[CANARY] = [date(2026, 1, 31)]  # of no type that any key has
    return copy


def places(data: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = []
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        found.append((*before, key))
        if isinstance(value, dict | list):
            found += places(value, (*before, key))
    return found


@pytest.mark.parametrize(
    ("package", "slug"),
    [
        ("schemes", "cognito-flow"),
        ("schemes", "launchdarkly"),
        ("schemes", "sigma"),
        ("schemes", "pusher"),
        ("webhooks", "cognito"),
        ("webhooks", "standard-webhooks"),
    ],
)
def test_no_message_contains_a_text_of_the_file(package: str, slug: str) -> None:
    path = files("countermark") / package / "catalogue" / f"{slug}.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    found = 0
    for place in places(data):
        for as_key in (False, True):
            text = tomli_w.dumps(with_canary(data, place, as_key=as_key))
            for _, message in check_scheme(text.encode(), "own").mistakes:
                assert CANARY not in message
                found += 1
    assert found > 20

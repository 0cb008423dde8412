"""The rules of delivery, as a table: which response may carry a token, and what it becomes."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import ConfigurationError
from countermark.delivery import Delivery

TOKEN = [("stigg-customer-token", "t")]
LINES = list[tuple[str, str]]


def delivery(vary: str | list[str] = "Cookie", cache_control: str = "private") -> Delivery[str]:
    return Delivery(
        ["stigg-customer-token"], vary=vary, cache_control=cache_control, encode=str, decode=str
    )


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        # Nothing said: may carry
        ([], None),
        ([("content-type", "text/html")], None),
        ([("set-cookie", "a=b"), ("x-etag", "1")], None),
        # Said to be for shared caches: left alone
        ([("cache-control", "public")], "public"),
        ([("Cache-Control", "PUBLIC, max-age=60")], "public"),
        ([("cache-control", "private"), ("cache-control", "public")], "public"),
        ([("cache-control", "no-store, public")], "public"),
        ([("cache-control", "s-maxage=60")], "s_maxage"),
        ([("cache-control", "private, s-maxage=0")], "s_maxage"),
        ([("cdn-cache-control", "no-store")], "targeted_field"),
        (
            [("Vendor-CDN-Cache-Control", "max-age=60"), ("cache-control", "private")],
            "targeted_field",
        ),
        ([("surrogate-control", "max-age=60")], "targeted_field"),
        ([("edge-control", "!no-store")], "targeted_field"),
        ([("x-accel-expires", "60")], "targeted_field"),
        # Closed to shared caches: may carry, whatever else it says
        ([("cache-control", "no-store")], None),
        ([("cache-control", "private")], None),
        ([("cache-control", " Private , max-age=60")], None),
        ([("cache-control", "max-age=60"), ("CACHE-CONTROL", "private")], None),
        ([("cache-control", "private"), ("etag", '"1"')], None),
        ([("cache-control", "no-store"), ("expires", "0"), ("last-modified", "x")], None),
        # Reusable without being closed: left alone
        ([("etag", '"1"')], "validator"),
        ([("Last-Modified", "x")], "validator"),
        ([("etag", '"1"'), ("cache-control", "no-cache")], "validator"),
        ([("expires", "0")], "freshness"),
        ([("cache-control", "max-age=1")], "freshness"),
        ([("cache-control", "max-age=0, max-age=1")], "freshness"),
        ([("cache-control", "max-age")], "freshness"),
        ([("cache-control", 'max-age="0"')], "freshness"),
        ([("cache-control", "immutable")], "freshness"),
        ([("cache-control", "stale-while-revalidate=60")], "unknown_directive"),
        ([("cache-control", 'private="set-cookie"')], "unknown_directive"),
        ([("cache-control", 'private="a, no-store"')], "unknown_directive"),
        ([("cache-control", "no-store=1")], "unknown_directive"),
        # A cache that understands this one ignores the no-store beside it
        ([("cache-control", "no-store, must-understand")], "unknown_directive"),
        ([("cache-control", "max-age=60, must-understand, no-store")], "freshness"),
        ([("cache-control", "no-store, must-understand, private")], None),
        ([("cache-control", 'x="private, no-store"')], "unknown_directive"),
        # What caches may read differently is left alone
        ([("cache-control", "=private")], "malformed_cache_control"),
        ([("cache-control", "private max-age")], "malformed_cache_control"),
        ([("cache-control", 'x="private')], "malformed_cache_control"),
        ([("cache-control", 'private, x="')], "malformed_cache_control"),
        ([("cache-control", 'private, "')], "malformed_cache_control"),
        ([("cache-control", "private;no-store")], "malformed_cache_control"),
        # Nothing more than revalidation: may carry
        ([("cache-control", "")], None),
        ([("cache-control", ", ,")], None),
        ([("cache-control", "no-cache")], None),
        ([("cache-control", 'no-cache="set-cookie"')], None),
        ([("cache-control", "max-age=0")], None),
        ([("cache-control", "no-cache, max-age=0, must-revalidate, no-transform")], None),
        ([("cache-control", "proxy-revalidate")], None),
        ([("vary", "*")], None),
    ],
)
def test_which_response_is_left_alone(headers: LINES, reason: str | None) -> None:
    assert delivery().refusal(headers) == reason


@pytest.mark.parametrize(
    ("headers", "rewritten"),
    [
        ([], [("vary", "Cookie"), ("cache-control", "private")]),
        (
            [("content-type", "text/html"), ("Set-Cookie", "a"), ("Set-Cookie", "b")],
            [
                ("content-type", "text/html"),
                ("Set-Cookie", "a"),
                ("Set-Cookie", "b"),
                ("vary", "Cookie"),
                ("cache-control", "private"),
            ],
        ),
        (
            [("Vary", "Accept-Encoding"), ("x", "1")],
            [("Vary", "Accept-Encoding, Cookie"), ("x", "1"), ("cache-control", "private")],
        ),
        (
            [("vary", "Accept"), ("x", "1"), ("VARY", "Origin")],
            [("vary", "Accept, Origin, Cookie"), ("x", "1"), ("cache-control", "private")],
        ),
        ([("vary", "cookie")], [("vary", "cookie"), ("cache-control", "private")]),
        ([("vary", "*")], [("vary", "*"), ("cache-control", "private")]),
        ([("vary", "")], [("vary", "Cookie"), ("cache-control", "private")]),
        ([("vary", "x-cookie")], [("vary", "x-cookie, Cookie"), ("cache-control", "private")]),
        (
            [("Cache-Control", "no-cache"), ("cache-control", "max-age=0")],
            [("Cache-Control", "no-cache, max-age=0, private"), ("vary", "Cookie")],
        ),
        ([("cache-control", "")], [("cache-control", "private"), ("vary", "Cookie")]),
        (
            [("cache-control", "private, max-age=60")],
            [("cache-control", "private, max-age=60"), ("vary", "Cookie")],
        ),
        (
            [("Stigg-Customer-Token", "stale"), ("x", "1")],
            [("x", "1"), ("vary", "Cookie"), ("cache-control", "private")],
        ),
    ],
)
def test_what_the_headers_beside_a_token_become(headers: LINES, rewritten: LINES) -> None:
    assert delivery().rewritten(headers, TOKEN, private=True) == rewritten + TOKEN


@pytest.mark.parametrize(
    ("headers", "rewritten"),
    [
        ([], [("vary", "Cookie")]),
        ([("cache-control", "no-cache")], [("cache-control", "no-cache"), ("vary", "Cookie")]),
        (
            [("vary", "a"), ("stigg-customer-token", "x")],
            [("vary", "a, Cookie"), ("stigg-customer-token", "x")],
        ),
    ],
)
def test_for_nobody_a_response_varies_and_stays_as_it_is(headers: LINES, rewritten: LINES) -> None:
    assert delivery().rewritten(headers, [], private=False) == rewritten


def test_the_options() -> None:
    several = delivery(vary=["Cookie", "Authorization"], cache_control="no-store")
    assert several.rewritten([("vary", "authorization")], TOKEN, private=True) == [
        ("vary", "authorization, Cookie"),
        ("cache-control", "no-store"),
        *TOKEN,
    ]
    assert several.private_lines == [
        ("vary", "Cookie, Authorization"),
        ("cache-control", "no-store"),
    ]
    none = delivery(vary=[])
    assert none.rewritten([("x", "1")], TOKEN, private=True) == [
        ("x", "1"),
        ("cache-control", "private"),
        *TOKEN,
    ]
    assert none.varying_lines == []
    with pytest.raises(ConfigurationError, match="'private' or 'no-store'"):
        delivery(cache_control="public")
    bad: Any
    for bad in ("", "Cookie, Authorization", "Coo kie", None, 3, b"Cookie", ["Cookie", 3]):
        with pytest.raises(ConfigurationError, match="names of request headers"):
            delivery(vary=bad)


def test_a_token_that_may_stand_in_the_body_closes_the_response() -> None:
    assert delivery().rewritten([("cache-control", "no-cache")], [], private=True) == [
        ("cache-control", "no-cache, private"),
        ("vary", "Cookie"),
    ]


def test_the_memory_of_names_is_bounded() -> None:
    rules = delivery()
    for number in range(3000):
        assert rules.refusal([(f"x-{number}", "1")]) is None
    assert len(rules.foreign) <= 1024

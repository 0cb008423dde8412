"""Which pages may ask."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark import BadToken, ConfigurationError
from countermark.verifying import AllowedOrigins
from countermark.verifying._origins import claimed_origin
from tests.verifying.protocols import environ_of, scope_of

APP = "https://app.example"
LISTED = [APP, "https://app.example:8443", "https://[2001:db8::1]"]

both = pytest.mark.parametrize("source", [scope_of, environ_of], ids=["asgi", "wsgi"])


def refused(origins: AllowedOrigins, source: Any) -> bool:
    try:
        origins.allowed(source)
    except BadToken as error:
        return error.code == "origin_refused"
    return False


@both
def test_an_origin_of_the_list_is_allowed(source: Any) -> None:
    origins = AllowedOrigins(LISTED)
    for origin in LISTED:
        assert origins.allowed(source([(b"Origin", origin.encode())])) == origin


@both
@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example/",
        "https://app.example.",
        "https://app.example:443",
        "https://app.example.evil.example",
        "https://evil-app.example",
        "https://app.example@evil.example",
        "http://app.example",
        "HTTPS://app.example",
        "https://APP.example",
        "https://app.example https://app.example",
        "https://app.example,https://app.example",
        " https://app.example",
        "null",
        "*",
        "app.example",
    ],
)
def test_another_origin_is_refused(source: Any, origin: str) -> None:
    assert refused(AllowedOrigins(LISTED), source([(b"origin", origin.encode())]))


@both
def test_two_origins_are_refused_even_if_equal(source: Any) -> None:
    lenient = AllowedOrigins(LISTED, missing="allow", null="allow")
    for second in (APP.encode(), b"null", b"https://evil.example"):
        assert refused(lenient, source([(b"origin", APP.encode()), (b"origin", second)]))
    assert claimed_origin(scope_of([(b"origin", b"a"), (b"origin", b"a")])) is None
    assert claimed_origin(source([(b"origin", b"https://evil.example")])) == "https://evil.example"


@both
def test_missing_and_null_origins_are_refused_unless_allowed(source: Any) -> None:
    without, null = source(), source([(b"origin", b"null")])
    assert refused(AllowedOrigins(LISTED), without)
    assert refused(AllowedOrigins(LISTED), null)
    assert AllowedOrigins(LISTED, missing="allow").allowed(without) is None
    assert refused(AllowedOrigins(LISTED, missing="allow"), null)
    assert AllowedOrigins(LISTED, null="allow").allowed(null) is None
    assert refused(AllowedOrigins(LISTED, null="allow"), without)


@both
@given(st.binary())
def test_only_exactly_the_listed_bytes_are_allowed(source: Any, value: bytes) -> None:
    given = source([(b"origin", value)])
    assert refused(AllowedOrigins(LISTED), given) or value.decode() in LISTED


@pytest.mark.parametrize(
    ("origin", "advice"),
    [
        ("https://a.example/", "write 'https://a.example'"),
        ("https://a.example/path?query", "write 'https://a.example'"),
        ("https://a.example:443", "write 'https://a.example'"),
        ("https://A.Example", "write 'https://a.example'"),
        (" https://a.example", "write 'https://a.example'"),
        ("a.example", "write 'https://a.example'"),
        ("a.example:8443/", "write 'https://a.example:8443'"),
        ("http://a.example", "only https is allowed; write 'https://a.example'"),
        ("http://a.example:80", "write 'https://a.example:80'"),
        ("http://localhost:80", "write 'http://localhost'"),
        ("http://LOCALHOST:3000/", "write 'http://localhost:3000'"),
        ("https://*.a.example", "wildcards do not work; list each origin in full"),
        ("*", "wildcards do not work"),
        ("null", "use null='allow'"),
        ("https://a.example:99999", "browsers do not send this port"),
        ("https://a.example:08443", "is not an origin as browsers send it"),
        ("https://a.example:", "write https://, the host in ASCII"),
        ("https://user@a.example", "write https://, the host in ASCII"),
        ("https://müller.example", "write https://, the host in ASCII"),
        ("ftp://a.example", "write 'https://a.example'"),
        ("https://a..example", "write https://, the host in ASCII"),
        ("https://a.example\n", "write 'https://a.example'"),
        ("", "write https://, the host in ASCII"),
        (b"https://a.example", "an origin must be a text such as 'https://app.example', not bytes"),
    ],
)
def test_an_origin_that_browsers_do_not_send_is_refused_with_advice(
    origin: Any, advice: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        AllowedOrigins([APP, origin])
    assert advice in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"origins": APP}, r"must be a list, such as \['https://app.example'\]"),
        ({"origins": 7}, "must be a list"),
        ({"origins": []}, "origins= is empty"),
        ({"origins": [APP], "missing": "ignore"}, "missing= of allowed origins must be"),
        ({"origins": [APP], "null": True}, "null= of allowed origins must be"),
        ({"origins": [APP], "loopback": "yes"}, "loopback= must be True, False or None"),
    ],
)
def test_other_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        AllowedOrigins(**options)


LOOPBACK = [
    "http://localhost:3000",
    "http://localhost",
    "http://app.localhost:3000",
    "http://127.0.0.1:8000",
    "http://127.0.0.2",
    "http://[::1]:8000",
    "https://localhost:3000",
]


@pytest.mark.parametrize("origin", LOOPBACK)
def test_loopback_origins_are_allowed_outside_live_only(origin: str) -> None:
    for loopback, environment, fits in (
        (None, "test", True),
        (None, None, False),
        (None, "live", False),
        (True, "test", True),
        (True, None, True),
        (True, "live", False),
        (False, "test", False),
    ):
        origins = AllowedOrigins([APP, origin], loopback=loopback)
        try:
            origins.check_environment(environment)
        except ConfigurationError as error:
            assert not fits
            assert f"{origin} is a loopback origin" in str(error)
        else:
            assert fits


def test_other_origins_are_allowed_in_every_environment() -> None:
    origins = AllowedOrigins([*LISTED, "https://localhost.example", "https://127.0.0.1.example"])
    for environment in (None, "live", "test"):
        origins.check_environment(environment)


def test_the_representation_lists_the_origins() -> None:
    assert repr(AllowedOrigins(iter([APP]))) == "<AllowedOrigins https://app.example>"

"""Where a token is in a request, in both protocols."""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from countermark import BadToken, ConfigurationError
from countermark.verifying import from_cookie, from_header, from_query
from countermark.verifying._locations import Location
from tests.drivers import http_scope
from tests.verifying.protocols import environ_of, scope_of

X = from_header("X-Customer-Key")
SIGNATURE = from_query("signature")
TOKEN = from_cookie("token")

Source = Callable[..., Any]
both = pytest.mark.parametrize("source", [scope_of, environ_of], ids=["asgi", "wsgi"])


def ambiguous(location: Location, source: Any) -> bool:
    try:
        location(source)
    except BadToken as error:
        return error.code == "ambiguous"
    return False


@both
@pytest.mark.parametrize("name", [b"x-customer-key", b"X-CUSTOMER-KEY", b"X-Customer-Key"])
def test_a_header_is_found_in_any_case(source: Source, name: bytes) -> None:
    assert X(source([(b"host", b"a"), (name, b"HMAC-SHA256 a:b")])) == "HMAC-SHA256 a:b"
    assert from_header("x-cUSTOMER-key")(source([(name, b"t")])) == "t"


@both
@pytest.mark.parametrize("location", [X, SIGNATURE, TOKEN])
def test_a_missing_or_empty_value_returns_none(source: Source, location: Location) -> None:
    assert location(source()) is None
    others = [(b"x-customer-kez", b"1"), (b"cookie", b"tokens=1; atoken=2;; token; =3")]
    assert location(source(others, query=b"&&signatures=1&asignature=2&signature&=3")) is None
    empty = [(b"x-customer-key", b""), (b"cookie", b"token=")]
    assert location(source(empty, query=b"signature=")) is None


@pytest.mark.parametrize("second", [b"good", b"evil", b""])
@pytest.mark.parametrize("name", [b"x-customer-key", b"X-CUSTOMER-KEY", b"x_customer_key"])
def test_a_second_header_makes_it_ambiguous(name: bytes, second: bytes) -> None:
    good = (b"x-customer-key", b"good")
    assert ambiguous(X, scope_of([good, (name, second)]))
    assert ambiguous(X, scope_of([(name, second), good]))


@pytest.mark.parametrize("name", [b"x_customer_key", b"X_CUSTOMER_KEY", b"x-customer_key"])
def test_underscores_alone_make_it_ambiguous(name: bytes) -> None:
    assert ambiguous(X, scope_of([(name, b"good")]))


def test_wsgi_joins_two_headers_with_a_comma() -> None:
    pair = [(b"x-customer-key", b"good"), (b"X_CUSTOMER_KEY", b"evil")]
    assert X(environ_of(pair)) == "good,evil"
    assert (X.folds, TOKEN.folds, SIGNATURE.folds) == (True, True, False)


@both
@pytest.mark.parametrize(
    "query",
    [
        b"signature=a&signature=a",
        b"signature=a&x=1&signature=b",
        b"signature=&signature=b",
        b"signature&signature=b",
        b"signature=a&%73ignature=b",
        b"%73ignatur%65=a&signature=",
    ],
)
def test_a_second_parameter_makes_it_ambiguous(source: Source, query: bytes) -> None:
    assert ambiguous(SIGNATURE, source(query=query))


@both
def test_a_query_is_decoded_as_forms_are(source: Source) -> None:
    for query, value in {
        b"a=1&signature=x%2By%2Fz%3D&b=2": "x+y/z=",
        b"signature=x+y=": "x y=",  # a + that was not encoded is lost, and so is the token
        b"signature=%C3%BC": "ü",
        b"signature=%FC": "\udcfc",
        b"signature=%zz%": "%zz%",
        b"signature=a;b=2": "a;b=2",
        b"sign%61ture=a": "a",
    }.items():
        assert SIGNATURE(source(query=query)) == value
    assert from_query("my ü")(source(query=b"my+%c3%bc=1")) == "1"


def test_a_request_may_have_no_query() -> None:
    scope = http_scope()
    del scope["query_string"]
    assert SIGNATURE(scope) is None
    assert SIGNATURE({"REQUEST_METHOD": "GET"}) is None


@both
def test_a_cookie_among_others(source: Source) -> None:
    assert TOKEN(source([(b"cookie", b"a=1; token=HMAC-SHA256 a:b ;b=2")])) == "HMAC-SHA256 a:b"
    assert TOKEN(source([(b"cookie", b"token=a==")])) == "a=="
    assert TOKEN(source([(b"cookie", b"Token=a")])) is None
    assert TOKEN(source([(b"cookie", b'token="')])) == '"'
    assert TOKEN(source([(b"cookie", b'token="a')])) == '"a'
    assert TOKEN(source([(b"cookie", b'token=""')])) is None


@both
@pytest.mark.parametrize("space", [b"\x0b", b"\x0c", b"\xa0", b"\x85"])
def test_white_space_that_http_does_not_allow_belongs_to_a_cookie(
    source: Source, space: bytes
) -> None:
    """Such a name is another cookie, which a prefix such as ``__Host-`` does not protect."""
    assert TOKEN(source([(b"cookie", space + b"token=a")])) is None
    assert TOKEN(source([(b"cookie", b"token=a" + space)])) != "a"


@both
@pytest.mark.parametrize(
    "cookie",
    [
        b"token=a; token=a", b"token=a;x=1;token=b", b"token;token=b",
        # The parsers of Starlette and Django strip more from a name.
        b"token=a; \xa0token=b", b"\x85token=b;token=a", b"token=a;\x0ctoken\x1c=b",
    ],
)  # fmt: skip
def test_a_second_cookie_makes_it_ambiguous(source: Source, cookie: bytes) -> None:
    assert ambiguous(TOKEN, source([(b"cookie", cookie)]))


def test_http_2_sends_a_header_for_each_cookie() -> None:
    assert TOKEN(scope_of([(b"cookie", b"a=1"), (b"Cookie", b"token=b")])) == "b"
    assert ambiguous(TOKEN, scope_of([(b"cookie", b"token=b"), (b"cookie", b"token=b")]))


@both
@given(st.text(st.characters(max_codepoint=255), min_size=1))
def test_a_cookie_that_python_wrote_is_read_as_it_was(source: Source, value: str) -> None:
    # http.cookies writes its characters as Latin-1.
    cookie = SimpleCookie()
    cookie["token"] = value
    sent = cookie["token"].OutputString().encode("latin-1")
    read = TOKEN(source([(b"cookie", sent)]))
    stripped = value if sent.endswith(b'"') else value.strip()
    expected = stripped.encode("latin-1").decode("utf-8", "surrogateescape")
    assert read == (expected or None)


@both
@given(st.lists(st.tuples(st.sampled_from(["signature", "s", ""]), st.text())))
def test_queries_are_read_as_the_standard_library_does(
    source: Source, fields: list[tuple[str, str]]
) -> None:
    for encode in (quote, quote_plus):
        query = "&".join(f"{encode(name)}={encode(value)}" for name, value in fields)
        expected = [v for n, v in parse_qsl(query, keep_blank_values=True) if n == "signature"]
        given = source(query=query.encode())
        if len(expected) > 1:
            assert ambiguous(SIGNATURE, given)
        else:
            assert SIGNATURE(given) == ("".join(expected) or None)


@both
@given(
    st.lists(st.tuples(st.sampled_from([b"cookie", b"x-customer-key"]), st.binary())),
    st.binary(),
)
@example([(b"cookie", b'token="\\400\\"')], b"%=%&signature=%")
def test_arbitrary_bytes_raise_no_other_error(
    source: Source, headers: list[tuple[bytes, bytes]], query: bytes
) -> None:
    given = source(headers, query=query)
    for location in (X, SIGNATURE, TOKEN):
        assert ambiguous(location, given) or isinstance(location(given), str | None)


def test_text_that_no_server_would_put_into_an_environ_is_read() -> None:
    environ = {
        "REQUEST_METHOD": "GET", "HTTP_X_CUSTOMER_KEY": "ключ\udcff", "QUERY_STRING": "signature=ы",
        "HTTP_COOKIE": "token=ы",
    }  # fmt: skip
    assert X(environ) == "ключ\udced\udcb3\udcbf"
    assert SIGNATURE(environ) == TOKEN(environ) == "ы"


@both
@pytest.mark.parametrize("unit", [b"a", b"&", b"=", b"%", b"%61", b"+", b";", b'"', b"\\", b","])
def test_a_long_text_is_read_in_one_go(source: Source, unit: bytes) -> None:
    """Quadratic time would take many minutes, and so be noticed."""
    long = unit * (256 * 1024 // len(unit))
    headers = [(b"x-customer-key", long), (b"cookie", b'token="' + long + b'"')]
    given = source(headers, query=b"signature=" + long)
    for location in (X, SIGNATURE, TOKEN):
        assert ambiguous(location, given) or isinstance(location(given), str | None)


def test_a_websocket_has_headers_cookies_and_a_query_too() -> None:
    scope = http_scope(
        type="websocket",
        headers=[(b"x-customer-key", b"a"), (b"cookie", b"token=b")],
        query_string=b"signature=c",
    )
    assert [X(scope), TOKEN(scope), SIGNATURE(scope)] == ["a", "b", "c"]


def test_a_variable_called_type_makes_no_scope_of_an_environ() -> None:
    assert X({**environ_of([(b"x-customer-key", b"a")]), "type": "http"}) == "a"


def test_the_representation_names_the_location() -> None:
    assert repr(X) == "from_header('X-Customer-Key')"
    assert repr(SIGNATURE) == "from_query('signature')"
    assert repr(TOKEN) == "from_cookie('token')"
    assert (X.kind, X.name) == ("header", "X-Customer-Key")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (from_header, "X_Customer_Key"),
        (from_header, "Ä"),
        (from_header, ""),
        (from_header, "a\n"),
        (from_header, None),
        (from_query, ""),
        (from_query, b"signature"),
        (from_cookie, "a b"),
        (from_cookie, "a;b"),
        (from_cookie, ""),
        (from_cookie, 7),
    ],
)
def test_an_invalid_name_is_refused(make: Callable[[Any], Location], name: Any) -> None:
    with pytest.raises(ConfigurationError, match="is invalid"):
        make(name)

"""Random response headers: foreign ones stay in order, and the given list is not changed."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from countermark import Keyring, Signer
from countermark import asgi as asgi_side
from countermark import wsgi as wsgi_side
from countermark.asgi import Receive, Scope, Send
from tests.drivers import Environ, answer, call, http_scope, request

SIGNER = Signer("stigg", Keyring("a-secret-of-the-tests-with-enough-bytes"))
TOUCHED = {b"vary", b"cache-control", b"stigg-customer-token"}

KNOWN = st.sampled_from(
    [b"vary", b"Cache-Control", b"ETag", b"Set-Cookie", b"Stigg-Customer-Token", b"Expires"]
)
NAMES = KNOWN | st.text("aB-1", min_size=1, max_size=5).map(str.encode)
DIRECTIVES = st.lists(
    st.sampled_from(
        [
            "public",
            "private",
            "no-store",
            "no-cache",
            "max-age=0",
            "max-age=9",
            "s-maxage=1",
            "must-revalidate",
            "*",
            "Cookie",
            "Accept",
            'private="a,b"',
            '"',
            "",
            "\xa0no-store",
            "Cookie\x85",
            "private\x1f",
        ]
    ),
    max_size=3,
).map(", ".join)
VALUES = DIRECTIVES.map(lambda text: text.encode("latin-1")) | st.binary(max_size=8)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=8)
STATUSES = st.sampled_from([101, 200, 201, 301, 304, 404, 500])
PRINCIPALS = st.sampled_from(["user-1", None, "bad\nid"])


def alone(headers: Any, status: int) -> bool:
    """Tell, less precisely than the code, whether a response may be left alone."""
    names = {name.lower() for name, _ in headers}
    said = b",".join(value for name, value in headers if name.lower() == b"cache-control")
    harmless = {b"", b"no-cache", b"max-age=0", b"must-revalidate", b"private", b"no-store"}
    more = {part.strip() for part in said.split(b",")} - harmless
    return status in (101, 304) or bool(names & {b"etag", b"expires"}) or bool(more)


def foreign(headers: Any) -> list[Any]:
    return [pair for pair in headers if pair[0].lower() not in TOUCHED]


async def asgi_page(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(scope["answer"], scope["status"])(scope, receive, send)


def wsgi_page(environ: Environ, start_response: Any) -> list[bytes]:
    start_response(environ["tests.status"], environ["tests.answer"])
    return []


# One middleware for all examples: from the second request on, it knows the names of headers
# without a meaning to it, and takes the fast path.
ASGI = asgi_side.SigningMiddleware(
    asgi_page, signers=SIGNER, principal=lambda scope: scope["principal"]
)
WSGI = wsgi_side.SigningMiddleware(
    wsgi_page, signers=SIGNER, principal=lambda environ: environ["tests.principal"]
)


@given(HEADERS, STATUSES, PRINCIPALS, st.sampled_from([list, tuple, iter]))
@example([(b"Cache-Control", b"no-cache"), (b"cache-control", b"max-age=0")], 200, "user-1", list)
def test_foreign_headers_survive_under_asgi(
    headers: Any, status: int, principal: str | None, form: Any
) -> None:
    before = list(headers)
    scope = http_scope(answer=form(headers), status=status, principal=principal)
    start, body = request(ASGI, scope)
    assert headers == before
    assert start["status"] == status
    assert body == {"type": "http.response.body", "body": b"ok"}
    check(before, list(start["headers"]), status, principal)


@given(HEADERS, STATUSES, PRINCIPALS)
@example([(b"Cache-Control", b"no-cache"), (b"cache-control", b"max-age=0")], 200, "user-1")
def test_foreign_headers_survive_under_wsgi(
    headers: Any, status: int, principal: str | None
) -> None:
    given = [(name.decode(), value.decode("latin-1")) for name, value in headers]
    before = given.copy()
    environ = {
        "tests.answer": given,
        "tests.status": f"{status} Status",
        "tests.principal": principal,
    }
    result = call(WSGI, **environ)
    assert given == before
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in result.headers]
    check(headers, encoded, status, principal)


def check(before: list[Any], after: list[Any], status: int, principal: str | None) -> None:
    assert foreign(after) == foreign(before)
    names = [name.lower() for name, _ in after]
    ours = SIGNER.sign("user-1").encode()
    tokens = [value for name, value in after if name.lower() == b"stigg-customer-token"]
    if after == before:
        # Left alone for a reason: the application set the header, or it may not carry a token.
        assert ours not in tokens
        assert principal != "user-1" or alone(before, status)
        return
    assert status not in (101, 304)
    assert principal != "bad\nid"
    assert names.count(b"vary") == 1
    vary = after[names.index(b"vary")][1].decode("latin-1")
    assert {"cookie", "*"} & {name.strip().lower() for name in vary.split(",")}
    said = ",".join(v.decode("latin-1").lower() for n, v in after if n.lower() == b"cache-control")
    assert "public" not in said
    assert "s-maxage" not in said
    if principal is None:
        assert ours not in tokens
    else:
        assert tokens == [ours]
        assert {"private", "no-store"} <= {part.strip() for part in said.split(",")}

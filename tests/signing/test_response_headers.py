"""The rules for response headers: which response may carry a token, and how headers change."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import ConfigurationError, Keyring, RequestIdentity, Signer
from countermark.signing import SigningConfig, text_headers

SECRET = "a-secret-of-the-tests-with-enough-bytes"
USER = "user-1"
TOKEN = ("Stigg-Customer-Token", Signer("stigg", Keyring(SECRET)).sign(USER))
VARY = ("vary", "Cookie, Authorization")
CLOSED = ("cache-control", "private, no-store")
LINES = list[tuple[str, str]]


class Page:
    """A page of one user, with or without a read of the token by its code."""

    def __init__(self, header: str | None = TOKEN[0], **options: Any) -> None:
        signer = Signer("stigg", Keyring(SECRET), header=header)
        self.events: list[tuple[str, str]] = []
        self.config = SigningConfig(
            signer,
            lambda source: source["user"],
            on_event=lambda event: self.events.append((event.name, event.reason)),
            **options,
        )
        self.rules = text_headers(self.config)

    def sent(
        self,
        headers: LINES,
        status: int = 200,
        *,
        user: str | None = USER,
        read: bool = False,
        read_late: bool = False,
    ) -> LINES:
        """Return the headers that the server sends."""
        identity = RequestIdentity(self.config, {"user": user})
        if read:
            identity.payload()
        sent = self.rules.apply(identity, status, headers)
        if read_late:
            identity.payload()
        return list(sent)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        # Without Cache-Control: may carry
        ([], None),
        ([("content-type", "text/html")], None),
        ([("set-cookie", "a=b"), ("x-etag", "1")], None),
        # For shared caches: left alone
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
        # Closed to all caches: may carry, with any other directive
        ([("cache-control", "no-store")], None),
        ([("cache-control", "No-Store, max-age=60")], None),
        ([("cache-control", "no-store"), ("expires", "0"), ("last-modified", "x")], None),
        ([("cache-control", "private, no-store"), ("etag", '"1"')], None),
        # Closed to shared caches, and not reusable by a browser: may carry
        ([("cache-control", "private")], None),
        ([("cache-control", "private, max-age=0, must-revalidate")], None),
        ([("cache-control", "private, pre-check=0")], None),
        ([("cache-control", "private, max-age=0"), ("expires", "0")], None),
        (
            [("cache-control", "private, no-cache"), ("expires", "Thu, 1 Jan 1970 00:00:00 GMT")],
            None,
        ),
        # Closed to shared caches, and reusable by a browser for the next user: left alone
        ([("cache-control", "private"), ("etag", '"1"')], "validator"),
        ([("cache-control", "private"), ("Last-Modified", "x")], "validator"),
        ([("cache-control", "private, no-cache"), ("etag", '"1"')], "validator"),
        ([("cache-control", " Private , max-age=60")], "freshness"),
        ([("cache-control", "max-age=60"), ("CACHE-CONTROL", "private")], "freshness"),
        ([("cache-control", "private, immutable")], "freshness"),
        ([("cache-control", "private, max-age=0, stale-while-revalidate=60")], "freshness"),
        ([("cache-control", "private, stale-if-error=60")], "freshness"),
        ([("cache-control", "private"), ("expires", "0")], "freshness"),
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
        ([("cache-control", "stale-while-revalidate=60")], "freshness"),
        ([("cache-control", "no-transform, community=x")], "unknown_directive"),
        ([("cache-control", 'private="set-cookie"')], "unknown_directive"),
        ([("cache-control", 'private="a, no-store"')], "unknown_directive"),
        ([("cache-control", "no-store=1")], "unknown_directive"),
        # A cache that understands this directive ignores the no-store next to it
        ([("cache-control", "no-store, must-understand")], "unknown_directive"),
        ([("cache-control", "max-age=60, must-understand, no-store")], "freshness"),
        ([("cache-control", "no-store, must-understand, private")], "unknown_directive"),
        ([("cache-control", 'x="private, no-store"')], "unknown_directive"),
        # Caches may parse these differently: left alone
        ([("cache-control", "=private")], "malformed_cache_control"),
        ([("cache-control", "private max-age")], "malformed_cache_control"),
        ([("cache-control", 'x="private')], "malformed_cache_control"),
        ([("cache-control", 'private, x="')], "malformed_cache_control"),
        ([("cache-control", 'private, "')], "malformed_cache_control"),
        ([("cache-control", "private;no-store")], "malformed_cache_control"),
        # Only revalidation: may carry
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
def test_a_response_that_a_cache_may_reuse_is_left_alone(
    headers: LINES, reason: str | None
) -> None:
    page = Page()
    sent = page.sent(headers)
    assert (TOKEN in sent) is (reason is None)
    assert page.events == [("signed", "current") if reason is None else ("withheld", reason)]
    assert reason is None or sent == headers


def cache_control(headers: LINES) -> str:
    """Return the one value of Cache-Control, its directives in order."""
    (value,) = [value for name, value in headers if name.lower() == "cache-control"]
    return value


@pytest.mark.parametrize("header", [TOKEN[0], None], ids=["token header", "state only"])
@pytest.mark.parametrize("option", ["no-store", "private"])
@pytest.mark.parametrize(
    ("headers", "becomes"),
    [
        ([("etag", '"1"')], "private, no-store"),
        ([("last-modified", "x")], "private, no-store"),
        ([("cache-control", "private"), ("etag", '"1"')], "private, no-store"),
        ([("cache-control", "no-cache"), ("etag", '"1"')], "no-cache, private, no-store"),
        ([("cache-control", "max-age=60")], "max-age=60, private, no-store"),
        ([("cache-control", "private, max-age=60")], "private, max-age=60, no-store"),
        ([("expires", "x")], "private, no-store"),
        ([("cache-control", "x=1")], "x=1, private, no-store"),
    ],
)
def test_a_token_in_the_body_closes_a_response_that_a_browser_may_reuse(
    headers: LINES, becomes: str, option: str, header: str | None
) -> None:
    page = Page(header, cache_control=option)
    sent = page.sent(headers, read=True)
    assert cache_control(sent) == becomes
    assert VARY in sent
    assert (TOKEN in sent) is (header is not None)
    assert page.events == [("signed", "current")]


@pytest.mark.parametrize("header", [TOKEN[0], None], ids=["token header", "state only"])
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([("cache-control", "public, max-age=60")], "public"),
        ([("cache-control", "private, s-maxage=60")], "s_maxage"),
        ([("cdn-cache-control", "max-age=60")], "targeted_field"),
        ([("cache-control", "private;no-store")], "malformed_cache_control"),
    ],
)
def test_a_token_in_the_body_of_a_shared_response_is_reported(
    headers: LINES, reason: str, header: str | None
) -> None:
    for late in (False, True):
        page = Page(header)
        assert page.sent(headers, read=not late, read_late=late) == headers
        assert page.events[-1] == ("exposed", reason)


@pytest.mark.parametrize("status", [300, 301, 308, 410])
@pytest.mark.parametrize("headers", [[], [("cache-control", "no-cache")], [("vary", "Accept")]])
def test_a_response_whose_status_browsers_cache_becomes_no_store(
    status: int, headers: LINES
) -> None:
    for read in (False, True):
        sent = Page(cache_control="private").sent(headers, status, read=read)
        assert TOKEN in sent
        assert cache_control(sent).endswith("private, no-store")
    assert "no-store" not in cache_control(Page(cache_control="private").sent(headers, 302))


class TestStateOnly:
    """Signers without a header: tokens are only in the body of the page."""

    @pytest.mark.parametrize("headers", [[], [("vary", "Accept")], [("etag", '"1"')]])
    def test_a_response_whose_application_reads_nothing_is_left_alone(self, headers: LINES) -> None:
        page = Page(None)
        assert page.sent(headers) == headers
        assert page.events == []

    def test_a_token_that_was_read_closes_the_response(self) -> None:
        for headers in ([], [("x-a", "1")]):
            assert Page(None).sent(headers, read=True) == [*headers, VARY, CLOSED]

    def test_an_anonymous_page_that_read_the_identity_varies(self) -> None:
        assert Page(None).sent([], read=True, user=None) == [VARY]

    def test_an_identity_that_fails_changes_nothing(self) -> None:
        page = Page(None)
        assert page.sent([], read=True, user="user\n1") == []
        assert [name for name, _ in page.events] == ["failed"]

    @pytest.mark.parametrize(
        ("headers", "option", "reported"),
        [
            ([], "no-store", True),
            ([("vary", "Accept")], "no-store", True),
            ([("cache-control", "private")], "no-store", True),
            ([("cache-control", "private")], "private", False),
            ([("cache-control", "no-store")], "no-store", False),
            ([("cache-control", "no-store")], "private", False),
        ],
    )
    def test_a_token_that_is_read_after_the_start_is_reported(
        self, headers: LINES, option: str, reported: bool
    ) -> None:
        page = Page(None, cache_control=option)
        assert page.sent(headers, read_late=True) == headers
        exposed = [reason for name, reason in page.events if name == "exposed"]
        assert exposed == (["not_closed"] if reported else [])


@pytest.mark.parametrize(
    ("headers", "rewritten"),
    [
        ([], [VARY, CLOSED]),
        (
            [("content-type", "text/html"), ("Set-Cookie", "a"), ("Set-Cookie", "b")],
            [("content-type", "text/html"), ("Set-Cookie", "a"), ("Set-Cookie", "b"), VARY, CLOSED],
        ),
        (
            [("Vary", "Accept-Encoding"), ("x", "1")],
            [("Vary", "Accept-Encoding, Cookie, Authorization"), ("x", "1"), CLOSED],
        ),
        (
            [("vary", "Accept"), ("x", "1"), ("VARY", "Origin")],
            [("vary", "Accept, Origin, Cookie, Authorization"), ("x", "1"), CLOSED],
        ),
        ([("vary", "cookie")], [("vary", "cookie, Authorization"), CLOSED]),
        ([("vary", "*")], [("vary", "*"), CLOSED]),
        ([("vary", "")], [VARY, CLOSED]),
        ([("vary", "x-cookie")], [("vary", "x-cookie, Cookie, Authorization"), CLOSED]),
        (
            [("Cache-Control", "no-cache"), ("cache-control", "max-age=0")],
            [("Cache-Control", "no-cache, max-age=0, private, no-store"), VARY],
        ),
        ([("cache-control", "")], [CLOSED, VARY]),
        ([("cache-control", "private")], [CLOSED, VARY]),
        # Some shared caches look for `private` alone.
        ([("cache-control", "no-store")], [("cache-control", "no-store, private"), VARY]),
        ([("Stigg-Customer-Token", "stale"), ("x", "1")], [("x", "1"), VARY, CLOSED]),
    ],
)
def test_the_lines_next_to_a_token_are_merged(headers: LINES, rewritten: LINES) -> None:
    before = headers.copy()
    assert Page().sent(headers) == [*rewritten, TOKEN]
    assert headers == before


@pytest.mark.parametrize(
    ("headers", "rewritten"),
    [
        ([], [VARY]),
        ([("cache-control", "no-cache")], [("cache-control", "no-cache"), VARY]),
        (
            [("vary", "a"), ("stigg-customer-token", "x")],
            [("vary", "a, Cookie, Authorization"), ("stigg-customer-token", "x")],
        ),
    ],
)
def test_an_anonymous_response_varies_and_stays_as_it_is(headers: LINES, rewritten: LINES) -> None:
    assert Page().sent(headers, user=None) == rewritten


def test_the_options_choose_the_lines() -> None:
    assert Page(vary="X-User", cache_control="private").sent([]) == [
        ("vary", "X-User"),
        ("cache-control", "private"),
        TOKEN,
    ]
    assert Page(vary=[]).sent([("x", "1")]) == [("x", "1"), CLOSED, TOKEN]
    assert Page(vary=[]).sent([], user=None) == []
    with pytest.raises(ConfigurationError, match="'no-store' or 'private'"):
        Page(cache_control="public")
    bad: Any
    for bad in ("", "Cookie, Authorization", "Coo kie", None, 3, b"Cookie", ["Cookie", 3]):
        with pytest.raises(ConfigurationError, match="names of request headers"):
            Page(vary=bad)


@pytest.mark.parametrize("option", ["no-store", "private"])
@pytest.mark.parametrize("said", ["private", "private, no-cache", "no-cache", ""])
def test_the_configured_directive_is_merged_next_to_an_explicit_private(
    option: str, said: str
) -> None:
    sent = cache_control(Page(cache_control=option).sent([("cache-control", said)]))
    assert ("no-store" in sent) is (option == "no-store")
    assert sent.count("private") == 1


def test_the_memory_of_names_is_bounded() -> None:
    page = Page()
    for number in range(3000):
        page.sent([(f"x-{number}", "1")])
    assert len(page.rules._foreign) <= 1024


# HTTP's optional white space is space and tab, but str.strip() removes more.
NO_SPACE = pytest.mark.parametrize("space", ["\xa0", "\x85", "\x1f", "\x0c", "\x0b", "\x1c"])


@NO_SPACE
@pytest.mark.parametrize("value", ["no-cache,{}no-store", "no-store{}", "{}private"])
def test_white_space_outside_http_makes_cache_control_malformed(space: str, value: str) -> None:
    page = Page()
    headers = [("Cache-Control", value.format(space))]
    assert page.sent(headers) == headers
    assert page.events[-1] == ("withheld", "malformed_cache_control")


@NO_SPACE
def test_vary_with_white_space_outside_http_is_not_recognised(space: str) -> None:
    sent = Page().sent([("Vary", f"Cookie{space}")], user=None)
    assert sent == [("Vary", f"Cookie{space}, Cookie, Authorization")]

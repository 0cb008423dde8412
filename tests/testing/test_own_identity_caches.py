"""Responses with a token that a cache may serve to another user."""

from __future__ import annotations

from typing import Any

import pytest

from countermark.testing import assert_own_identity_only
from tests.testing.wsgi_users import STIGG, USERS, client_of, log_in, token

CLOSED = ("Cache-Control", "private, no-store")


def problem_of(status: int, headers: list[tuple[str, str]], path: str = "/") -> str | None:
    """Return the reason that the assertion gives, None if it passes."""

    def view(environ: Any, user: str | None) -> Any:
        return (status, headers, token(user)) if user else (200, [], "anonymous")

    try:
        assert_own_identity_only(client_of(view), log_in, USERS, [path], signers=STIGG)
    except AssertionError as error:
        reason = str(error).rpartition("why: a cache may serve the response to another user: ")
        assert "and a cache may keep it" in str(error)
        return reason[2]
    return None


@pytest.mark.parametrize(
    "headers",
    [
        [CLOSED],
        [("Cache-Control", "no-store")],
        [CLOSED, ("ETag", '"1"'), ("Expires", "Thu, 01 Jan 2099 00:00:00 GMT")],
        [("Cache-Control", "private"), ("Vary", "Accept, Cookie")],
        [("Cache-Control", "private, no-cache"), ("Vary", "X-Forwarded-User")],
        [("Cache-Control", "private"), ("Vary", "*")],
    ],
)
def test_a_response_that_only_its_user_can_reuse_passes(headers: list[tuple[str, str]]) -> None:
    assert problem_of(200, headers) is None


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ([], "it is neither private nor no-store"),
        ([("Cache-Control", "no-cache")], "it is neither private nor no-store"),
        ([("Cache-Control", "public, no-store")], "it is public"),
        ([("Cache-Control", "private, s-maxage=60")], "s-maxage"),
        ([("Cache-Control", "private, max-age=60"), ("Vary", "Cookie")], "without asking"),
        ([("Expires", "Thu, 01 Jan 2099 00:00:00 GMT")], "without asking"),
        ([("Cache-Control", "private"), ("Vary", "Cookie"), ("ETag", '"1"')], "after a 304"),
        ([("Last-Modified", "Thu, 01 Jan 2015 00:00:00 GMT")], "after a 304"),
        ([("Cache-Control", "private=x")], "an unknown directive"),
        ([("Cache-Control", "no-store, ;")], "malformed"),
        ([CLOSED, ("CDN-Cache-Control", "max-age=60")], "a field for one cache"),
        ([("Cache-Control", "private")], "Vary names no header that identifies users"),
        ([("Cache-Control", "private"), ("Vary", "Accept-Encoding, Origin")], "Vary names no"),
    ],
)
def test_a_response_that_a_cache_may_reuse_fails(
    headers: list[tuple[str, str]], problem: str
) -> None:
    assert problem in str(problem_of(200, headers))


def test_a_status_that_browsers_keep_needs_no_store() -> None:
    private = [("Cache-Control", "private"), ("Vary", "Cookie"), ("Location", "/a")]
    assert "a 301 indefinitely" in str(problem_of(301, private))
    assert problem_of(302, private) is None
    assert problem_of(301, [CLOSED, *private[1:]]) is None


def test_a_response_to_post_fails_only_if_it_may_be_stored_explicitly() -> None:
    assert problem_of(200, [], "POST /") is None
    assert "it is public" in str(problem_of(200, [("Cache-Control", "public")], "POST /"))


def test_a_token_on_a_304_fails() -> None:
    def view(environ: Any, user: str | None) -> Any:
        if "HTTP_IF_MODIFIED_SINCE" in environ and user:
            return 304, [("Stigg-Customer-Token", token(user)), CLOSED], ""
        day = "Thu, 01 Jan 2015 00:00:00 GMT"
        page = token(user) if environ["PATH_INFO"] == "/token" else ""
        return 200, [CLOSED, *([] if page else [("Last-Modified", day)])], page

    with pytest.raises(AssertionError, match="a 304 makes the browser reuse") as caught:
        assert_own_identity_only(client_of(view), log_in, USERS, ["/token", "/a"], signers=STIGG)
    assert "    If-Modified-Since: Thu, 01 Jan 2015" in str(caught.value)

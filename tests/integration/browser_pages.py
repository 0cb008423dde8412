"""The pages of the browser tests, whatever serves them: their headers, and what they show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from countermark import Keyring, Signer

KEYRING = Keyring("a-secret-of-the-browser-tests-with-enough-bytes")
SIGNER = Signer("stigg", KEYRING)
USERS = ("alice", "bob")
TOKENS = {user: SIGNER.sign(user) for user in USERS}
#: The API keys of the users who have no cookie.
KEYS = {f"Bearer key-of-{user}": user for user in USERS}

LONG_AGO = "Mon, 06 Jan 2020 00:00:00 GMT"
FAR_AWAY = "Wed, 01 Jan 2098 00:00:00 GMT"
ETAG = '"v1"'

#: How an application is set up.
#:
#: ``outer`` and ``inner`` add an ETag made of the body, and answer 304, around the
#: middleware and within it. ``state`` has no header, so that tokens are in bodies alone.
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "no-store": {"cache_control": "no-store"},
    "private": {"cache_control": "private"},
    "state": {},
    "outer": {},
    "outer-no-store": {"cache_control": "no-store"},
    "inner": {},
    "bearer": {},
    "bearer-private": {"cache_control": "private"},
}


class Page(NamedTuple):
    """A page.

    Attributes:
        headers: Its headers. With a validator, the page answers 304 to a request
            that has any validator, as one that does not depend on the user.
        status: Its status.
        carries: Whether its user finds their token in a header.
        streamed: Whether its body is sent in parts.
        late: Whether the token is read after the headers were sent.
    """

    headers: Mapping[str, str] = {}
    status: int = 200
    carries: bool = False
    streamed: bool = False
    late: bool = False

    @property
    def validated(self) -> bool:
        return "ETag" in self.headers or "Last-Modified" in self.headers


def _cached(value: str, **more: str) -> dict[str, str]:
    return {"Cache-Control": value, **{name.replace("_", "-"): text for name, text in more.items()}}


#: The pages by name.
PAGES: dict[str, Page] = {
    "plain": Page(carries=True),
    "private": Page(_cached("private"), carries=True),
    "private-revalidated": Page(_cached("private, must-revalidate"), carries=True),
    "no-cache": Page(_cached("no-cache"), carries=True),
    "no-store": Page(_cached("no-store"), carries=True),
    "no-store-etag": Page(_cached("no-store", ETag=ETAG), carries=True),
    "private-no-store": Page(_cached("private, no-store, max-age=0"), carries=True),
    "private-fresh": Page(_cached("private, max-age=60")),
    "private-immutable": Page(_cached("private, max-age=60, immutable")),
    "private-expires": Page(_cached("private", Expires=FAR_AWAY)),
    "private-stale": Page(_cached("private, max-age=0, stale-while-revalidate=600")),
    "private-etag": Page(_cached("private", ETag=ETAG)),
    "private-weak-etag": Page(_cached("private", ETag=f"W/{ETAG}")),
    "private-modified": Page(_cached("private", Last_Modified=LONG_AGO)),
    "private-both": Page(_cached("private", ETag=ETAG, Last_Modified=LONG_AGO)),
    "private-fresh-etag": Page(_cached("private, max-age=60", ETag=ETAG)),
    "no-cache-etag": Page(_cached("no-cache", ETag=ETAG)),
    "no-cache-modified": Page(_cached("no-cache", Last_Modified=LONG_AGO)),
    "private-no-cache-etag": Page(_cached("private, no-cache", ETag=ETAG)),
    "etag": Page({"ETag": ETAG}),
    "modified": Page({"Last-Modified": LONG_AGO}),
    "expires": Page({"Expires": FAR_AWAY}),
    "fresh": Page(_cached("max-age=60")),
    "choices": Page(status=300),
    "moved": Page(status=301),
    "moved-private": Page(_cached("private"), status=301),
    "moved-for-good": Page(status=308),
    "moved-for-good-private": Page(_cached("private"), status=308),
    "gone": Page(status=410),
    "gone-private": Page(_cached("private"), status=410),
    "gone-no-store": Page(_cached("no-store"), status=410, carries=True),
    "streamed": Page(carries=True, streamed=True),
    "streamed-private": Page(_cached("private"), carries=True, streamed=True),
    "streamed-etag": Page(_cached("private", ETag=ETAG), streamed=True),
    "late": Page(carries=True, streamed=True, late=True),
    "late-private": Page(_cached("private"), carries=True, streamed=True, late=True),
}


def html(token: str | None) -> str:
    return f"<!doctype html><title>page</title><p>{token or 'nobody'}</p>"


def parts(text: str) -> Iterator[str]:
    yield text[:20]
    yield text[20:]


def matches(page: Page, request_headers: Mapping[str, str]) -> bool:
    """Tell whether *page* answers 304: names of headers are in lower case."""
    return page.validated and bool(
        request_headers.get("if-none-match") or request_headers.get("if-modified-since")
    )

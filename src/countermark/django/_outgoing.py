"""Writes the new headers of a Django response into a copy of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from countermark.django._conf import Configuration
from countermark.django._identity import DjangoIdentity


class Head(NamedTuple):
    """The status and the header pairs of a response."""

    status: int
    headers: list[tuple[str, str]]


def head_of(identity: DjangoIdentity, request: Any, response: Any) -> Head | None:
    """Return the head of *response*, None to leave the response alone."""
    if request.method == "OPTIONS":
        return None
    try:
        return Head(response.status_code, list(response.items()))
    except Exception as error:  # an invalid response is for the server to judge
        identity.delivery_failed(error)
        return None


def signed(
    configuration: Configuration, identity: DjangoIdentity, response: Any, head: Head
) -> Any:
    """Return *response*, or a copy of it with the tokens of *identity*, which is settled.

    A view may return one response object to several requests at once. Its headers are
    therefore never changed: another request may be sending it to another user.
    """
    status, before = head
    after = configuration.headers.apply(identity, status, before)
    if identity.is_settled():
        identity.source = None  # breaks the reference cycle with the request
    if after is before:
        return response
    try:
        copied = _copied(response)
        _write(copied, before, list(after))
    except Exception as error:
        identity.delivery_failed(error)
        return response
    return copied


def _copied(response: Any) -> Any:
    """Return a copy of *response* with its own headers and cookies, which shares the rest.

    Cookies are copied because an outer middleware adds the session's to the copy.
    ``copy.copy`` is not used because it drops the context of a template response.
    """
    old = response.headers
    headers = object.__new__(type(old))
    headers.__dict__ = {
        name: value.copy() if isinstance(value, dict) else value
        for name, value in old.__dict__.items()
    }
    copied = object.__new__(type(response))
    cookies = type(response.cookies)()
    dict.update(cookies, response.cookies)  # without parsing them again
    copied.__dict__ = {**response.__dict__, "headers": headers, "cookies": cookies}
    return copied


def _write(response: Any, before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    headers = response.headers
    count = len(before)
    if after[:count] != before:
        kept = {name.lower() for name, _ in after}
        for name, _ in before:
            if name.lower() not in kept:
                del headers[name]
        count = 0
    for name, value in after[count:]:
        headers[name] = value

"""Gives a Django response its new headers."""

from __future__ import annotations

from typing import Any, NamedTuple

from countermark.django._conf import Configuration
from countermark.django._identity import DjangoIdentity


class Head(NamedTuple):
    """The status and the header pairs of a response."""

    status: int
    headers: list[tuple[str, str]]


def head_of(identity: DjangoIdentity, request: Any, response: Any) -> Head | None:
    """Return the head of *response*, None if it is to be left alone."""
    if request.method == "OPTIONS":
        return None
    try:
        return Head(response.status_code, list(response.items()))
    except Exception as error:  # an odd response is for the server to judge
        identity.delivery_failed(error)
        return None


def signed(
    configuration: Configuration, identity: DjangoIdentity, response: Any, head: Head
) -> Any:
    """Return *response*, or a copy of it with the tokens of *identity*, which is settled.

    A view may return one response object to several requests at once. So the token of
    one user is never written into the view's object, which another request may be
    sending.
    """
    status, before = head
    after = configuration.headers.apply(identity, status, before)
    if identity.is_settled:
        identity.source = None  # so that no cycle with the request is left
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
    """Return a copy of *response* that has headers and cookies of its own and shares the rest.

    Cookies, because an outer middleware sets the session's on what is returned here.

    Not ``copy.copy``, which drops the context of a template response.
    """
    old = response.headers
    headers = object.__new__(type(old))
    headers.__dict__ = {
        name: value.copy() if isinstance(value, dict) else value
        for name, value in old.__dict__.items()
    }
    copied = object.__new__(type(response))
    cookies = type(response.cookies)()
    dict.update(cookies, response.cookies)  # as they are, and not parsed again
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

"""What becomes of the headers of a response, by the rules that hold everywhere."""

from __future__ import annotations

from typing import Any

from countermark.django.conf import Configuration
from countermark.django.identity import DjangoIdentity

# What was put into a response, on the object itself.
_MARK = "_countermark_headers"


def carries(
    configuration: Configuration, identity: DjangoIdentity, request: Any, response: Any
) -> bool:
    """Tell whether *response* may carry a token."""
    try:
        _clean(response)
        if configuration.delivery is None or request.method == "OPTIONS":
            return False
        if response.status_code == 304 or response.status_code < 200:
            return False
        reason = configuration.delivery.refusal(list(response.items()))
    except Exception as error:  # an odd response is the server's to judge
        identity.delivery_failed(error)
        return False
    if reason:
        identity.withheld(reason)
    return reason is None


def sign(configuration: Configuration, identity: DjangoIdentity, response: Any) -> None:
    """Put the tokens of *identity*, which is settled, into a response that may carry them."""
    try:
        tokens = configuration.carried(identity)
        identity.source = None  # so no cycle with the request is left
        if configuration.delivery is None or (tokens is None and not identity.was_read):
            return
        before = list(response.items())
        after = configuration.delivery.rewritten(before, tokens or [], private=identity.was_read)
        _write(response, before, after)
        if tokens:
            setattr(response, _MARK, [name for name, _ in tokens])
    except Exception as error:
        identity.delivery_failed(error)


def _clean(response: Any) -> None:
    """Take out the tokens of an earlier request, if the application uses an object again."""
    for name in response.__dict__.pop(_MARK, ()):
        del response[name]


def _write(response: Any, before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    kept = {name.lower() for name, _ in after}
    for name, _ in before:
        if name.lower() not in kept:
            del response[name]
    for name, value in after:
        if response.get(name) != value:
            response[name] = value

"""What becomes of the headers of a response, by the rules that hold everywhere."""

from __future__ import annotations

from typing import Any, Literal

from countermark.delivery import Delivery
from countermark.django.conf import Configuration
from countermark.django.identity import DjangoIdentity

#: Lines are added where nothing in the headers matters to caches; else they are merged.
Way = Literal["added", "merged"]

# What was put into a response, on the object itself.
_MARK = "_countermark_headers"


def carries(
    configuration: Configuration, identity: DjangoIdentity, request: Any, response: Any
) -> Way | None:
    """Return how *response* may carry a token, None if it may not."""
    delivery = configuration.delivery
    try:
        _clean(response)
        if delivery is None or request.method == "OPTIONS":
            return None
        status = response.status_code
        if status == 304 or status < 200:
            return None
        if _is_usual(delivery, response):
            return "added"
        reason = delivery.refusal(list(response.items()))
    except Exception as error:  # an odd response is the server's to judge
        identity.delivery_failed(error)
        return None
    if not reason:
        return "merged"
    if identity.withheld(reason):
        before = list(response.items())
        _write(response, before, delivery.rewritten(before, [], private=True))
    return None


def sign(configuration: Configuration, identity: DjangoIdentity, response: Any, way: Way) -> None:
    """Put the tokens of *identity*, which is settled, into a response that may carry them."""
    delivery = configuration.delivery
    try:
        tokens = configuration.carried(identity)
        identity.source = None  # so no cycle with the request is left
        if delivery is None or (tokens is None and not identity.was_read):
            return
        private = bool(tokens) or identity.was_read
        if way == "added":
            headers = response.headers
            for name, value in delivery.private_lines if private else delivery.varying_lines:
                headers[name] = value
            for name, value in tokens or ():
                headers[name] = value
        else:
            before = list(response.items())
            _write(response, before, delivery.rewritten(before, tokens or [], private=private))
        if tokens:
            setattr(response, _MARK, [name for name, _ in tokens])
    except Exception as error:
        identity.delivery_failed(error)


def _is_usual(delivery: Delivery[str], response: Any) -> bool:
    """Tell whether nothing in the headers matters to caches, as in most responses."""
    foreign = delivery.foreign
    for name in response.headers:  # noqa: SIM110  # a generator costs more than the loop
        if name not in foreign:
            return False
    return True


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

"""Reads what a person has seen: a token, a header, or a request in one of three forms."""

from __future__ import annotations

from countermark.errors import ConfigurationError
from countermark.explain._curl import read_curl
from countermark.explain._seen_request import SeenRequest, read_har, read_raw
from countermark.explain._seen_token import token_in
from countermark.schemes._scheme import Scheme
from countermark.webhooks._parts import HttpSignature
from countermark.webhooks._scheme import WebhookScheme


def seen_token(scheme: Scheme, data: bytes) -> tuple[str, dict[str, str]]:
    """Return the token in *data*, and the values of the principal by name that are next to it.

    Raises:
        ConfigurationError: A request has no token of the scheme.
    """
    requests = _requests(data)
    if not requests:
        return data.decode(errors="replace").removesuffix("\n").removesuffix("\r"), {}
    for request in requests:
        token, values = token_in(scheme, request)
        if token is not None:
            return token, values
    raise ConfigurationError(
        f"{scheme.slug}: the request has no token where this scheme has it; give the token alone"
    )


def seen_delivery(scheme: WebhookScheme, data: bytes) -> SeenRequest:
    """Return the delivery in *data*.

    Raises:
        ConfigurationError: There is no request, or a command whose body is in a file.
    """
    requests = _requests(data)
    if any(request.body_in_file for request in requests):
        raise ConfigurationError(
            f"{scheme.slug}: the command reads the body from a file, which is not opened; give the"
            " request as text: its first line, its headers, an empty line and the body"
        )
    signature = scheme.signature
    wanted = getattr(signature, "header", "")  # a MAC in the body has none
    if isinstance(signature, HttpSignature):
        wanted = "authorization"
    for request in requests:
        if any(name.lower() == wanted for name, _ in request.headers):
            return request
    if requests:
        return requests[0]
    raise ConfigurationError(
        f"{scheme.slug}: a webhook is a whole request; give a curl command, an entry of a HAR"
        " file, or the request as text"
    )


def _requests(data: bytes) -> list[SeenRequest]:
    text = data.decode(errors="replace")
    found = read_curl(text) or read_raw(data)
    return read_har(text) if found is None else [found]

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
        ConfigurationError: There is no request, or its body is in a file.
    """
    requests = _requests(data)
    signature = scheme.signature
    wanted = getattr(signature, "header", "")  # a MAC in the body has none
    if isinstance(signature, HttpSignature):
        wanted = "authorization"
    named = [one for one in requests if any(name.lower() == wanted for name, _ in one.headers)]
    found = named or requests
    if not found:
        raise ConfigurationError(
            f"{scheme.slug}: a webhook is a whole request; give a curl command, an entry of a HAR"
            " file, or the request as text"
        )
    if found[0].body.startswith(b"@"):  # no vendor's body begins so
        raise ConfigurationError(
            f"{scheme.slug}: the body begins with @, with which curl names a file, and that is not"
            " read; give the request as text, with its body"
        )
    return found[0]


def _requests(data: bytes) -> list[SeenRequest]:
    text = data.decode(errors="replace")
    found = read_curl(text) or read_raw(data)
    return read_har(text) if found is None else [found]

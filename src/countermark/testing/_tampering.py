"""The parameters with which a request may claim to be another user's."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator
from typing import Final
from urllib.parse import quote

from countermark._http import REQUEST_HEADER, TOKEN
from countermark.principal import Principal
from countermark.testing._clients import Parameter

_NAMES: Final = (
    "user_id", "userId", "user", "uid", "id", "sub", "email", "username", "login", "name",
    "customer", "customer_id", "customerId", "customerReference", "account", "account_id",
    "principal", "as", "as_user", "impersonate",
)  # fmt: skip
_HEADERS: Final = (
    "X-User", "X-User-Id", "X-Username", "X-User-Email", "X-Remote-User", "Remote-User",
    "X-Forwarded-User", "X-Forwarded-Email", "X-Auth-Request-User", "X-Auth-Request-Email",
    "X-Authenticated-User", "X-Customer-Id", "X-Account-Id", "X-Impersonate",
)  # fmt: skip
# They change how the request itself is read.
_OF_HTTP: Final = re.compile(
    "(?i)accept.*|authorization|connection|content-.*|cookie|expect|host|if-.*|range|te"
    "|transfer-encoding|upgrade"
)

SAFE: Final = frozenset({"GET", "HEAD"})


def claims_of(name: Hashable, principal: Principal) -> list[str]:
    """Return the texts that name a user: the ids, and the name in the test."""
    texts = [principal.id, principal.email, principal.phone]
    if isinstance(name, str | int):
        texts.append(str(name))
    return list(dict.fromkeys(filter(None, texts)))


def tampered_with(method: str, names: Iterable[str], value: str) -> Iterator[tuple[Parameter, ...]]:
    """Yield lists of parameters that all claim *value*, each for one request.

    Args:
        method: The method of the request.
        names: Names of parameters in addition to the usual ones.
        value: The text that names another user.
    """
    usual = list(dict.fromkeys([*_NAMES, *names]))
    common = [Parameter("query", name, _fitting(name, value)) for name in usual]
    common += [
        Parameter("cookie", name, quote(_fitting(name, value), safe="@:+"))
        for name in usual
        if re.fullmatch(TOKEN, name)
    ]
    if value.isascii() and value.isprintable():
        names = _header_names((*usual, *_HEADERS))
        common += [Parameter("header", name, _fitting(name, value)) for name in names]
    if method in SAFE:
        yield tuple(common)
        return
    for kind in ("form", "json"):
        yield (*common, *(Parameter(kind, name, _fitting(name, value)) for name in usual))


def _fitting(name: str, value: str) -> str:
    """Return *value*, or an e-mail address with it for a parameter that must have one."""
    is_address = "mail" in name.lower() and "@" not in value
    return f"{value}@example.com" if is_address else value


def _header_names(names: Iterable[str]) -> Iterator[str]:
    """Yield each name as that of a header, if it is one without a meaning of its own."""
    # Code under WSGI reads a header by its name in the environ.
    headers = (name.removeprefix("HTTP_").replace("_", "-") for name in names)
    spelled = {name.lower(): name for name in headers}
    for name in spelled.values():
        if re.fullmatch(REQUEST_HEADER, name) and not _OF_HTTP.fullmatch(name):
            yield name

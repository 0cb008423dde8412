"""Finds the token of a scheme in a request, and the values of the principal next to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from countermark.explain._seen_request import SeenRequest
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import Template

_VALUES: Final = ("id", "email", "phone", "name")
# Values within values: JSON in a form in JSON.
_DEEPEST: Final = 4


def token_in(scheme: Scheme, request: SeenRequest) -> tuple[str | None, dict[str, str]]:
    """Return the token and the values of the principal by name, as far as they are there.

    The token is in the scheme's header, in a header, a parameter, a cookie or a member of the
    body with the name of the scheme's field, or is a bearer token.
    """
    pairs = [*_pairs(request)]
    fields = [*_fields(scheme.fields)]
    found = {
        name: next((value for key, value in pairs if (key, name) in fields and value), None)
        for name in ("token", *_VALUES)
    }
    token = _in_headers(scheme, request) or found["token"]
    if token is None and scheme.jwt is not None:
        token = _bearer(request)
    return token, {name: value for name in _VALUES if (value := found[name])}


def _fields(structure: Any) -> Iterator[tuple[str, str]]:
    """Yield the names of the fields with a value of their own, each with the value's name."""
    for field, content in structure.items() if isinstance(structure, Mapping) else ():
        yield from _fields(content)
        if isinstance(content, Template) and content.lone is not None:
            for name in content.lone.names:
                yield field, name


def _in_headers(scheme: Scheme, request: SeenRequest) -> str | None:
    wanted = {name.lower() for name in (scheme.request_header, scheme.header) if name}
    return next((value for name, value in request.headers if name.lower() in wanted), None)


def _bearer(request: SeenRequest) -> str | None:
    for name, value in request.headers:
        found = re.fullmatch(r"(?i:bearer)[ ]+(\S+)", value)
        if name.lower() == "authorization" and found is not None:
            return found[1]
    return None


def _pairs(request: SeenRequest) -> Iterator[tuple[str, str]]:
    """Yield the names and values of headers, cookies, the query and the body."""
    for name, value in request.headers:
        yield name, value
        if name.lower() == "cookie":
            for cookie in value.split(";"):
                key, _, content = cookie.strip().partition("=")
                yield key, content
    yield from _in_form(request.target.partition("?")[2])
    body = request.body.decode(errors="replace")
    if body.lstrip()[:1] in {"{", "["}:
        yield from _in_json(body, _DEEPEST)
    else:
        yield from _in_form(body)


def _in_form(text: str) -> Iterator[tuple[str, str]]:
    for name, value in parse_qsl(text):
        yield name, value
        if value[:1] in {"{", "["}:
            yield from _in_json(value, _DEEPEST)


def _in_json(text: str, levels: int) -> Iterator[tuple[str, str]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _members(content, levels)


def _members(content: Any, levels: int) -> Iterator[tuple[str, str]]:
    if levels == 0:
        return
    if isinstance(content, list):
        for value in content:
            yield from _members(value, levels - 1)
    if not isinstance(content, Mapping):
        return
    for name, value in content.items():
        if isinstance(value, str | int) and not isinstance(value, bool):
            yield name, str(value)
        if isinstance(value, str) and value[:1] in {"{", "["}:
            yield from _in_json(value, levels - 1)
        yield from _members(value, levels - 1)

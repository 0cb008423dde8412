"""Describes a scheme for readers: what it signs, the form of its tokens, and its code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import Template

#: The URL in the snippets. Replace it with the URL of your SignaturesEndpoint.
ENDPOINT = "/signatures"


def describe_signed(scheme: Scheme) -> str:
    """Return what *scheme* signs, in one line."""
    if scheme.jwt is not None:
        return f"claims {assignments(scheme.jwt.claims)}"
    assert scheme.mac is not None  # noqa: S101  # the parser has checked that
    message = str(scheme.mac.message).replace("\n", "\\n")
    if scheme.payload is None:
        return message
    content = scheme.payload.content
    inside = str(content) if isinstance(content, Template) else assignments(content)
    encoding = "" if scheme.payload.encoding == "none" else f" in {scheme.payload.encoding}"
    return f"{message} with payload {scheme.payload.format} of {inside}{encoding}"


def describe_token(scheme: Scheme) -> str:
    """Return the form of the tokens of *scheme*, in one line."""
    if scheme.jwt is not None:
        return f"JWT {scheme.jwt.algorithm}"
    assert scheme.mac is not None  # noqa: S101  # the parser has checked that
    mac, algorithm = scheme.mac, scheme.mac.algorithm.upper()
    kind = f"HMAC-{algorithm}" if mac.construction == "hmac" else f"{algorithm} with suffix"
    key = "" if mac.key == "text" else f", key in {mac.key}"
    form = str(scheme.token) if isinstance(scheme.token, Template) else "JSON"
    if scheme.token_encoding != "none":
        form += f" in {scheme.token_encoding}"
    return f"{kind}, {mac.encoding}{key}" + ("" if form == "{mac}" else f": {form}")


def backend(scheme: Scheme, path: str | None = None) -> list[str]:
    """Return the Python that builds a signer for *scheme*, line by line.

    Args:
        scheme: The scheme.
        path: The path of its file, unless it is in the catalogue.
    """
    settings = {name: "…" for name, s in scheme.settings.items() if s.default is None}
    more = f", settings={settings}" if settings else ""
    if path is None:
        imports, which = "Signer", f'"{scheme.slug}"'
    else:
        imports, which = "Scheme, Signer", f"Scheme.from_toml({json.dumps(path)})"
    return [f"from countermark import {imports}", "", f"signer = Signer.from_env({which}{more})"]


def snippet(scheme: Scheme) -> list[str]:
    """Return the JavaScript that fetches the current user's fields and passes them on."""
    return [
        f'const response = await fetch("{ENDPOINT}", {{ credentials: "same-origin" }});',
        f'const identity = (await response.json())["{scheme.slug}"];',
        *scheme.frontend.strip().splitlines(),
    ]


def entries(structure: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield the entries of a structure as texts; names of nested ones have dots."""
    for name, value in structure.items():
        if isinstance(value, dict):
            yield from entries(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return f"{{{assignments(value)}}}" if isinstance(value, dict) else str(value)


def assignments(structure: Any) -> str:
    """Return the entries of a structure in one line."""
    return ", ".join(f"{name}={value}" for name, value in entries(structure))

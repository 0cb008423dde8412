"""Shows what a token signs: the message with its placeholders, and filled in."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from countermark import Principal
from countermark.demo.keys import keyring_of
from countermark.demo.parts import Parts, settings_of
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import Template, compile_structure, compile_text, map_templates
from countermark.tokens._options import TokenOptions, with_settings
from countermark.tokens._renderer import Renderer

_PLACEHOLDER = r"(\{[a-z][a-z0-9_.|:?-]*\})"


class Signed(NamedTuple):
    """One part of what is signed.

    Attributes:
        name: Its name, such as ``message`` or ``claims``.
        template: The text with placeholders.
        filled: The same with the values of the user; None: no user is signed in.
    """

    name: str
    template: str
    filled: str | None


def signed_parts(parts: Parts, principal: Principal | None, token: str | None) -> list[Signed]:
    """Return what is signed for a principal; the parts of a JWT are decoded from *token*."""
    scheme = parts.scheme
    if scheme.jwt is not None:
        decoded = [None, None] if token is None else list(map(_decoded, token.split(".")[:2]))
        known = {"alg": scheme.jwt.algorithm, "typ": "JWT"}
        return [
            Signed("header", _json(known | _texts(scheme.jwt.header)), decoded[0]),
            Signed("claims", _json(_texts(scheme.jwt.claims)), decoded[1]),
        ]
    return list(_of_mac(scheme, principal if token else None))


def mark_placeholders(text: str) -> Markup:
    """Return a template as HTML, with its placeholders in elements of their own."""
    pieces = [
        Markup("<b>{}</b>").format(piece) if number % 2 else escape(piece)
        for number, piece in enumerate(re.split(_PLACEHOLDER, text))
    ]
    return Markup("").join(pieces)


def _of_mac(scheme: Scheme, principal: Principal | None) -> list[Signed]:
    assert scheme.mac is not None  # noqa: S101  # it has no JWT
    resolved = with_settings(scheme, settings_of(scheme))
    assert resolved.mac is not None  # noqa: S101
    options = TokenOptions(scheme.rule("id"), scheme.lifetime)
    renderer = Renderer(resolved, keyring_of(scheme.slug).current, options)
    values = None if principal is None else renderer.values(principal)
    found = []
    if resolved.payload is not None and scheme.payload is not None:
        fill = compile_structure(resolved.payload.content)
        content = None if values is None else renderer.evaluate(values, fill)
        template = _json(_texts(scheme.payload.content))
        encoding = "" if scheme.payload.encoding == "none" else f" in {scheme.payload.encoding}"
        name = f"payload ({scheme.payload.format}{encoding})"
        found.append(Signed(name, template, content and _json(content)))
    write = compile_text(resolved.mac.message)
    message = None if values is None else renderer.evaluate(values, write)
    return [*found, Signed("message", str(scheme.mac.message), message)]


def _texts(structure: Any) -> Any:
    """Return a structure with its templates as texts."""
    if isinstance(structure, Template):
        return str(structure)
    return map_templates(structure, str)  # type: ignore[arg-type]


def _json(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, indent=2)


def _decoded(part: str) -> str:
    return _json(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))

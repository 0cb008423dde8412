"""The details of one webhook format, for readers."""

from __future__ import annotations

import json
from datetime import date

from countermark.cli._scheme_pages import comparisons, reading, table
from countermark.webhooks._parts import HttpSignature, SecretHeader, SignatureHeader
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._signed_url import signs_url


def webhook_details(scheme: WebhookScheme, today: date, path: str | None = None) -> str:
    """Return all facts on one webhook format, with the line that builds its verifier.

    Args:
        scheme: The format.
        today: The date.
        path: The path of its file, unless it is in the catalogue.
    """
    proof, signed = describe_proof(scheme)
    rows = {
        "proof": proof,
        "signed": signed,
        "tolerance": f"{scheme.timestamp.tolerance:g} seconds" if scheme.timestamp else "",
        "id": _id(scheme),
        "key" if scheme.has_public_key else "secret": scheme.secret.variable,
        "private key": scheme.secret.private_variable,
        "id of key": scheme.secret.key_id_variable,
        "token": scheme.token_variable,
        "compared": ", ".join(comparisons(scheme)),
        "source": "\n".join(scheme.source),
        "read": reading(scheme, today),
        "notes": scheme.notes,
    }
    base = ', base_url="https://hooks.example.com"' if signs_url(scheme) else ""
    if path is None:
        imports, which = "WebhookVerifier", f'"{scheme.slug}"'
    else:
        imports = "WebhookScheme, WebhookVerifier"
        which = f"WebhookScheme.from_toml({json.dumps(path)})"
    code = [
        f"from countermark.webhooks import {imports}",
        "",
        f"verifier = WebhookVerifier.from_env({which}{base})",
    ]
    return "\n".join([*table(scheme, rows), "", *code, ""])


def describe_proof(scheme: WebhookScheme) -> tuple[str, str]:
    """Return the proof of a delivery, and the signed text."""
    signature = scheme.signature
    if isinstance(signature, SecretHeader):
        return f"the secret itself, in the header {signature.header}", "nothing"
    if isinstance(signature, HttpSignature):
        return f"Authorization: Signature, {signature.algorithm}", " ".join(signature.covers)
    if isinstance(signature, SignatureHeader):
        place, message = f"header {signature.header}", "".join(map(str, signature.message))
    else:
        place = f"{signature.member} in the body"
        message = f"{{timestamp}}{signature.between}{{id}}"
    return f"{place}: {signature.algorithm}, {signature.encoding}", message.replace("\n", "\\n")


def _id(scheme: WebhookScheme) -> str:
    """Return the place of the delivery id."""
    if scheme.id is None:
        return "none: each attempt reaches the application"
    return f"{scheme.id.body} in the body" if scheme.id.body else f"header {scheme.id.header}"

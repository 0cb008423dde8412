"""The details of one scheme, for readers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from textwrap import wrap

from countermark.schemes._descriptions import (
    assignments,
    backend,
    describe_signed,
    describe_token,
    snippet,
)
from countermark.schemes._parts import PRINCIPAL_TEXTS
from countermark.schemes._rotation import describe_rotation
from countermark.schemes._scheme import Scheme
from countermark.signing._vectors import check
from countermark.webhooks._scheme import WebhookScheme

#: The things that a scheme may be compared with, other than packages.
PUBLISHED, COMPUTED = "published example", "own computation"

#: The age of a reading, in days, after which the source should be read again.
_READ_AGAIN_AFTER = 365


def is_due(read: date | None, today: date) -> bool:
    """Return True if a source was read more than a year ago, or on no known date."""
    return read is None or (today - read).days > _READ_AGAIN_AFTER


def comparisons(scheme: Scheme | WebhookScheme) -> list[str]:
    """Return the things that the tests compare a scheme with, the strongest first."""
    published = any(vector.origin.startswith("published") for vector in scheme.vectors)
    found = [PUBLISHED] * published + list(scheme.compared_with)
    return found or [COMPUTED] * (scheme.read is not None)  # each of the catalogue is computed


def details(scheme: Scheme, today: date, path: str | None = None) -> str:
    """Return all facts on one scheme, with code for backend and front end."""
    results = [equal for _, equal in check(scheme)]
    rows = {
        "status": status(scheme),
        **facts(scheme),
        "ambiguous": scheme.ambiguous,
        "header": scheme.header or "none",
        "rotation": "\n".join([describe_rotation(scheme.rotation), *scheme.rotation.source]),
        "examples": f"{sum(results)} of {len(results)} reproduced" if results else "none published",
        "compared": ", ".join(comparisons(scheme)),
        "source": "\n".join(scheme.source),
        "read": reading(scheme, today),
        "not sure": scheme.unsure,
        "notes": scheme.notes,
    }
    return "\n".join([*table(scheme, rows), "", *backend(scheme, path), "", *snippet(scheme), ""])


def table(scheme: Scheme | WebhookScheme, rows: Mapping[str, str]) -> list[str]:
    """Return the lines of a table of facts; empty ones are left out."""
    lines = [f"{scheme.name} ({scheme.slug})", ""]
    for name, text in rows.items():
        if text:
            first, *rest = _wrapped(text.strip())
            lines += [f"{name:<12}{first}", *(" " * 12 + line for line in rest)]
    return lines


def reading(scheme: Scheme | WebhookScheme, today: date) -> str:
    """Return when the source was read, and how sure the reading is."""
    if scheme.read is None:  # a file of the user's
        return scheme.confidence
    due = "; due, as that is more than a year ago" if is_due(scheme.read, today) else ""
    return f"{scheme.read}, {scheme.confidence}{due}"


def facts(scheme: Scheme) -> dict[str, str]:
    """Return the facts on a scheme that details and sections have in common."""
    life = ""
    if scheme.expires and scheme.lifetime is None:
        life = "does not expire, unless lifetime= is given"
    elif scheme.expires:
        least = f", at least {scheme.min_lifetime}" if scheme.min_lifetime else ""
        most = f", at most {scheme.max_lifetime}" if scheme.max_lifetime else ""
        life = f"{scheme.lifetime} seconds{least}{most}"
    attributes = [
        f"{name} ({rule.kind})"
        for name, rule in scheme.values.items()
        if name not in PRINCIPAL_TEXTS
    ]
    return {
        "signed": describe_signed(scheme),
        "token": describe_token(scheme),
        "lifetime": life,
        "settings": ", ".join(f"{name} ({s.variable})" for name, s in scheme.settings.items()),
        "attributes": ", ".join(attributes),
        "secret": scheme.variable,
        "header": scheme.header or "",
        "sent on in": scheme.request_header or "",
        "fields": assignments(scheme.fields),
    }


def status(scheme: Scheme) -> str:
    return scheme.status + (f": use {scheme.replacement}" if scheme.replacement else "")


def _wrapped(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in wrap(line, 88, break_long_words=False)]

"""The tables of the whole catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from countermark.cli._scheme_pages import is_due
from countermark.cli._webhook_page import describe_proof
from countermark.schemes._descriptions import describe_signed, describe_token
from countermark.schemes._scheme import Scheme
from countermark.webhooks._scheme import WebhookScheme

_WIDEST = 44


def overview(schemes: Iterable[Scheme], webhooks: Iterable[WebhookScheme], today: date) -> str:
    """Return a table with a line for each scheme, and one for those of webhooks."""
    signing = [("scheme", "vendor", "token", "signed", "")]
    for scheme in schemes:
        marks = [scheme.status] * (scheme.status != "current") + ["?"] * bool(scheme.unsure)
        marks += ["due"] * is_due(scheme.read, today)
        signed, token = describe_signed(scheme), describe_token(scheme)
        signing.append((scheme.slug, scheme.name, token, signed, " ".join(marks)))
    receiving = [("scheme", "vendor", "proof", "signed", "")]
    for webhook in webhooks:
        proof, signed = describe_proof(webhook)
        due = "due" * is_due(webhook.read, today)
        receiving.append((f"webhook:{webhook.slug}", webhook.name, proof, signed, due))
    return "\n".join([*_aligned(signing), "", *_aligned(receiving)])


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(*lines, strict=True)]
    return [
        "  ".join(_fit(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _fit(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else f"{cell[: width - 1]}…"

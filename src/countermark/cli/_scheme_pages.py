"""The catalogue for readers: an overview, the details of one scheme, and the page of vendors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from textwrap import wrap

from countermark.schemes._descriptions import (
    assignments,
    backend,
    describe_signed,
    describe_token,
    entries,
    snippet,
)
from countermark.schemes._parts import PRINCIPAL_TEXTS
from countermark.schemes._rotation import describe_rotation
from countermark.schemes._scheme import Scheme
from countermark.signing._vectors import check

_HEAD = """\
# Vendors

This page lists what each scheme signs, and how the front end passes it on. It is generated from
the files in [`src/countermark/schemes/catalogue`](../src/countermark/schemes/catalogue) by
`countermark schemes --markdown`. You can add a vendor with [one file](own-scheme.md).

**?** marks a scheme with uncertain details, which its section lists. `{x?}` is left out if it is
missing, `{x|y}` is the first value that the principal has, and `{now:s}`, `{now:ms}` and
`{now:iso}` are the time. Names other than `id`, `email`, `phone`, `name` and `created` are
attributes: `Principal("user-1", attributes={"x": …})`. `{settings.x}` is a constant of your
account: `Signer(…, settings={"x": …})`. If a vendor does not name an environment variable or a
response header, the name is countermark's. Replace names in CAPITALS in the code.
"""


#: The age of a reading, in days, after which the source should be read again.
_READ_AGAIN_AFTER = 365


def is_due(read: date | None, today: date) -> bool:
    """Return True if a source was read more than a year ago, or on no known date."""
    return read is None or (today - read).days > _READ_AGAIN_AFTER


def overview(schemes: Iterable[Scheme], today: date) -> str:
    """Return a table with a line for each scheme."""
    lines = [("scheme", "vendor", "token", "signed", "")]
    for scheme in schemes:
        marks = [scheme.status] * (scheme.status != "current") + ["?"] * bool(scheme.unsure)
        marks += ["due"] * is_due(scheme.read, today)
        signed, token = describe_signed(scheme), describe_token(scheme)
        lines.append((scheme.slug, scheme.name, token, signed, " ".join(marks)))
    widths = [min(44, max(map(len, column))) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(_fit(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def details(scheme: Scheme, today: date) -> str:
    """Return all facts on one scheme, with code for backend and front end."""
    results = [equal for _, equal in check(scheme)]
    rows = {
        "status": _status(scheme),
        **_facts(scheme),
        "ambiguous": scheme.ambiguous,
        "header": scheme.header or "none",
        "rotation": "\n".join([describe_rotation(scheme.rotation), *scheme.rotation.source]),
        "examples": f"{sum(results)} of {len(results)} reproduced" if results else "none published",
        "source": "\n".join(scheme.source),
        "read": f"{scheme.read}, {scheme.confidence}{_age(scheme, today)}",
        "not sure": scheme.unsure,
        "notes": scheme.notes,
    }
    lines = [f"{scheme.name} ({scheme.slug})", ""]
    for name, text in rows.items():
        if text:
            first, *rest = _wrapped(text.strip())
            lines += [f"{name:<12}{first}", *(" " * 12 + line for line in rest)]
    return "\n".join([*lines, "", *backend(scheme), "", *snippet(scheme), ""])


def markdown(schemes: Iterable[Scheme]) -> str:
    """Return the page of all *schemes*."""
    schemes = sorted(schemes, key=lambda scheme: scheme.name.lower())
    rows = [
        "| vendor | scheme | signed | token | front end | source |",
        "|---|---|---|---|---|---|",
    ]
    rows += [_row(scheme) for scheme in schemes]
    sections = ["\n".join(_section(scheme)) for scheme in schemes]
    return "\n".join([_HEAD, *rows, "", *sections])


def _facts(scheme: Scheme) -> dict[str, str]:
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


def _row(scheme: Scheme) -> str:
    doubt = " **?**" if scheme.unsure else ""
    old = " (deprecated)" if scheme.status == "deprecated" else ""
    if scheme.jwt is not None:
        signs = f"claims {', '.join(name for name, _ in entries(scheme.jwt.claims))}"
    else:
        signs = str(scheme.mac.message) if scheme.mac else ""
    cells = (
        f"{scheme.name}{old}{doubt}",
        f"[`{scheme.slug}`](#{scheme.slug})",
        f"`{signs}`".replace("|", "\\|").replace("\n", "\\n"),
        f"`{describe_token(scheme)}`",
        f"`{', '.join(name for name, _ in entries(scheme.fields))}`",
        _linked(scheme.source[0], "read here"),
    )
    return f"| {' | '.join(cells)} |"


def _section(scheme: Scheme) -> Iterator[str]:
    yield f"## {scheme.slug}"
    yield ""
    yield f"**{scheme.name}**, {_status(scheme)}."
    yield f"{scheme.confidence.capitalize()} on {scheme.read}."
    if scheme.unsure:
        yield f"**?** {' '.join(scheme.unsure.split())}"
    if scheme.ambiguous:
        yield f"Two principals can get the same signature: {scheme.ambiguous}."
    if scheme.notes:
        yield " ".join(scheme.notes.split())
    yield ""
    labels = {"header": "response header", "sent on in": "sent on in the header"}
    yield from (f"- {labels.get(n, n)}: `{text}`" for n, text in _facts(scheme).items() if text)
    yield f"- rotation of the secret: {_rotation(scheme)}"
    yield from (f"- source: {_linked(source)}" for source in scheme.source)
    yield ""
    yield from ["```js", *snippet(scheme), "```", ""]


def _age(scheme: Scheme, today: date) -> str:
    return "; due, as that is more than a year ago" if is_due(scheme.read, today) else ""


def _rotation(scheme: Scheme) -> str:
    sources = ", ".join(map(_linked, scheme.rotation.source))
    return describe_rotation(scheme.rotation) + (f" ({sources})" if sources else "")


def _status(scheme: Scheme) -> str:
    return scheme.status + (f": use {scheme.replacement}" if scheme.replacement else "")


def _wrapped(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in wrap(line, 88, break_long_words=False)]


def _fit(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else f"{cell[: width - 1]}…"


def _linked(source: str, text: str = "") -> str:
    if not source.startswith("http"):
        return source
    return f"[{text}]({source})" if text else f"<{source}>"

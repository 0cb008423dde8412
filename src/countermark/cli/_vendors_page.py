"""The page of all vendors, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from countermark.cli._scheme_pages import COMPUTED, PUBLISHED, comparisons, facts, status
from countermark.schemes._descriptions import describe_token, entries, snippet
from countermark.schemes._rotation import describe_rotation
from countermark.schemes._scheme import Scheme
from countermark.webhooks._scheme import WebhookScheme

_HEAD = """\
# Vendors

This page lists what each scheme signs, and how the front end passes it on. It is generated from
the files in [`src/countermark/schemes/catalogue`](../src/countermark/schemes/catalogue) by
`countermark schemes --markdown`. You can add a vendor with [one file](own-scheme.md), and
[another page](vendors-left-out.md) says why some vendors have no scheme. Webhooks are
[below](#webhooks).

**?** marks a scheme with uncertain details, which its section lists. `{x?}` is left out if it is
missing, `{x|y}` is the first value that the principal has, and `{now:s}`, `{now:ms}` and
`{now:iso}` are the time. Names other than `id`, `email`, `phone`, `name` and `created` are
attributes: `Principal("user-1", attributes={"x": …})`. `{settings.x}` is a constant of your
account: `Signer(…, settings={"x": …})`. If a vendor does not name an environment variable or a
response header, the name is countermark's. Replace names in CAPITALS in the code.

The column "compared with" lists the things that the tests compare a scheme with. `own computation`
is a second computation in the tests, by Python's standard library alone or, for tokens, by a JWT
library; it exists for all schemes. `published example` is a token in the vendor's documentation or
code, or in another library. A package or repository has the vendor's own code, or a library for
it, and makes the same tokens. A scheme with `own computation` alone is as right as our reading of
its source.
"""

_WEBHOOKS = """\
## Webhooks

The formats of deliveries that [`WebhookVerifier`](webhooks.md) checks. A package in the
column "compared with" accepts and refuses the same random deliveries, but for the differences that
the page on webhooks lists.

| vendor | format | compared with | source |
|---|---|---|---|
"""


def markdown(schemes: Iterable[Scheme], webhooks: Iterable[WebhookScheme]) -> str:
    """Return the page of all *schemes* and of all formats of webhooks."""
    schemes = sorted(schemes, key=lambda scheme: scheme.name.lower())
    rows = [
        "| vendor | scheme | signed | token | front end | compared with | source |",
        "|---|---|---|---|---|---|---|",
    ]
    rows += [_row(scheme) for scheme in schemes]
    sections = ["\n".join(_section(scheme)) for scheme in schemes]
    formats = _WEBHOOKS + "\n".join(map(_webhook_row, webhooks))
    return "\n".join([_HEAD, *rows, "", formats, "", *sections])


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
        _compared(scheme),
        _linked(scheme.source[0], "read here"),
    )
    return f"| {' | '.join(cells)} |"


def _webhook_row(scheme: WebhookScheme) -> str:
    source = _linked(scheme.source[0], "read here")
    return f"| {scheme.name} | `{scheme.slug}` | {_compared(scheme)} | {source} |"


def _compared(scheme: Scheme | WebhookScheme) -> str:
    return ", ".join(
        each if each in (PUBLISHED, COMPUTED) else f"`{each}`" for each in comparisons(scheme)
    )


def _section(scheme: Scheme) -> Iterator[str]:
    yield f"## {scheme.slug}"
    yield ""
    yield f"**{scheme.name}**, {status(scheme)}."
    yield f"{scheme.confidence.capitalize()} on {scheme.read}."
    if scheme.unsure:
        yield f"**?** {' '.join(scheme.unsure.split())}"
    if scheme.ambiguous:
        yield f"Two principals can get the same signature: {scheme.ambiguous}."
    if scheme.notes:
        yield " ".join(scheme.notes.split())
    yield ""
    labels = {"header": "response header", "sent on in": "sent on in the header"}
    yield from (f"- {labels.get(n, n)}: `{text}`" for n, text in facts(scheme).items() if text)
    yield f"- rotation of the secret: {_rotation(scheme)}"
    yield from (f"- source: {_linked(source)}" for source in scheme.source)
    yield ""
    yield from ["```js", *snippet(scheme), "```", ""]


def _rotation(scheme: Scheme) -> str:
    sources = ", ".join(map(_linked, scheme.rotation.source))
    return describe_rotation(scheme.rotation) + (f" ({sources})" if sources else "")


def _linked(source: str, text: str = "") -> str:
    if not source.startswith("http"):
        return source
    return f"[{text}]({source})" if text else f"<{source}>"

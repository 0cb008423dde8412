"""The catalogue for people: as a list, one scheme at a time, and as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import Template
from countermark.signing._vectors import check

#: Where the snippets fetch from: wherever SignaturesEndpoint is mounted.
ENDPOINT = "/signatures"

_HEAD = """\
# Vendors

What each vendor signs, and how the front end hands it over. This page is made from the files in
[`src/countermark/schemes`](../src/countermark/schemes) by `countermark schemes --markdown`; a
vendor that is not here is [a file away](own-scheme.md).

**?** marks what is not certain; the vendor's section says what. `{x?}` is left out where it is
missing, `{x|y}` is the first that is there, `{now:s}`, `{now:ms}` and `{now:iso}` are the time.
What is neither `id`, `email`, `phone`, `name` nor `created` is an attribute:
`Principal("user-1", attributes={"x": …})`. `{settings.x}` is a constant of your account:
`Signer(…, settings={"x": …})`. Where a vendor names no variable for the secret, or no response
header, the names are countermark's. In the code, names in CAPITALS are yours to fill in.
"""


def signed(scheme: Scheme) -> str:
    """Say what *scheme* signs, in a line."""
    if scheme.jwt is not None:
        return f"claims {_shown(scheme.jwt.claims)}"
    assert scheme.mac is not None  # noqa: S101  # a scheme has a code or a token
    message = str(scheme.mac.message).replace("\n", "\\n")
    if scheme.payload is None:
        return message
    content = scheme.payload.content
    inside = str(content) if isinstance(content, Template) else _shown(content)
    encoding = "" if scheme.payload.encoding == "none" else f" in {scheme.payload.encoding}"
    return f"{message} with payload {scheme.payload.format} of {inside}{encoding}"


def spelled(scheme: Scheme) -> str:
    """Say how the token of *scheme* is made, in a line."""
    if scheme.jwt is not None:
        return f"JWT {scheme.jwt.algorithm}"
    assert scheme.mac is not None  # noqa: S101  # a scheme has a code or a token
    mac = scheme.mac
    kind = (
        f"HMAC-{mac.algorithm.upper()}"
        if mac.construction == "hmac"
        else f"{mac.algorithm.upper()} with suffix"
    )
    key = "" if mac.key == "text" else f", key in {mac.key}"
    shape = str(scheme.token) if isinstance(scheme.token, Template) else "JSON"
    return f"{kind}, {mac.encoding}{key}" + ("" if shape == "{mac}" else f": {shape}")


def listed(schemes: Iterable[Scheme]) -> str:
    """Return a line for each scheme: its name in code, what it signs and how, and doubts."""
    lines = [("scheme", "vendor", "token", "signed", "")]
    for scheme in schemes:
        marks = [scheme.status] * (scheme.status != "current") + ["?"] * bool(scheme.unsure)
        lines.append((scheme.slug, scheme.name, spelled(scheme), signed(scheme), " ".join(marks)))
    widths = [min(44, max(map(len, column))) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(_fit(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def described(scheme: Scheme) -> str:
    """Return all that is to say about one scheme, with code for both ends."""
    results = [equal for _, equal in check(scheme)]
    rows = {
        "status": _status(scheme),
        "signed": signed(scheme),
        "token": spelled(scheme),
        "life": _life(scheme),
        "ambiguous": scheme.ambiguous,
        "secret": scheme.variable,
        "settings": ", ".join(f"{n} ({s.variable})" for n, s in scheme.settings.items()),
        "attributes": ", ".join(_attributes(scheme)),
        "header": scheme.header or "none",
        "sent on in": scheme.request_header or "",
        "fields": _shown(scheme.fields),
        "examples": f"{sum(results)} of {len(results)} reproduced" if results else "none published",
        "source": "\n".join(scheme.source),
        "read": f"{scheme.read}, {scheme.confidence}",
        "not sure": scheme.unsure,
        "notes": scheme.notes,
    }
    lines = [f"{scheme.name} ({scheme.slug})", ""]
    for name, text in rows.items():
        if text:
            first, *rest = _wrapped(text.strip())
            lines += [f"{name:<12}{first}", *(" " * 12 + line for line in rest)]
    return "\n".join([*lines, "", *_backend(scheme), "", *snippet(scheme), ""])


def snippet(scheme: Scheme) -> list[str]:
    """Return the lines of JavaScript that fetch the current user's fields and hand them over."""
    return [
        f'const response = await fetch("{ENDPOINT}", {{ credentials: "same-origin" }});',
        f'const identity = (await response.json())["{scheme.slug}"];',
        *scheme.frontend.strip().splitlines(),
    ]


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


def _row(scheme: Scheme) -> str:
    doubt = " **?**" if scheme.unsure else ""
    old = " (deprecated)" if scheme.status == "deprecated" else ""
    names = [name for name, _ in _entries(scheme.fields)]
    if scheme.jwt is not None:
        signs = f"claims {', '.join(name for name, _ in _entries(scheme.jwt.claims))}"
    else:
        signs = str(scheme.mac.message) if scheme.mac else ""
    cells = (
        f"{scheme.name}{old}{doubt}",
        f"[`{scheme.slug}`](#{scheme.slug})",
        f"`{signs}`".replace("|", "\\|").replace("\n", "\\n"),
        f"`{spelled(scheme)}`",
        f"`{', '.join(names)}`",
        _linked(scheme.source[0], "read here"),
    )
    return f"| {' | '.join(cells)} |"


def _section(scheme: Scheme) -> Iterator[str]:
    yield f"## {scheme.slug}"
    yield ""
    yield f"**{scheme.name}**, {_status(scheme)}."
    yield f"{scheme.confidence.capitalize()} on {scheme.read}."
    if scheme.unsure:
        yield f"**?** {_plain(scheme.unsure)}"
    if scheme.ambiguous:
        yield f"Two principals can get the same signature: {_plain(scheme.ambiguous)}."
    if scheme.notes:
        yield _plain(scheme.notes)
    yield ""
    for name, text in {
        "signed": signed(scheme),
        "token": spelled(scheme),
        "life": _life(scheme),
        "settings": ", ".join(f"{n} ({s.variable})" for n, s in scheme.settings.items()),
        "attributes": ", ".join(_attributes(scheme)),
        "secret": scheme.variable,
        "response header": scheme.header or "",
        "sent on in the header": scheme.request_header or "",
        "fields": _shown(scheme.fields),
    }.items():
        if text:
            yield f"- {name}: `{text}`"
    yield from (f"- source: {_linked(source)}" for source in scheme.source)
    yield ""
    yield from ["```js", *snippet(scheme), "```", ""]


def _status(scheme: Scheme) -> str:
    return scheme.status + (f": use {scheme.replacement}" if scheme.replacement else "")


def _life(scheme: Scheme) -> str:
    if not scheme.expires:
        return ""
    if scheme.lifetime is None:
        return "no end, unless lifetime= is given"
    most = f", at most {scheme.max_lifetime}" if scheme.max_lifetime else ""
    return f"{scheme.lifetime} seconds{most}"


def _attributes(scheme: Scheme) -> Iterator[str]:
    for name, rule in scheme.values.items():
        if name not in {"id", "email", "phone", "name"}:
            yield f"{name} ({rule.kind})"


def _entries(structure: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield the names of what a structure holds, nested ones with dots, and where it is from."""
    for name, value in structure.items():
        if isinstance(value, dict):
            yield from _entries(value, f"{before}{name}.")
        else:
            shown = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
            yield f"{before}{name}", shown


def _shown(structure: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in _entries(structure))


def _backend(scheme: Scheme) -> Iterator[str]:
    settings = {name: "…" for name, s in scheme.settings.items() if s.default is None}
    more = f", settings={settings}" if settings else ""
    yield "from countermark import Signer"
    yield ""
    yield f'signer = Signer.from_env("{scheme.slug}"{more})'


def _plain(text: str) -> str:
    return " ".join(text.split())


def _wrapped(text: str) -> list[str]:
    from textwrap import wrap

    lines = [part for line in text.splitlines() for part in wrap(line, 88, break_long_words=False)]
    return lines or [""]


def _fit(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else f"{cell[: width - 1]}…"


def _linked(source: str, text: str = "") -> str:
    if not source.startswith("http"):
        return source
    return f"[{text}]({source})" if text else f"<{source}>"

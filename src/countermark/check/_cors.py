"""CORS: reads the settings of middlewares, and checks the names of our headers in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, Final

from countermark.check._application import Application, Cors, Layer, header_set
from countermark.check._findings import Finding, finding
from countermark.check._parts import enforces, signers_of
from countermark.check._spelling import ALIKE
from countermark.verifying._locations import Location

# RFC 6761 reserves the name, so no page has this origin.
_FOREIGN: Final = "https://foreign.invalid"


def cors_of_starlette(options: Mapping[str, Any]) -> Cors:
    """Return the settings of Starlette's ``CORSMiddleware``, or of Litestar's ``CORSConfig``."""
    return Cors(
        every_origin="*" in (options.get("allow_origins") or ())
        or allows_foreign([options.get("allow_origin_regex") or "(?!)"], re.fullmatch),
        credentials=bool(options.get("allow_credentials")),
        exposed=header_set(options.get("expose_headers")),
        allowed=header_set(options.get("allow_headers")),
    )


def allows_foreign(
    patterns: Iterable[str | re.Pattern[str]], match: Callable[..., object] = re.match
) -> bool:
    """Tell whether a pattern of origins allows one that no application lists."""
    with suppress(re.error, TypeError):  # the middleware refuses it when it is built
        return any(match(pattern, _FOREIGN) for pattern in patterns)
    return False


def check_cors(application: Application) -> Iterator[Finding]:
    """Yield the findings about CORS settings."""
    for layer in application.layers:
        if layer.cors is None:
            continue
        outer, inner = list(application.outside(layer)), list(application.inside(layer))
        others = [*outer, *inner]
        signing = [other for other in others if other.part and other.part.signing]
        if signing and layer.cors.every_origin and layer.cors.credentials:
            yield finding(
                "cors_origins",
                layer.name,
                "pages of every origin may read responses with the user's tokens",
                "list your own origins instead",
            )
        for other in others:
            yield from _hidden(layer.name, layer.cors, other)
        for index, other in enumerate(others):
            enforcement = other.part and other.part.enforcement
            # In enforce, an outer verifying middleware answers preflights itself.
            if enforcement and (index >= len(outer) or not enforces(enforcement)):
                yield from _refused(layer.name, layer.cors, enforcement.location)


def _hidden(where: str, cors: Cors, layer: Layer) -> Iterator[Finding]:
    """Yield the response headers of a signing middleware that scripts cannot read."""
    if layer.part is None or cors.exposed is None:
        return
    for signer in signers_of(layer.part):
        name = (signer.header or "").lower()
        # A name that resembles it has another finding.
        if name and not get_close_matches(name, cors.exposed, n=1, cutoff=ALIKE):
            yield finding(
                "cors_header_hidden",
                where,
                f"scripts of other origins cannot read the header {signer.header}",
                f"add it to {cors.expose_setting}, or give Signer(header=None) if they read the"
                " endpoint instead",
            )


def _refused(where: str, cors: Cors, location: Location) -> Iterator[Finding]:
    """Yield the request header of a verifying middleware that scripts cannot send."""
    if location.kind != "header" or cors.allowed is None:
        return
    if location.name.lower() not in cors.allowed:
        yield finding(
            "cors_header_refused",
            where,
            f"scripts of other origins cannot send the header {location.name}, which carries the"
            " token",
            f"add it to {cors.allow_setting}",
        )

"""Checks of the names of headers, which may be misspelled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from countermark.check._application import Application
from countermark.check._findings import Finding, finding
from countermark.check._parts import Part, signers_of, verifier_of

#: The least similarity of a misspelled name: one or two wrong characters of a dozen.
ALIKE: Final = 0.85
_VARY: Final = ("Cookie", "Authorization")


def check_names(application: Application) -> Iterator[Finding]:
    """Yield a finding for each header name that resembles the usual one."""
    for part in application.parts:
        for given, usual in _pairs(part):
            yield from _misspelled(part.where, given, usual)
    headers = [
        signer.header for part in application.parts for signer in signers_of(part) if signer.header
    ]
    for layer in application.layers:
        for given in (layer.cors.exposed if layer.cors else None) or ():
            yield from _misspelled(layer.name, given, headers)


def _pairs(part: Part) -> Iterator[tuple[str, list[str]]]:
    """Yield the names that *part* was given, each with the names that could be meant."""
    for signer in signers_of(part):
        if signer.header is not None and signer.scheme.header is not None:
            yield signer.header, [signer.scheme.header]
    for name in part.signing.vary if part.signing else ():
        yield name, list(_VARY)
    verifier = part.enforcement and verifier_of(part.enforcement)
    if part.enforcement is not None and part.enforcement.location.kind == "header" and verifier:
        usual = verifier.scheme.request_header
        yield part.enforcement.location.name, [usual] if usual else []


def _misspelled(where: str, given: str, usual: Iterable[str]) -> Iterator[Finding]:
    by_lower = {name.lower(): name for name in usual}
    if given.lower() in by_lower:
        return
    for found in get_close_matches(given.lower(), by_lower, n=1, cutoff=ALIKE):
        yield finding(
            "name_misspelled",
            where,
            f"the header {given} resembles {by_lower[found]}",
            "correct the name, or choose one that differs more",
        )

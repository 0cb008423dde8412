"""Checks of the order of middlewares, from the outside in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from countermark.check._application import Application, Layer
from countermark.check._findings import Finding, finding
from countermark.check._names import closure_of, names_of, words_of
from countermark.check._parts import functions_of, may_enforce_each_path, principal_of
from countermark.signing._config import SigningConfig
from countermark.verifying._enforcement import Enforcement

# Words in the code of a function that reads what sessions or authentication have found.
_SESSION: Final = re.compile("session", re.IGNORECASE)
_USER: Final = re.compile("session|user|auth|login", re.IGNORECASE)
# Resolvers of ours that read neither.
_INDEPENDENT: Final = (
    "countermark.resolvers._assertion.",
    "countermark.resolvers._entries.from_environ",
    "countermark.resolvers._proxy_header.",
)
# The functions that run before the application does.
_EARLY: Final = frozenset({"tenant=", "session="})


class _Around(NamedTuple):
    """A middleware of ours, and the layers outside and inside of it."""

    layer: Layer
    outer: list[Layer]
    inner: list[Layer]

    @property
    def kinds_outside(self) -> set[str]:
        """The kinds of the layers outside: another one inside, such as a timeout, adds none."""
        return {kind for other in self.outer for kind in other.kinds}

    def finding(self, problem: str, advice: str) -> Finding:
        return finding("middleware_order", self.layer.name, problem, advice)

    def inside(self, other: Layer, problem: str) -> Finding:
        """Return the finding that the middleware belongs inside *other*."""
        return self.finding(f"is outside {other.name}{problem}", f"put it inside {other.name}")

    def outside(self, other: Layer, problem: str) -> Finding:
        """Return the finding that the middleware belongs outside *other*."""
        return self.finding(f"is inside {other.name}{problem}", f"put it outside {other.name}")


def check_order(application: Application) -> Iterator[Finding]:
    """Yield the findings about the order of middlewares."""
    for layer in application.layers:
        part = layer.part
        around = _Around(layer, [*application.outside(layer)], [*application.inside(layer)])
        if part is not None and part.signing is not None:
            yield from _check_signing(
                around, reads_user=_mentions(principal_of(part.signing), _USER)
            )
            yield from _check_validators(around, part.signing)
        if part is not None and part.enforcement is not None:
            functions = [each.call for each in functions_of(part) if each.option in _EARLY]
            reads_session = any(_mentions(function, _SESSION) for function in functions)
            yield from _check_verifying(around, part.enforcement, reads_session=reads_session)


def _check_signing(around: _Around, *, reads_user: bool) -> Iterator[Finding]:
    needed = {"session", "authentication"} - around.kinds_outside
    for other in around.inner:
        # A wrapper of the whole application may be outside: it reads what inner layers found.
        same_list = other.place == around.layer.place
        if reads_user and same_list and other.kinds & needed:
            yield around.inside(other, ": code between them sees an anonymous user")
        if "buffering" in other.kinds:
            yield around.inside(other, ", which starts the response after Flask's context")
    for other in around.outer:
        if "cache" in other.kinds:
            yield around.outside(other, ", which could store a user's page")
        if other.part is not None and other.part.signing is not None:
            yield finding(
                "middleware_twice",
                around.layer.name,
                "there is another signing middleware outside of it",
                "keep one, and give it all signers",
            )


def _check_validators(around: _Around, signing: SigningConfig) -> Iterator[Finding]:
    if any(signer.header for signer in signing.signers.values()):
        for other in around.inner:
            if "conditional" in other.kinds:
                yield around.inside(other, ": a page with an ETag gets no token header")
    if signing.cache_control == "private":
        for other in around.outer:
            if "conditional" in other.kinds:
                yield around.finding(
                    f"is inside {other.name}, and has cache_control='private': a browser could"
                    " show the page of the previous user after a 304",
                    "leave cache_control= out",
                )


def _check_verifying(
    around: _Around, enforcement: Enforcement, *, reads_session: bool
) -> Iterator[Finding]:
    for other in around.outer:
        if "cache" in other.kinds:
            yield around.outside(other, ", which sends pages to clients without a token")
    for other in around.inner:
        if reads_session and "session" in other.kinds - around.kinds_outside:
            yield around.inside(other, ", and reads the session before there is one")
    if may_enforce_each_path(enforcement):
        yield from _check_deliveries(around)


def _check_deliveries(around: _Around) -> Iterator[Finding]:
    # A layer around the application may be for another mount than the one inside.
    outer = [other for other in around.outer if other.place == around.layer.place]
    for other in [*outer, *around.inner]:
        if other.part is not None and other.part.webhooks is not None:
            yield around.finding(
                f"gets the deliveries of {other.name}, which have no token, and refuses them in"
                " enforce",
                "mount the two next to each other, or let mode= be a function that returns 'off'"
                " for the path of the deliveries",
            )


def _mentions(function: Any, words: re.Pattern[str]) -> bool:
    """Tell whether the code of *function* has one of *words*; True if it cannot be read."""
    name = names_of(function)[0]
    if name.startswith("countermark."):
        place = closure_of(function).get("place", "session")
        return not name.startswith(_INDEPENDENT) and words.search(place) is not None
    found = words_of(function)
    return found is None or any(map(words.search, found))

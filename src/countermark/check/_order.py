"""Checks of the order of middlewares, from the outside in."""

from __future__ import annotations

from collections.abc import Iterator

from countermark.check._application import Application, Layer
from countermark.check._findings import Finding, finding
from countermark.check._names import closure_of, names_of
from countermark.check._parts import Part, enforces, functions_of, resolver_of

# Resolvers of ours that read neither a session nor the user of an authentication middleware.
_INDEPENDENT = (
    "countermark.resolvers._assertion.",
    "countermark.resolvers._entries.from_environ",
    "countermark.resolvers._proxy_header.",
)


def check_order(application: Application) -> Iterator[Finding]:
    """Yield the findings about the order of middlewares."""
    for layer in application.layers:
        if layer.part is None:
            continue
        around = list(application.around(layer))
        outer = list(application.outside(layer))
        inner = [other for other in around if other not in outer]
        if layer.part.signing is not None:
            yield from _check_signing(layer, outer, inner)
        if layer.part.enforcement is not None:
            yield from _check_verifying(layer, outer, inner)


def _check_signing(layer: Layer, outer: list[Layer], inner: list[Layer]) -> Iterator[Finding]:
    assert layer.part is not None  # noqa: S101  # the caller has looked
    if _reads_sessions(layer.part):
        # A wrapper of the whole application may be outside: it reads what inner layers found.
        for other in inner:
            if other.kinds & {"session", "authentication"} and other.place == layer.place:
                problem = f"is outside {other.name}: code between them sees an anonymous user"
                yield _order(layer, problem, f"put it inside {other.name}")
    for other in outer:
        if "cache" in other.kinds:
            problem = f"is inside {other.name}, which could store a user's page"
            yield _order(layer, problem, f"put it outside {other.name}")
        if other.part is not None and other.part.signing is not None:
            yield finding(
                "middleware_twice",
                layer.name,
                "there is a signing middleware outside of it, which serves all requests",
                "keep one, and give it all signers",
            )
    for other in inner:
        if "buffering" in other.kinds:
            problem = f"is outside {other.name}, which starts the response after Flask's context"
            yield _order(layer, problem, f"put it inside {other.name}")
    yield from _check_validators(layer, outer, inner)


def _check_validators(layer: Layer, outer: list[Layer], inner: list[Layer]) -> Iterator[Finding]:
    assert layer.part is not None and layer.part.signing is not None  # noqa: S101, PT018
    if any(signer.header for signer in layer.part.signing.signers.values()):
        for other in inner:
            if "conditional" in other.kinds:
                problem = f"is outside {other.name}: a page with an ETag gets no token header"
                yield _order(layer, problem, f"put it inside {other.name}")
    if layer.part.signing.cache_control == "private":
        for other in outer:
            if "conditional" in other.kinds:
                problem = (
                    f"is inside {other.name}, and has cache_control='private': a browser could"
                    " show the page of the previous user after a 304"
                )
                yield _order(layer, problem, "leave cache_control= out")


def _check_verifying(layer: Layer, outer: list[Layer], inner: list[Layer]) -> Iterator[Finding]:
    assert layer.part is not None  # noqa: S101  # the caller has looked
    for other in outer:
        if "cache" in other.kinds:
            problem = f"is inside {other.name}, which sends pages to clients without a token"
            yield _order(layer, problem, f"put it outside {other.name}")
    for other in inner:
        if "session" in other.kinds and _needs_session(layer.part):
            problem = f"is outside {other.name}, and its functions of the request run before it"
            yield _order(layer, problem, f"put it inside {other.name}")
        if other.part is not None and other.part.webhooks is not None and enforces(layer.part):
            problem = f"is outside {other.name}, and refuses deliveries, which have no token"
            yield _order(layer, problem, f"put it inside {other.name}")


def _order(layer: Layer, problem: str, advice: str) -> Finding:
    return finding("middleware_order", layer.name, problem, advice)


def _reads_sessions(part: Part) -> bool:
    resolver = resolver_of(part)
    if resolver is None or not names_of(resolver)[0].startswith("countermark.resolvers."):
        return True
    if names_of(resolver)[0].startswith(_INDEPENDENT):
        return False
    return closure_of(resolver).get("place") != "state"


def _needs_session(part: Part) -> bool:
    """Tell whether *part* has a function that may read the session before the application does."""
    return any(function.option in {"tenant=", "session="} for function in functions_of(part))

"""The faults that a response with a token can show, and their description."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from countermark.errors import REFUSALS
from countermark.testing._cache_check import cache_problem
from countermark.testing._clients import Request
from countermark.testing._recogniser import STRANGER, Found
from countermark.testing._response_view import ResponseView


class Usual(NamedTuple):
    """The claims of a user's tokens if the request has no parameters."""

    claims: Mapping[str, Mapping[str, Any]]  #: By scheme.
    varying: frozenset[str] = frozenset()  #: The names of those that each request changes.

    @classmethod
    def of(cls, found: list[Found]) -> Usual:
        """Return the claims of the tokens in one response."""
        return cls({one.scheme: one.claims for one in found})

    def common_with(self, later: Usual) -> Usual:
        """Return the same, for two responses to the same request."""
        varying = {
            name
            for scheme, claims in self.claims.items()
            for name in _different(claims, later.claims.get(scheme, claims))
        }
        return Usual({**self.claims, **later.claims}, self.varying | varying)

    def changed(self, found: Found) -> list[str]:
        """Return the names of the claims that a token has with other values."""
        usual = self.claims.get(found.scheme, found.claims)
        return [name for name in _different(found.claims, usual) if name not in self.varying]


class Anonymous:
    """Stands for the absence of a user."""

    def __repr__(self) -> str:
        return "an anonymous user"


ANONYMOUS: Final = Anonymous()


class Fault(NamedTuple):
    """A fault of a response. Two with the same *kind* and *owner* are the same fault."""

    #: ``foreign``, ``anonymous``, ``logged out``, ``at logout``, ``changed``, ``differing`` or
    #: ``cached``.
    kind: str
    owner: Hashable  #: The name of the principal that the token is for.
    scheme: str
    place: str  #: Where the token is.
    whose: str  #: The owner, for the message.
    detail: str  #: The explanation.

    def same_as(self, other: Fault) -> bool:
        """Tell whether *other* is the same fault, maybe of another response."""
        return (self.kind, self.owner) == (other.kind, other.owner)


def fault_of(
    user: Hashable, request: Request, view: ResponseView, found: list[Found], usual: Usual | None
) -> Fault | None:
    """Return the worst fault of a response, or None.

    Args:
        user: The name of the user who requests, or ``ANONYMOUS``.
        request: The request.
        view: The response.
        found: The tokens in it.
        usual: The claims of the user's tokens if no parameter is changed; None: unknown.
    """
    return next(_faults(user, request, view, found, usual or Usual({})), None)


def _faults(
    user: Hashable, request: Request, view: ResponseView, found: list[Found], usual: Usual
) -> Iterator[Fault]:
    for one in found:
        if user is ANONYMOUS:
            yield fault_with("anonymous", one, "an anonymous user must not get a token")
        elif one.owner != user:
            yield fault_with("foreign", one, _foreign(request, one))
    for one in found:
        changed = usual.changed(one)
        if changed:
            detail = f"the request changes what is signed: {', '.join(changed)}"
            yield fault_with("changed", one, detail)
        elif one.differing:
            names = ", ".join(one.differing)
            yield fault_with("differing", one, f"its values differ from users=: {names}")
    reason = cache_problem(request.method, view) if found else None
    if reason is not None:
        detail = f"a cache may serve the response to another user: {reason}"
        yield fault_with("cached", found[0], detail)


def fault_with(kind: str, found: Found, detail: str) -> Fault:
    """Return a fault of a token."""
    whose = repr(found.owner)
    if found.owner is STRANGER and found.claimed is not None:
        whose += f" ({found.claimed!r})"
    return Fault(kind, found.owner, found.scheme, found.place, whose, detail)


def _foreign(request: Request, found: Found) -> str:
    if request.parameters:
        return "the request decides which user is signed; sign the user of the session"
    if found.owner is not STRANGER:
        return "one response, page or variable serves several users, or the path decides"
    if found.claimed is not None:
        return "users= has no principal with this id and these other values"
    return (
        f"it is not the token of any of users= ({REFUSALS.get(found.code, 'it is valid')}):"
        " the principal, the key or a setting differs from users= and signers="
    )


def _different(claims: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    missing = object()
    names = dict.fromkeys((*claims, *others))
    return [name for name in names if claims.get(name, missing) != others.get(name, missing)]


def described(user: Hashable, request: Request | None, fault: Fault, notes: list[str]) -> str:
    """Return the message about a fault, with the request that shows it; None: ``logout=`` does."""
    whose = fault.whose
    if request is None:
        lines = [f"the response to logout= has a token of {whose}", ""]
    else:
        lines = [
            _summary(user, request, fault),
            "",
            "the smallest request that shows it:",
            *(f"    {line}" for line in _lines_of(request)),
        ]
    lines += [
        f"sent by: {user!r}",
        f"token: {fault.scheme}, in {fault.place}, of {whose}",
        f"why: {fault.detail}",
        *notes,
    ]
    return "\n".join(lines)


def _summary(user: Hashable, request: Request, fault: Fault) -> str:
    place, whose = f"{request.method} {request.path}", fault.whose
    return {
        "cached": f"{place} has a token of {whose}, and a cache may keep it",
        "differing": f"{place} has a token of {whose}, with values that are not theirs",
        "changed": f"{place} has a token of {whose}, and the request decides what it contains",
        "logged out": f"{place} has a token of {whose} after the user has signed out",
    }.get(fault.kind, f"{place}, requested by {user!r}, has a token of {whose}")


def _lines_of(request: Request) -> Iterator[str]:
    yield f"{request.method} {request.url}"
    for name, value in request.given("header").items():
        yield f"{name}: {value}"
    cookies = "; ".join(f"{name}={value}" for name, value in request.given("cookie").items())
    if cookies:
        yield f"Cookie: {cookies}"
    body, content_type = request.encoded()
    if content_type is not None:
        yield f"Content-Type: {content_type}"
        yield ""
        yield body.decode()

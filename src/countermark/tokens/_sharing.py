"""Computes what depends on a scheme alone once for all of its signers and verifiers.

Each tenant and each previous key has a signer or verifier of its own. What they share would take
most of their memory, and of the time to build them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Concatenate, ParamSpec, TypeVar

from countermark.schemes._scheme import Scheme

P = ParamSpec("P")
T = TypeVar("T")

# More than the schemes of the catalogue, for signers and for verifiers.
_MOST = 256


class _Identical:
    """Distinguishes schemes by identity: those that are equal may hold 1 and True."""

    __slots__ = ("scheme",)

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme

    def __hash__(self) -> int:
        return id(self.scheme)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identical) and other.scheme is self.scheme


def shared(
    function: Callable[Concatenate[Scheme, P], T],
) -> Callable[Concatenate[Scheme, P], T]:
    """Return *function* with its latest results kept, by the scheme and the other arguments."""
    compute: Callable[..., T] = function

    @lru_cache(maxsize=_MOST)
    def by_identity(identical: _Identical, *rest: Any) -> T:
        return compute(identical.scheme, *rest)

    find: Callable[..., T] = by_identity

    def call(scheme: Scheme, /, *rest: P.args, **named: P.kwargs) -> T:
        return find(_Identical(scheme), *rest, **named)

    return call

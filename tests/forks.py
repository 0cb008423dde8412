"""Finds the objects that have to know of forks: those with work in the background."""

from __future__ import annotations

from typing import Any, TypeVar

from countermark import _forks

T = TypeVar("T")


def in_use(kind: type[T]) -> list[T]:
    """Return the objects of a class that are in use."""
    methods: list[Any] = [weak() for weak in list(_forks._methods)]
    owners = [method.__self__ for method in methods if method is not None]
    return [owner for owner in owners if isinstance(owner, kind)]

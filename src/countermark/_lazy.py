"""Exports whose modules are imported when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping


def lazy_exports(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """Return the ``__getattr__`` of *package*.

    Args:
        package: The name of the package.
        modules: The names of the modules, by the names that they define.
    """

    def getattribute(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        found = getattr(import_module(modules[name]), name)
        setattr(sys.modules[package], name, found)  # the next time it is an ordinary name
        return found

    return getattribute

"""Names of classes and functions: frameworks are recognised by them, without an import."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any, Final

#: Other middlewares, by the names of their classes: many packages have one of each kind.
_KINDS: Final = {
    "session": "^(?!.*(db|sql|orm|http|client)).*session",  # not the session of a database
    "authentication": "authenticat|login",
    "cache": "(?<!no)cach(?!econtrol)",
    "conditional": "etag|conditionalget",
    "compression": "gzip|brotli|compress|zstd",
    "lifespan": "^lifespanmiddleware$",
}


def is_a(thing: object, *classes: type) -> bool:
    """Tell whether the class of *thing* is one of *classes*.

    Unlike ``isinstance`` it does not ask the object, which may be a proxy of a request or a
    lazy object, and would run code of the application.
    """
    return issubclass(type(thing), classes)


def names_of(thing: object) -> list[str]:
    """Return the qualified names of a class and its bases, or of the class of an object.

    A function has one name, its own.
    """
    if is_a(thing, FunctionType, BuiltinFunctionType, MethodType):
        function: Any = thing
        return [f"{function.__module__}.{function.__qualname__}"]
    cls: Any = thing if is_a(thing, type) else type(thing)
    return [f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__]


def short_name(thing: object) -> str:
    """Return the name of a class or function for messages."""
    name = names_of(thing)[0]
    if name.startswith("countermark."):
        name = name.partition(".<locals>")[0]  # users know the function that made it
    return name.rpartition(".")[2]


def kinds_of(names: list[str]) -> set[str]:
    """Return the kinds of a middleware, such as ``session``, by the names of its classes."""
    lasts = [name.rpartition(".")[2].lower() for name in names]
    return {
        kind for kind, pattern in _KINDS.items() if any(re.search(pattern, last) for last in lasts)
    }


def words_of(function: object) -> set[str] | None:
    """Return the names and texts in the code of a function; None if it is no plain function."""
    if not is_a(function, FunctionType):
        return None
    plain: Any = function
    return set(_words_in(plain.__code__))


def _words_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words_in(constant)
        elif isinstance(constant, str):
            yield constant


def closure_of(function: object) -> dict[str, Any]:
    """Return the values of the variables that *function* closes over; {} if it is no function."""
    found: dict[str, Any] = {}
    if is_a(function, FunctionType):
        plain: Any = function
        cells = plain.__closure__ or ()
        for name, cell in zip(plain.__code__.co_freevars, cells, strict=True):
            with suppress(ValueError):  # it has no value yet
                found[name] = cell.cell_contents
    return found

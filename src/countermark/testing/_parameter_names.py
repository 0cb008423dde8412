"""The names of the parameters that the code of a route or a resolver may read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,40}")
_MOST_NAMES: Final = 40
_MOST_FUNCTIONS: Final = 20
# The methods of their classes read no parameters of the application.
_FRAMEWORKS: Final = frozenset(
    {
        "asgiref",
        "builtins",
        "countermark",
        "django",
        "fastapi",
        "flask",
        "litestar",
        "quart",
        "rest_framework",
        "starlette",
        "werkzeug",
    }
)


def names_of_dependencies(dependant: Any) -> Iterator[str]:
    """Yield the names of the parameters of FastAPI's dependencies."""
    if dependant is None:
        return
    for kind in ("query_params", "header_params", "cookie_params", "body_params"):
        for field in getattr(dependant, kind, ()):
            yield field.alias
            model = getattr(getattr(field, "field_info", None), "annotation", None)
            yield from getattr(model, "model_fields", ())
    for inner in dependant.dependencies:
        yield from names_of_dependencies(inner)


def calls_of(dependant: Any) -> Iterator[Any]:
    """Yield the functions and classes that FastAPI's dependencies call."""
    for inner in dependant.dependencies if dependant is not None else ():
        yield inner.call
        yield from calls_of(inner)


def names_in_code(*things: Any) -> list[str]:
    """Return the texts in the code of functions that may be names of parameters.

    Of a class or another object, its methods count. Functions that these enclose count too,
    and the functions and methods of the same package that they call.
    """
    found = list(dict.fromkeys(function for each in things for function in _functions(each)))
    for function in islice(found, _MOST_FUNCTIONS):  # it grows
        found += [called for called in _called_by(function) if called not in found]
    texts = (text for function in found for text in _texts_in(function.__code__))
    return list(dict.fromkeys(filter(_NAME.fullmatch, texts)))[:_MOST_NAMES]


def _functions(thing: Any) -> Iterator[FunctionType]:
    """Yield a function, or the methods of a class or object that is not a framework's."""
    function = _function(thing)
    if function is not None:
        yield function
        return
    cls = _class_of(thing)
    if _package_of(cls) not in _FRAMEWORKS:
        yield from filter(None, map(_function, vars(cls).values()))


def _function(thing: Any) -> FunctionType | None:
    """Return the innermost function of a decorated, bound or partial one, None: it is neither."""
    # By type: isinstance() asks a proxy for its class, and there is no request.
    while True:
        if issubclass(type(thing), partial):
            thing = thing.func
        elif type(thing) is MethodType:
            thing = thing.__func__
        elif type(thing) is not FunctionType:
            return None
        elif hasattr(thing, "__wrapped__"):
            thing = thing.__wrapped__
        else:
            return thing


def _class_of(thing: Any) -> type:
    return thing if issubclass(type(thing), type) else type(thing)


def _called_by(function: FunctionType) -> Iterator[FunctionType]:
    """Yield the functions that *function* encloses, and those of its package that it names."""
    names, package = dict.fromkeys(_names_in(function.__code__)), _package_of(function)
    for value in _enclosed_by(function):
        enclosed = _function(value)
        if enclosed is not None:
            yield enclosed
    named = [function.__globals__[name] for name in names if name in function.__globals__]
    # The class that a method is in.
    named.append(function.__globals__.get(function.__qualname__.partition(".")[0]))
    for value in (*named, *_enclosed_by(function)):
        called = _function(value)
        if called is not None:
            yield from [called] if _package_of(called) == package else []
        elif _package_of(_class_of(value)) == package:
            methods = vars(_class_of(value))
            yield from filter(None, (_function(methods.get(name)) for name in names))


def _enclosed_by(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it has no value yet
            yield cell.cell_contents


def _package_of(thing: type | FunctionType) -> str:
    return thing.__module__.partition(".")[0]


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _texts_in(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, bytes):  # a header of ASGI
            yield constant.decode("latin-1")
        elif isinstance(constant, CodeType):
            yield from _texts_in(constant)

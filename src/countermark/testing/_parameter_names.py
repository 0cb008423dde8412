"""The names of the parameters that the code of a route or a resolver may read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from types import CodeType, FunctionType
from typing import Any, Final

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,40}")
_MOST_NAMES: Final = 40
_MOST_FUNCTIONS: Final = 20


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


def names_in_code(*functions: Any) -> list[str]:
    """Return the texts in the code of functions that may be names of parameters.

    Functions that they enclose count too, and those of the same package that they call.
    Other objects are skipped.
    """
    found = [function for each in functions if (function := _function(each)) is not None]
    for function in islice(found, _MOST_FUNCTIONS):  # it grows
        found += [called for called in _called_by(function) if called not in found]
    texts = (text for function in found for text in _texts_in(function.__code__))
    return list(dict.fromkeys(filter(_NAME.fullmatch, texts)))[:_MOST_NAMES]


def _function(thing: Any) -> FunctionType | None:
    """Return the innermost function of a decorated or partial one, None if it is neither."""
    # By type: isinstance() asks a proxy for its class, and there is no request.
    while True:
        if issubclass(type(thing), partial):
            thing = thing.func
        elif type(thing) is not FunctionType:
            return None
        elif hasattr(thing, "__wrapped__"):
            thing = thing.__wrapped__
        else:
            return thing


def _called_by(function: FunctionType) -> Iterator[FunctionType]:
    """Yield the functions that *function* encloses, and those of its package that it names."""
    package = function.__module__.partition(".")[0]
    for cell in function.__closure__ or ():
        enclosed = _function(cell.cell_contents)
        if enclosed is not None:
            yield enclosed
    for name in function.__code__.co_names:
        called = _function(function.__globals__.get(name))
        if called is not None and called.__module__.partition(".")[0] == package:
            yield called


def _texts_in(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _texts_in(constant)

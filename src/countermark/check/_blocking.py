"""Finds functions that would block an event loop, by the names in their code.

The functions do not run. A name that is found need not be used at each request, so the
findings are warnings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dis import get_instructions
from functools import cache, partial
from itertools import takewhile
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final, NamedTuple

from countermark.check._application import Application
from countermark.check._findings import Finding, finding
from countermark.check._names import closure_of, is_a, names_of
from countermark.check._parts import functions_of

#: Packages that wait for the network or a disk.
_PACKAGES: Final = frozenset(
    {
        "boto3",
        "botocore",
        "flask_sqlalchemy",
        "ldap",
        "mysql",
        "MySQLdb",
        "peewee",
        "psycopg",
        "psycopg2",
        "pymongo",
        "pymysql",
        "pyodbc",
        "redis",
        "requests",
        "sqlalchemy",
        "sqlite3",
        "sqlmodel",
        "subprocess",
        "urllib3",
    }
)
#: Functions and classes of other packages that wait.
_WAITING: Final = frozenset(
    {
        "time.sleep",
        "urllib.urlopen",
        *(
            f"{package}.{name}"
            for package in ("httpx", "httpx2")
            for name in ("get", "post", "put", "patch", "request", "Client")
        ),
    }
)
_DJANGO_MODEL: Final = "django.db.models.base.Model"
_LOADS: Final = frozenset({"LOAD_GLOBAL", "LOAD_DEREF"})
_READS: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_CACHED: Final = type(cache(len))
# The number of functions that are followed into the functions that they call.
_DEPTH: Final = 3

_ADVICE: Final = {
    "principal=": "pass blocking=True to run it in a thread, or make it async def",
    "signers=": "load the keys beforehand, and return them from memory",
    "verifier=": "load the keys beforehand, and return them from memory",
}


class Blocking(NamedTuple):
    """A name in the code of a function, and the function that it is in."""

    name: str
    code: CodeType


class _Name(NamedTuple):
    """A variable that a function reads, and the attributes that it reads from there.

    The value of a module that the function imports is None.
    """

    name: str
    attributes: str
    value: Any


def check_functions(application: Application) -> Iterator[Finding]:
    """Yield a finding for each function of a request that would block the event loop."""
    for part in application.parts:
        for option, function in functions_of(part) if part.asynchronous else ():
            found = blocking_name(function)
            if found is not None:
                yield finding(
                    "blocking_function",
                    f"{part.where} {option}",
                    f"{found.code.co_name}() uses {found.name}, which blocks the event loop",
                    _ADVICE.get(option, "read what a middleware has found before"),
                    file=found.code.co_filename,
                    line=found.code.co_firstlineno,
                )


def blocking_name(given: Any, depth: int = _DEPTH) -> Blocking | None:
    """Return the first name that blocks in a function, or in those that it calls."""
    function = _plain(given)
    if function is None:
        return None
    names = list(_names_in(function, function.__code__))
    for name in names:
        if _blocks(name):
            shown = f"{name.name}.{name.attributes}" if name.attributes else name.name
            return Blocking(shown, function.__code__)
    for name in names if depth else ():
        inner = _own_function(name.value, function)
        found = None if inner is None else blocking_name(inner, depth - 1)
        if found is not None:
            return found
    return None


def _plain(given: Any) -> FunctionType | None:
    """Return the function of a method, a partial or cached one, or of an object that is called."""
    while is_a(given, partial, _CACHED):
        given = given.func if is_a(given, partial) else given.__wrapped__
    if is_a(given, MethodType):
        given = given.__func__
    elif not is_a(given, FunctionType):
        given = getattr(type(given), "__call__", None)  # noqa: B004
    return given if is_a(given, FunctionType) else None


def _names_in(function: FunctionType, code: CodeType) -> Iterator[_Name]:
    """Yield the global and closed-over variables in *code*, and the modules that it imports."""
    variables = {**function.__globals__, **closure_of(function)}
    listed = list(get_instructions(code))
    for place, found in enumerate(listed):
        if found.opname == "IMPORT_NAME":
            yield _Name(found.argval, "", None)
        elif found.opname in _LOADS and found.argval in variables:
            path = takewhile(lambda one: one.opname in _READS, listed[place + 1 :])
            attributes = ".".join(one.argval for one in path)
            yield _Name(found.argval, attributes, variables[found.argval])
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(function, constant)


def _blocks(name: _Name) -> bool:
    if name.value is None:
        return name.name.partition(".")[0] in _PACKAGES and "async" not in name.name
    origin, own = _origin(name.value)
    if "async" in f"{origin}.{own}.{name.attributes}".lower():
        return False
    if is_a(name.value, type) and _DJANGO_MODEL in names_of(name.value):
        return name.attributes.startswith("objects")
    package, last = origin.partition(".")[0], name.attributes.rpartition(".")[2]
    return package in _PACKAGES or not {f"{package}.{own}", f"{package}.{last}"}.isdisjoint(
        _WAITING
    )


def _origin(value: Any) -> tuple[str, str]:
    """Return the module of a value, and the name of the value or of its class there."""
    if is_a(value, ModuleType):
        return value.__name__, ""
    if not is_a(value, type, FunctionType, BuiltinFunctionType):
        value = type(value)
    return str(value.__module__), value.__name__


def _own_function(value: Any, caller: FunctionType) -> FunctionType | None:
    """Return *value* if it is a function of the package of *caller*."""
    if is_a(value, partial, _CACHED):
        value = _plain(value)
    if not is_a(value, FunctionType):
        return None
    packages = [one.__module__.partition(".")[0] for one in (value, caller)]
    ours = packages[1] == "countermark"  # a function of ours that calls the application's
    return value if ours or packages[0] == packages[1] else None

"""The table of the public API: what the packages export, with the names of arguments.

``python -m tests.project.public_api > docs/api.md``
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from inspect import getattr_static
from pathlib import Path
from types import FunctionType, ModuleType

#: The public modules, in the order of the table.
MODULES = (
    "countermark",
    "countermark.errors",
    "countermark.events",
    "countermark.principal",
    "countermark.keys",
    "countermark.schemes",
    "countermark.frontend",
    "countermark.signing",
    "countermark.resolvers",
    "countermark.asgi",
    "countermark.wsgi",
    "countermark.verifying",
    "countermark.leaks",
    "countermark.rollout",
    "countermark.rollout.prometheus",
    "countermark.rollout.opentelemetry",
    "countermark.webhooks",
    "countermark.explain",
    "countermark.redis",
    "countermark.starlette",
    "countermark.fastapi",
    "countermark.flask",
    "countermark.django",
    "countermark.django.middleware",
    "countermark.django.verifying",
    "countermark.django.rest_framework",
    "countermark.django.context_processors",
    "countermark.testing",
)

_HEAD = """\
# Public API

This table is generated, and a test compares it with the code, so each change of the public
API is a decision. `python -m tests.project.public_api > docs/api.md` writes it again.
Everything else is private. `/` and `*` are as in Python: arguments after `*` are keywords.
"""


def exported(name: str) -> list[str]:
    """Return the names that a public module exports, in alphabetical order."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names.update(alias.name for alias in node.names if alias.asname == alias.name)
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    listed = getattr(importlib.import_module(name), "__all__", None)
    found = names if listed is None else set(listed)
    return sorted(found - {"T", "P"} - {name for name in found if name.startswith("_")})


def described(name: str, thing: object) -> Iterator[str]:
    """Yield the lines that describe a public name."""
    if isinstance(thing, type):
        yield f"{name}{_signature(thing)}"
        if not issubclass(thing, BaseException):
            for member in sorted({*vars(thing), *getattr(thing, "_fields", ())}):
                if not member.startswith("_") and _is_documented(thing, member):
                    yield f"{name}.{member}{_signature(getattr_static(thing, member))}"
    elif isinstance(thing, FunctionType):
        yield f"{name}{_signature(thing)}"
    else:
        yield name


def _is_documented(cls: type, member: str) -> bool:
    value = getattr_static(cls, member)
    return not isinstance(value, ModuleType) and not member.isupper() and cls.__module__ != "enum"


def _signature(thing: object) -> str:
    if isinstance(thing, classmethod | staticmethod):
        thing = thing.__func__
    if not (inspect.isclass(thing) or inspect.isroutine(thing)) or inspect.ismemberdescriptor(
        thing
    ):
        return ""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    parameters = [
        parameter.replace(
            annotation=inspect.Parameter.empty,
            default=inspect.Parameter.empty if parameter.default is parameter.empty else _Shown(),
        )
        for parameter in signature.parameters.values()
        if parameter.name not in {"self", "cls"}
    ]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


class _Shown:
    def __repr__(self) -> str:
        return "…"


def table() -> str:
    """Return the whole table."""
    parts = [_HEAD]
    seen: set[int] = set()
    for module in MODULES:
        loaded = importlib.import_module(module)
        lines: list[str] = []
        for name in exported(module):
            thing = getattr(loaded, name)
            # By type: a proxy of Flask would ask for the current request.
            known = isinstance(thing, type | FunctionType) and id(thing) in seen
            lines += [f"{name}, as above"] if known else described(name, thing)
            seen.add(id(thing))
        parts.append(f"## {module}\n\n```text\n" + "\n".join(lines) + "\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    from tests.frameworks.django_project import start

    start()
    sys.stdout.write(table())

"""Imports an application, and reads files. Nothing but the import runs."""

from __future__ import annotations

import sys
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from inspect import iscoroutine
from pathlib import Path
from traceback import walk_tb
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from countermark.errors import ConfigurationError


class Misuse(ConfigurationError):
    """The command was given something that it cannot check."""


class Loaded(NamedTuple):
    """An application, and the module that it is in."""

    app: Any
    module: ModuleType


def load_application(target: str) -> Loaded:
    """Return the application at ``module:name`` or ``module:factory()``.

    Raises:
        ConfigurationError: The application raised it: its configuration is invalid.
        Misuse: There is no such application, or its module raised another exception.
    """
    name, _, path = target.partition(":")
    with importing(name):
        module = import_module(name)
        found: Any = module
        for attribute in path.removesuffix("()").split("."):
            found = getattr(found, attribute, None)
        if path.endswith("()") and callable(found):
            found = found()
    if iscoroutine(found):
        found.close()
        raise Misuse(
            "the function is async, and servers call none; give one that returns the application"
        )
    if not callable(found) or _is_factory(found):
        raise Misuse(
            "the module has no application of that name; give module:app, or module:create_app()"
            " for a function that returns it"
        )
    return Loaded(found, module)


def _is_factory(found: object) -> bool:
    return isinstance(found, FunctionType) and found.__code__.co_argcount == 0


@contextmanager
def importing(name: str) -> Iterator[None]:
    """Import the module *name* of an application, from the working directory as servers do.

    The output of the modules goes to standard error. Their exceptions become a Misuse that
    names the type and the place; the message of an exception may quote a secret.
    """
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, folder)
    try:
        with redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
            return
    except ConfigurationError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            problem = "there is no such module; run the command in the folder of the application"
        else:
            kind, place = type(error).__name__, place_of(error)
            problem = f"the application cannot be imported: {kind} at {place}"
    raise Misuse(problem)


def place_of(error: BaseException) -> str:
    """Return the file and line of the innermost frame that is not of Python or a package."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    places = [
        (frame.f_code.co_filename, line)
        for frame, line in walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith("<")
    ]
    own = [place for place in places if not _is_installed(place[0])]
    file, line = (own or places)[-1]
    return f"{file}:{line}"


def _is_installed(file: str) -> bool:
    """Tell whether a file is of Python, of a package, or of this one."""
    paths = sysconfig.get_paths()
    folders = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders.add(str(Path(__file__).parents[1]))
    return any(Path(file).is_relative_to(folder) for folder in folders)

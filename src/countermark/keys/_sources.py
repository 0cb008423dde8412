"""The sources of a watched keyring: variables and their files, an environment file, a function."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from io import StringIO
from os import PathLike
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, Final, Protocol, TypeAlias

from countermark._option_checks import is_async
from countermark._redaction import shown, shown_variable
from countermark.errors import ConfigurationError, InvalidKey
from countermark.keys._keyring import (
    Key,
    Keyring,
    Secret,
    check_name,
    is_set,
    key_of,
    without_newline,
)

#: Returns a keyring, or its secrets by role, or the current secret alone.
LoadKeys: TypeAlias = "Callable[[], Keyring | Mapping[str, Any] | Secret]"

#: The seconds between two reads of files, and between two calls of a function.
FILE_INTERVAL: Final = 1.0
FUNCTION_INTERVAL: Final = 300.0

_ROLES: Final = ("current", "previous", "next")


class Unavailable(Exception):
    """A source cannot be read. The message shows no secret and no path."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class NotARegularFile(OSError):
    """A pipe or a device, which could make each read wait."""


class Source(Protocol):
    """The place that keys are read from, again and again."""

    @property
    def is_file(self) -> bool:
        """True if a read may find half of a change, so that two equal reads are needed."""

    def read(self) -> Keyring:
        """Return the keys that the source has now.

        Raises:
            Unavailable: The source cannot be read.
            InvalidKey: A key is missing or invalid.
            Exception: A function raised it.
        """


class VariableSource:
    """The variables of ``Keyring.from_env``, and the files that they name.

    The files of the previous and the next key may be missing: there is then no such key.
    """

    is_file = True

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def has_files(self) -> bool:
        """True if a variable names a file, which can change. Variables themselves do not."""
        roles = ("", "_PREVIOUS", "_NEXT")
        return any(os.environ.get(f"{self._name}{role}_FILE") for role in roles)

    def read(self) -> Keyring:
        return _keyring(self._name, self._value, _place)

    def _value(self, name: str) -> str | None:
        file_name = f"{name}_FILE"
        if name != self._name and not is_set(name):
            return None
        if file_name not in os.environ:
            return os.environ.get(name)
        if name in os.environ:
            raise InvalidKey(
                f"both the environment variable {shown_variable(name)} and the same with _FILE are"
                " set; unset one of them"
            )
        try:
            return without_newline(_content(os.environ[file_name]).decode())
        except FileNotFoundError as error:
            if name != self._name:
                return None
            kind = type(error).__name__
        except (OSError, ValueError) as error:  # a UnicodeDecodeError quotes the file
            kind = type(error).__name__
        raise Unavailable(f"the file of {shown_variable(file_name)} cannot be read", kind)


def _place(name: str) -> str:
    """Return the place of a key, for messages."""
    if f"{name}_FILE" in os.environ:
        return f"the content of the file of {name}_FILE"
    return f"the environment variable {name}"


class EnvFileSource:
    """A file of lines ``NAME=secret``, with the names of ``Keyring.from_env``."""

    is_file = True

    def __init__(self, name: str, path: str | PathLike[str]) -> None:
        try:
            from dotenv import dotenv_values
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "env_file= needs python-dotenv: pip install 'countermark[dotenv]'"
            ) from error
        self._name, self._path, self._parse = name, path, dotenv_values

    def read(self) -> Keyring:
        try:
            content = StringIO(_content(self._path).decode(), newline=None)
            found = self._parse(stream=content, interpolate=False)
        except (OSError, ValueError) as error:
            kind = type(error).__name__
        else:
            return _keyring(self._name, found.get, lambda name: f"{name} of the environment file")
        raise Unavailable("the environment file cannot be read", kind)


class FunctionSource:
    """A function that returns the keys, such as one that asks a secret manager."""

    is_file = False

    def __init__(self, load: LoadKeys) -> None:
        self._load = load

    def read(self) -> Keyring:
        loaded = self._load()
        if isinstance(loaded, Keyring):  # a copy of one state, as it may be a watched one
            (_, current), *others = loaded.by_role()
            previous = [key for role, key in others if role == "previous"]
            return Keyring(current, previous, [key for role, key in others if role == "next"])
        if not isinstance(loaded, Mapping):
            return Keyring(loaded)
        for role in loaded:
            if role not in _ROLES:
                raise ConfigurationError(
                    f"the function of the keyring returned the role {shown(role, _ROLES)}; the"
                    f" roles are {', '.join(_ROLES)}"
                )
        # A secret manager may have an empty text for a key that is not there.
        return Keyring(
            loaded.get("current", ""), loaded.get("previous") or (), loaded.get("next") or ()
        )


def source_of(source: object, env_file: object) -> Source:
    """Return the source that the arguments of a watched keyring describe.

    Raises:
        ConfigurationError: They describe none.
    """
    if env_file is not None and not isinstance(env_file, str | PathLike):
        raise ConfigurationError("env_file= must be the path of a file")
    if callable(source) and not is_async(source) and env_file is None:
        return FunctionSource(source)
    if not isinstance(source, str):
        raise ConfigurationError(
            "a watched keyring takes the name of an environment variable, or a function (not async"
            " and without env_file=) that returns the keys"
        )
    check_name(source)
    return VariableSource(source) if env_file is None else EnvFileSource(source, env_file)


def _content(path: str | PathLike[str]) -> bytes:
    """Return the content of a file. It never waits, as all background work would wait with it.

    Raises:
        OSError: The file is not there, or cannot be read.
    """
    mode = Path(path).stat().st_mode
    if not (S_ISREG(mode) or S_ISDIR(mode)):
        raise NotARegularFile
    return Path(path).read_bytes()


def _keyring(name: str, value: Callable[[str], str | None], title: Callable[[str], str]) -> Keyring:
    """Return the keys by the values of a variable, its ``_PREVIOUS`` and its ``_NEXT``."""

    def optional(role: str) -> tuple[Key, ...]:
        variable = f"{name}_{role}"
        secret = value(variable)
        return (key_of(secret, title(shown_variable(variable))),) if secret else ()

    current = value(name)
    if current is None:
        raise InvalidKey(f"{title(shown_variable(name))} is not set; set it to the secret")
    key = key_of(current, title(shown_variable(name)))
    return Keyring(key, optional("PREVIOUS"), optional("NEXT"))

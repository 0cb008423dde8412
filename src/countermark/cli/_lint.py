"""``countermark schemes lint``: the mistakes in files of schemes, by line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from countermark.errors import ConfigurationError


def lint(paths: Sequence[str]) -> int:
    """Print a line for each mistake, or one for a valid file; return 1 if there is a mistake.

    Raises:
        ConfigurationError: No file is given, or one cannot be read.
    """
    from countermark.check._scheme_files import check_scheme, read_bytes

    if not paths:
        raise ConfigurationError("give the files to check: countermark schemes lint FILE…")
    contents = [(path, read_bytes(path)) for path in paths]  # before any output
    code = 0
    for path, content in contents:
        kind, mistakes = check_scheme(content, Path(path).stem)
        for line, message in mistakes:
            _print(f"{path}:{line}: {message}")
            code = 1
        if not mistakes:
            _print(f"{path}: a valid {kind}")
    return code


def _print(line: str) -> None:
    print(" ".join(line.split()))  # a path may have a newline

"""``countermark schemes lint``: the mistakes in files of schemes, by line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from countermark.errors import ConfigurationError


def lint(paths: Sequence[str]) -> int:
    """Print a line for each mistake, or one for a valid file; return 1 if there is a mistake.

    Raises:
        ConfigurationError: No file is given, or some cannot be read; the others are checked before.
    """
    from countermark.check._scheme_files import check_scheme, read_bytes

    if not paths:
        raise ConfigurationError("give the files to check: countermark schemes lint FILE…")
    code, misuses = 0, []
    for path in paths:
        try:
            content = read_bytes(path)
        except ConfigurationError as misuse:
            misuses.append(str(misuse))
            continue
        kind, mistakes = check_scheme(content, Path(path).stem)
        for line, message in mistakes:
            _print(f"{path}:{line}: {message}")
            code = 1
        if not mistakes:
            _print(f"{path}: a valid {kind}")
    if misuses:
        raise ConfigurationError("\n".join(misuses))
    return code


def _print(line: str) -> None:
    print(" ".join(line.split()))  # a path may have a newline

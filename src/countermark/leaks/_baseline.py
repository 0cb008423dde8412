"""The baseline: a file with the known findings, which may be public."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from countermark.errors import ConfigurationError
from countermark.leaks._findings import Finding

#: The environment variable with the key of the fingerprints.
KEY_VARIABLE: Final = "COUNTERMARK_BASELINE_KEY"

_LEAST = 16
_VERSION = 1


def key_from_env() -> bytes:
    """Return the key of the fingerprints; an empty one if none is set.

    Raises:
        ConfigurationError: The key is short enough to be guessed.
    """
    key = os.fsencode(os.environ.get(KEY_VARIABLE, ""))
    if key and len(key) < _LEAST:
        raise ConfigurationError(f"{KEY_VARIABLE} must have {_LEAST} bytes or more")
    return key


def read_baseline(path: Path, *, keyed: bool) -> set[str]:
    """Return the fingerprints in the file at *path*.

    Raises:
        ConfigurationError: The file cannot be read, or was written with another kind of
            fingerprints.
    """
    try:
        data = json.loads(path.read_bytes())
        entries = {entry["fingerprint"] for entry in data["findings"]}
        fits = (data["version"], data["keyed"]) == (_VERSION, keyed)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = type(error).__name__
    else:
        if not fits:
            raise ConfigurationError(
                f"the baseline was written with{'out' if keyed else ''} {KEY_VARIABLE}, or by"
                " another version; set the same, or write it again with --write-baseline"
            )
        return entries
    raise ConfigurationError(
        f"the baseline cannot be read ({reason}); write it again with --write-baseline"
    )


def write_baseline(path: Path, findings: Iterable[Finding], *, keyed: bool) -> None:
    """Write all findings to the file at *path*.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    entries = [
        {"path": finding.path, "rule": finding.rule, "fingerprint": finding.fingerprint}
        for finding in findings
    ]
    entries.sort(key=lambda entry: [*entry.values()])
    data = {"version": _VERSION, "keyed": keyed, "findings": entries}
    try:
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        reason = type(error).__name__
    else:
        return
    raise ConfigurationError(f"the baseline cannot be written ({reason}); choose another path")

"""TOML files: a scheme, a webhook scheme, or a file of modes."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from pathlib import Path

from countermark.check._findings import Finding, finding
from countermark.check._scheme_files import check_scheme, read_bytes
from countermark.check._uses import Use
from countermark.schemes._scheme import Scheme
from countermark.verifying._modes import ModeFile
from countermark.webhooks._scheme import WebhookScheme


def read_file(path: str) -> tuple[list[Finding], list[Use]]:
    """Read and check a file, and return the findings, or the scheme in it.

    A file of modes has no scheme.

    Raises:
        ConfigurationError: It is a file of modes, and its content is invalid.
        Misuse: It cannot be read.
    """
    content = read_bytes(path)
    if _has_mode(content):
        ModeFile(path)
        return [], []
    kind, mistakes = check_scheme(content, Path(path).stem)
    if mistakes:
        advice = "correct the file"
        return [
            finding("misconfigured", path, message, advice, file=path, line=line)
            for line, message in mistakes
        ], []
    of_file = WebhookScheme.from_toml if kind == "webhook scheme" else Scheme.from_toml
    return [], [Use(path, None, of_file(path), ())]


def _has_mode(content: bytes) -> bool:
    with suppress(ValueError, RecursionError):  # not TOML, or not UTF-8
        return "mode" in tomllib.loads(content.decode())
    return False

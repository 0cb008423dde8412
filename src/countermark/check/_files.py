"""TOML files: a scheme, a webhook scheme, or a file of modes."""

from __future__ import annotations

import tomllib
from pathlib import Path

from countermark.check._loading import Misuse
from countermark.check._uses import Use
from countermark.schemes._scheme import Scheme
from countermark.verifying._modes import ModeFile
from countermark.webhooks._scheme import WebhookScheme


def read_file(path: str) -> list[Use]:
    """Read and check a file, and return the scheme in it. A file of modes has none.

    Raises:
        ConfigurationError: Its content is invalid.
        Misuse: It cannot be read.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        reason = type(error).__name__
    except ValueError:  # not TOML, or not UTF-8: reading it as a scheme names the place
        data, reason = {}, ""
    else:
        reason = ""
    if reason:
        raise Misuse(f"the file cannot be read ({reason}); correct its path")
    if "mode" in data:
        ModeFile(path)
        return []
    if "kind" in data or "signature" in data:
        return [Use(path, None, WebhookScheme.from_toml(path), ())]
    return [Use(path, None, Scheme.from_toml(path), ())]

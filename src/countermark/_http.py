"""Patterns of HTTP (RFC 9110), one definition for all packages."""

from __future__ import annotations

from typing import Final

#: A token, section 5.6.2: the name of any header, cookie or method.
TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"

#: The header names that this package accepts in requests. No underscore: under WSGI and
#: behind some servers it cannot be distinguished from a hyphen.
REQUEST_HEADER: Final = "[A-Za-z0-9-]+"

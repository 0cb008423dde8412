"""Tries the other schemes of the same vendor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from countermark.errors import ConfigurationError, InvalidPrincipal
from countermark.keys._keyring import Keyring
from countermark.mistakes._catalogue import mistake
from countermark.mistakes._explanation import Explanation
from countermark.principal import Signable
from countermark.schemes._catalogue import scheme_slugs
from countermark.schemes._scheme import Scheme
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._mac_reader import MacReader
from countermark.tokens._options import with_settings
from countermark.tokens._reader import Reader, Unreadable


def explain_by_sibling(
    scheme: Scheme,
    keyring: Keyring,
    token: str,
    principal: Signable | None,
    settings: Mapping[str, str],
) -> Explanation | None:
    """Return the explanation that the token is of another scheme of the vendor, or None."""
    for sibling in _siblings(scheme):
        if _is_valid(sibling, keyring, token, principal, settings):
            code = "old_scheme" if sibling.status == "deprecated" else "other_scheme"
            return Explanation("explained", (mistake(code, name=sibling.slug),))
    return None


def _siblings(scheme: Scheme) -> Iterator[Scheme]:
    vendor = scheme.slug.partition("-")[0]
    for slug in scheme_slugs():
        if slug != scheme.slug and slug.partition("-")[0] == vendor:
            yield Scheme.load(slug)


def _is_valid(
    scheme: Scheme,
    keyring: Keyring,
    token: str,
    principal: Signable | None,
    settings: Mapping[str, str],
) -> bool:
    try:
        given = {name: text for name, text in settings.items() if name in scheme.settings}
        reader = _reader(with_settings(scheme, given))
        if principal is None and reader.needs_principal:
            return False
        contents = reader.read(token, principal)
        return any(reader.made_with(reader.prepared(key), contents) for _, key in keyring.by_role())
    except (ConfigurationError, InvalidPrincipal, Unreadable):
        return False


def _reader(scheme: Scheme) -> Reader:
    if scheme.jwt is None:
        return MacReader(scheme, ValueRule())
    from countermark.tokens._jwt_reader import JwtReader  # late, as few applications need it

    return JwtReader(scheme)

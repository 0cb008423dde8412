"""Signs with a scheme whose token is one HMAC over one value."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from countermark.keys._secret import SecretKey
from countermark.principal import MAX_LENGTH
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import Placeholder, Template
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._mac import encode_bytes

if TYPE_CHECKING:
    from hashlib import _Hash


# Characters that no rule refuses, wherever they stand. An id of these alone,
# which nearly all ids are, is known to be fit by one pass in C over its bytes.
_HARMLESS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@+")


_SUSPECT = bytes(byte not in _HARMLESS for byte in range(256))


_ALL_SUSPECT = bytes([True]) * 256


def compile_plain(
    scheme: Scheme,
    key: SecretKey,
    rule: ValueRule,
    admit: Callable[[Any], str],
    settings: dict[str, str],
) -> Callable[[Any], str] | None:
    """Return the signing function of a scheme whose token is one code over one text.

    Everything that does not depend on the id is done here. What is left is a
    check of the id, two copies of a keyed hash and the spelling of the token.

    Args:
        scheme: The recipe.
        key: The key.
        rule: What the vendor and the user take for an id.
        admit: Returns the checked text to sign, from whatever was given.
        settings: The account's constants, by the names of their placeholders.

    Returns:
        None for a scheme of another form.
    """
    mac = scheme.mac
    if mac is None or mac.construction != "hmac" or scheme.payload is not None:
        return None
    field = mac.message.lone
    found = spelled(scheme.token, field, settings)
    if field is None or field.format or found is None:
        return None
    prefix, with_id, between, suffix = found
    inner, outer = key.hmac_states(mac.algorithm, mac.key)
    copy_inner, copy_outer = inner.copy, outer.copy
    encode: Callable[[object], bytes] = str.encode  # type: ignore[assignment]  # else TypeError
    suspect = _suspect_bytes(rule) if field.names[0] == "id" else _ALL_SUSPECT
    spell = _digest_speller(outer, mac.encoding)

    def sign(principal: Any) -> str:
        try:
            data = encode(principal)
        except (TypeError, UnicodeEncodeError):
            data = b""
        if 1 in data.translate(suspect) or len(data) > MAX_LENGTH or not data:
            principal = admit(principal)
            data = principal.encode()
        inner = copy_inner()
        inner.update(data)
        outer = copy_outer()
        outer.update(inner.digest())
        if not with_id:
            return prefix + spell(outer) + suffix
        return prefix + principal + between + spell(outer) + suffix  # type: ignore[no-any-return]

    # The same with its end written out: for a bare token, a call and three joins
    # less. The bar of the benchmark for this form is met with little to spare.
    def sign_bare_base64(principal: Any) -> str:
        try:
            data = encode(principal)
        except (TypeError, UnicodeEncodeError):
            data = b""
        if 1 in data.translate(suspect) or len(data) > MAX_LENGTH or not data:
            data = admit(principal).encode()
        inner = copy_inner()
        inner.update(data)
        outer = copy_outer()
        outer.update(inner.digest())
        return b2a_base64(outer.digest(), newline=False).decode()

    bare = found == ("", "", "", "")
    return sign_bare_base64 if bare and mac.encoding == "base64" else sign


def spelled(
    token: Any, field: Placeholder | None, settings: dict[str, str]
) -> tuple[str, str, str, str] | None:
    """Return a token's text before the id, the id's placeholder, between, and behind the code."""
    if not isinstance(token, Template):
        return None
    texts, seen = [""], ""
    for part in token.parts:
        if isinstance(part, str):
            texts[-1] += part
        elif part.format or part.names[0] not in settings:
            seen += str(part)
            texts.append("")
        else:
            texts[-1] += settings[part.names[0]]
    if seen == "{mac}":
        return texts[0], "", "", texts[1]
    if seen == "{id}{mac}" and str(field) == "{id}":
        return texts[0], "{id}", texts[1], texts[2]
    return None


def _suspect_bytes(rule: ValueRule) -> bytes:
    """Return the table that maps a byte to 1 where it calls for the full check."""
    table = bytearray(_SUSPECT)
    for part in (*rule.refuse_prefixes, *rule.refuse_containing):
        if _HARMLESS.issuperset(part.encode()):
            table[part.encode()[0]] = True
    return _ALL_SUSPECT if rule.patterns or rule.lower else bytes(table)


def _digest_speller(state: _Hash, encoding: str) -> Callable[[_Hash], str]:
    if encoding == "hex":
        return type(state).hexdigest
    if encoding == "base64":
        return _base64_digest
    return lambda state: encode_bytes(state.digest(), encoding)


def _base64_digest(state: _Hash) -> str:
    return b2a_base64(state.digest(), newline=False).decode()

"""Signs with a scheme whose token is one HMAC of one value.

This is the hot path of signing: ``python -m benchmarks --only hot`` measures it. A token
qualifies if it consists of the HMAC, constants, and optionally the signed id before the
HMAC. Everything that does not depend on the id is computed when the signer is built.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from countermark.keys._secret import SecretKey
from countermark.principal import MAX_LENGTH
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import Placeholder, Template
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._mac import encode_bytes

if TYPE_CHECKING:
    from hashlib import _Hash


# Characters that no rule refuses in any position. One pass in C over the bytes of an id
# shows that it has only these, as nearly all ids do.
_HARMLESS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@+")
_SUSPECT = bytes(byte not in _HARMLESS for byte in range(256))
_ALL_SUSPECT = bytes([True]) * 256


class TokenShape(NamedTuple):
    """The constant texts of a token around the id and the HMAC."""

    before: str
    holds_id: bool
    between: str
    after: str


def compile_sign(
    scheme: Scheme,
    key: SecretKey,
    rule: ValueRule,
    admit: Callable[[Any], str],
) -> Callable[[Any], str] | None:
    """Return the signing function of a scheme.

    For each token there remain a check of the id, two copies of a keyed hash state, and
    the encoding.

    Args:
        scheme: The scheme, with the account's constants in its templates.
        key: The key.
        rule: The rule for ids, of the scheme and of the user.
        admit: Takes any argument and returns the checked text to sign.

    Returns:
        None for a scheme of another form.
    """
    mac = scheme.mac
    if mac is None or mac.construction != "hmac" or scheme.payload is not None:
        return None
    field = mac.message.lone
    shape = token_shape(scheme.token, field)
    if field is None or field.format or shape is None:
        return None
    before, holds_id, between, after = shape
    inner, outer = key.hmac_states(mac.algorithm, mac.key)
    copy_inner, copy_outer = inner.copy, outer.copy
    encode: Callable[[object], bytes] = str.encode  # type: ignore[assignment]  # else TypeError
    suspect = _suspect_bytes(rule) if field.names[0] == "id" else _ALL_SUSPECT
    encode_digest = _digest_encoder(outer, mac.encoding)

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
        if not holds_id:
            return before + encode_digest(outer) + after
        return before + principal + between + encode_digest(outer) + after  # type: ignore[no-any-return]

    # An inlined copy for a bare base64 token: it saves a call and two concatenations.
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

    bare = shape == TokenShape("", False, "", "")
    return sign_bare_base64 if bare and mac.encoding == "base64" else sign


def token_shape(token: Any, field: Placeholder | None) -> TokenShape | None:
    """Return the shape of a token template; None: it contains something else."""
    if not isinstance(token, Template):
        return None
    texts, placeholders = [""], ""
    for part in token.parts:
        if isinstance(part, str):
            texts[-1] += part
        else:
            placeholders += str(part)
            texts.append("")
    if placeholders == "{mac}":
        return TokenShape(texts[0], False, "", texts[1])
    if placeholders == "{id}{mac}" and str(field) == "{id}":
        return TokenShape(texts[0], True, texts[1], texts[2])
    return None


def _suspect_bytes(rule: ValueRule) -> bytes:
    """Return the table that maps a byte to 1 if it needs the full check of the id."""
    table = bytearray(_SUSPECT)
    for part in (*rule.refuse_prefixes, *rule.refuse_containing):
        if _HARMLESS.issuperset(part.encode()):
            table[part.encode()[0]] = True
    return _ALL_SUSPECT if rule.patterns or rule.lower else bytes(table)


def _digest_encoder(state: _Hash, encoding: str) -> Callable[[_Hash], str]:
    if encoding == "hex":
        return type(state).hexdigest
    if encoding == "base64":
        return _base64_digest
    return lambda state: encode_bytes(state.digest(), encoding)


def _base64_digest(state: _Hash) -> str:
    return b2a_base64(state.digest(), newline=False).decode()

"""Signs with a scheme whose token is one HMAC of one value.

This is the hot path of signing: ``python -m benchmarks --only hot`` measures it. A token
qualifies if it consists of the HMAC, constants, and optionally the signed id before the
HMAC. Everything that does not depend on the id is computed when the signer is built.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from countermark.principal import MAX_LENGTH, Principal, Signable, identifier_text
from countermark.schemes._parts import PRINCIPAL_TEXTS, Mac
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import Template, compile_text
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._mac import encode_bytes
from countermark.tokens._renderer import Renderer
from countermark.tokens._sharing import shared

if TYPE_CHECKING:
    from hashlib import _Hash


# Characters that no rule refuses in any position. Nearly all ids have only these. translate()
# maps them to spaces and isspace() tests for those, which is the fastest test of a whole id.
_HARMLESS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@+")
_BLANKED = bytes(0x20 if byte in _HARMLESS else 0 for byte in range(256))
_NOTHING_BLANKED = bytes(256)


class TokenShape(NamedTuple):
    """The constant texts of a token around the id and the HMAC."""

    before: str
    holds_id: bool
    between: str
    after: str


def token_shape(scheme: Scheme) -> TokenShape | None:
    """Return the shape of a scheme's tokens; None unless a token is one HMAC of one value.

    Args:
        scheme: The scheme, with the account's constants in its templates.
    """
    mac, token = scheme.mac, scheme.token
    if mac is None or mac.construction != "hmac" or scheme.payload is not None:
        return None
    if scheme.token_encoding != "none":
        return None
    value = mac.message.lone
    if value is None or value.format or not isinstance(token, Template):
        return None
    if not scheme.never_signed.issubset(PRINCIPAL_TEXTS):
        return None  # the renderer checks each principal for the excluded attributes
    texts, placeholders = [""], ""
    for part in token.parts:
        if isinstance(part, str):
            texts[-1] += part
        else:
            placeholders += str(part)
            texts.append("")
    if placeholders == "{mac}":
        return TokenShape(texts[0], False, "", texts[1])
    if placeholders == "{id}{mac}" and str(value) == "{id}":
        return TokenShape(texts[0], True, texts[1], texts[2])
    return None


def compile_sign(
    scheme: Scheme, rule: ValueRule, renderer: Renderer
) -> Callable[[Any], str] | None:
    """Return the signing function of a scheme; None if its tokens have no :class:`TokenShape`.

    For each token there remain a check of the id, two copies of a keyed hash state, and
    the encoding.

    Args:
        scheme: The scheme, with the account's constants in its templates.
        rule: The rule for ids, of the scheme and of the user.
        renderer: Has the keyed states of HMAC, and finds the signed value of a principal.
    """
    compile_with_key = _compile_without_key(scheme, rule)
    return compile_with_key and compile_with_key(renderer)


@shared
def _compile_without_key(
    scheme: Scheme, rule: ValueRule
) -> Callable[[Renderer], Callable[[Any], str]] | None:
    """Return the function that takes a renderer, with the key, and returns that of signing."""
    shape, mac = token_shape(scheme), scheme.mac
    if shape is None or mac is None:
        return None
    before, holds_id, between, after = shape
    encode: Callable[[object], bytes] = str.encode  # type: ignore[assignment]  # else TypeError
    signs_id = next(mac.message.placeholders).names[0] == "id"
    blanked = _blanked_bytes(rule) if signs_id else _NOTHING_BLANKED
    signed_text = _checked_text(scheme, mac, rule)
    encode_digest = _digest_encoder(mac)
    # Encoding such a token in place saves a call, which is 2 to 6 % of its time.
    bare_base64 = mac.encoding == "base64" and not any(shape)

    def compile_with_key(renderer: Renderer) -> Callable[[Any], str]:
        assert renderer.states is not None  # noqa: S101  # the shape is of HMAC
        copy_inner, copy_outer = (state.copy for state in renderer.states)

        def sign(principal: Any) -> str:
            try:
                data = encode(principal)
            except (TypeError, UnicodeEncodeError):
                data = b""
            if not data.translate(blanked).isspace() or len(data) > MAX_LENGTH:
                principal = signed_text(principal, renderer)
                data = principal.encode()
            inner = copy_inner()
            inner.update(data)
            outer = copy_outer()
            outer.update(inner.digest())
            if bare_base64:
                return b2a_base64(outer.digest(), newline=False).decode()
            if not holds_id:
                return before + encode_digest(outer) + after
            return before + principal + between + encode_digest(outer) + after  # type: ignore[no-any-return]

        return sign

    return compile_with_key


def _checked_text(scheme: Scheme, mac: Mac, rule: ValueRule) -> Callable[[Signable, Renderer], str]:
    """Return the function that takes any argument and returns the checked text to sign."""
    write, where = compile_text(mac.message), f"{scheme.slug}: the id"
    signs_id = next(mac.message.placeholders).names[0] == "id"

    def signed_text(principal: Signable, renderer: Renderer) -> str:
        id = principal.id if isinstance(principal, Principal) else identifier_text(principal)
        if signs_id and id is not None:
            return rule.apply(id, where)
        return renderer.evaluate(renderer.values(principal), write)

    return signed_text


def _blanked_bytes(rule: ValueRule) -> bytes:
    """Return the table that maps a byte to a space unless it needs the full check of the id."""
    table = bytearray(_BLANKED)
    for part in (*rule.refuse_prefixes, *rule.refuse_containing):
        if _HARMLESS.issuperset(part.encode()):
            table[part.encode()[0]] = 0
    return _NOTHING_BLANKED if rule.patterns or rule.lower else bytes(table)


def _digest_encoder(mac: Mac) -> Callable[[_Hash], str]:
    encoding = mac.encoding
    if encoding == "hex":
        return type(getattr(hashlib, mac.algorithm)()).hexdigest  # type: ignore[no-any-return]
    if encoding == "base64":
        return _base64_digest
    return lambda state: encode_bytes(state.digest(), encoding)


def _base64_digest(state: _Hash) -> str:
    return b2a_base64(state.digest(), newline=False).decode()

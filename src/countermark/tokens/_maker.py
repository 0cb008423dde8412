"""Makes tokens: by the fast path if the scheme allows it, and by the renderer otherwise."""

from __future__ import annotations

from collections.abc import Callable

from countermark.keys._keyring import Key
from countermark.keys._secret import SecretKey
from countermark.principal import Principal, Signable, identifier_text
from countermark.schemes._parts import PRINCIPAL_TEXTS
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import compile_text, templates_in
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._fast_path import compile_sign
from countermark.tokens._options import TokenOptions
from countermark.tokens._renderer import Renderer


class TokenMaker:
    """Makes the tokens of one scheme with one key.

    Args:
        scheme: The scheme, with the account's constants in its templates.
        key: The key.
        options: The checked options.

    Raises:
        InvalidKey: The key does not have the form that the scheme needs.
    """

    __slots__ = {
        "renderer": "Makes tokens and fields by the scheme.",
        "sign": "Takes a principal and returns its token, as :meth:`countermark.Signer.sign`.",
        "is_fast": "Whether :attr:`sign` is the fast path: one HMAC of one value.",
        "plain": "Whether it is, and the fields of each signed principal can be made.",
    }

    renderer: Renderer
    sign: Callable[[Signable], str]
    is_fast: bool
    plain: bool

    def __init__(self, scheme: Scheme, key: Key, options: TokenOptions) -> None:
        self.renderer = Renderer(scheme, key, options)
        sign = _compile(scheme, key, self.renderer, options.rule)
        self.is_fast = sign is not None
        self.plain = self.is_fast and _fields_are_there(scheme)
        self.sign = sign or self._sign_by_renderer

    def _sign_by_renderer(self, principal: Signable) -> str:
        return self.renderer.token(self.renderer.values(principal))


def _compile(
    scheme: Scheme,
    key: Key,
    renderer: Renderer,
    rule: ValueRule,
) -> Callable[[Signable], str] | None:
    if scheme.mac is None or not isinstance(key, SecretKey):
        return None
    if not scheme.never_signed.issubset(PRINCIPAL_TEXTS):
        return None  # each principal is asked for the attributes that are excluded
    message, where = scheme.mac.message, f"{scheme.slug}: the id"
    write = compile_text(message)
    of_id = [p.names[0] for p in message.placeholders][:1] == ["id"]

    def admit(principal: Signable) -> str:
        if of_id and not isinstance(principal, Principal):
            return rule.apply(identifier_text(principal), where)
        if of_id and principal.id is not None:  # type: ignore[union-attr]
            return rule.apply(principal.id, where)  # type: ignore[union-attr]
        return renderer.find(renderer.values(principal), write)  # type: ignore[no-any-return]

    return compile_sign(scheme, key, rule, admit)


def _fields_are_there(scheme: Scheme) -> bool:
    """Tell whether the fields can be made for each principal that was signed."""
    message = scheme.mac.message.lone if scheme.mac else None
    first = message.names[0] if message else ""  # if it is there, it has been signed
    sure = {"token", *(message.names if message and len(message.names) == 1 else ())}

    def may_be_left_out(name: str) -> bool:
        fit = name == first or not scheme.rule(name).refuses
        return fit and name in {*PRINCIPAL_TEXTS, "created"}

    return all(
        set(place.names) <= sure or (place.optional and all(map(may_be_left_out, place.names)))
        for template in templates_in(scheme.fields)
        for place in template.placeholders
    )

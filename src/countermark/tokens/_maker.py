"""Makes tokens: by the fast path if the scheme allows it, and by the renderer otherwise."""

from __future__ import annotations

from collections.abc import Callable

from countermark.keys._keyring import Key
from countermark.principal import Signable
from countermark.schemes._parts import PRINCIPAL_TEXTS
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import templates_in
from countermark.tokens._fast_path import compile_sign
from countermark.tokens._options import TokenOptions
from countermark.tokens._renderer import Renderer
from countermark.tokens._sharing import shared


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
        "sign_suffices": "Whether it is, and the fields of each signed principal can be made.",
    }

    renderer: Renderer
    sign: Callable[[Signable], str]
    is_fast: bool
    sign_suffices: bool

    def __init__(self, scheme: Scheme, key: Key, options: TokenOptions) -> None:
        self.renderer = renderer = Renderer(scheme, key, options)
        fast = compile_sign(scheme, options.rule, renderer)
        self.is_fast = fast is not None
        self.sign_suffices = self.is_fast and _fields_are_there(scheme)
        self.sign = fast or (lambda principal: renderer.token(renderer.values(principal)))


@shared
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

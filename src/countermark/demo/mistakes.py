"""Tokens with a planted mistake, and the explanation of any token."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from countermark import InvalidPrincipal, Principal, Signer
from countermark.demo.keys import keyring_of, other_environment
from countermark.demo.parts import Parts, signer_of, token_of, token_of_another
from countermark.demo.people import Person
from countermark.explain import Explanation
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import names_in

#: The longest text that the page explains, in characters.
LONGEST = 20_000

_OTHER_ENCODING = {"hex": "base64", "base64": "hex", "base64url": "hex", "hex-upper": "hex"}


class Planted(NamedTuple):
    """A mistake that the page can make.

    Attributes:
        name: The name in forms.
        label: The text of the button.
        token: The token with the mistake.
    """

    name: str
    label: str
    token: str


def planted(parts: Parts, person: Person) -> list[Planted]:
    """Return the user's own token, and tokens with the mistakes that the scheme allows.

    There are none for a user whom the scheme refuses.
    """
    own = token_of(parts, person)
    if own is None:
        return []
    found = [Planted("none", "The token itself", own)]
    for name, (label, make) in _MAKERS.items():
        try:
            token = make(parts, person)
        except InvalidPrincipal:  # the scheme refuses the value that this mistake needs
            continue
        if token not in (None, own):
            found.append(Planted(name, label(parts.scheme), str(token)))
    return found


def explain(parts: Parts, principal: Principal, token: str) -> Explanation:
    """Explain a token. It takes up to a second."""
    assert parts.verifier is not None  # noqa: S101  # the page has no form otherwise
    return parts.verifier.explain(token[:LONGEST], principal if parts.names_user else None)


def _of_another_user(parts: Parts, person: Person) -> str | None:
    return token_of_another(parts, person) if parts.names_user else None


def _of_the_email(parts: Parts, person: Person) -> str | None:
    scheme, who = parts.scheme, person.principal
    signed = scheme.jwt.claims if scheme.jwt else scheme.mac and scheme.mac.message
    if "id" not in names_in(signed):
        return None
    changed = Principal(who.email, email=who.email, name=who.name, attributes=who.attributes)
    return parts.signer.sign(changed)


def _with_another_key(parts: Parts, person: Person) -> str:
    scheme = parts.scheme
    return _sign(signer_of(scheme, keyring_of(scheme.slug, other_environment(scheme))), person)


def _in_another_encoding(parts: Parts, person: Person) -> str | None:
    scheme = parts.scheme
    if scheme.mac is None:
        return None
    mac = scheme.mac._replace(encoding=_OTHER_ENCODING[scheme.mac.encoding])
    return _sign(signer_of(scheme._replace(mac=mac)), person)


def _cut_off(parts: Parts, person: Person) -> str:
    return parts.signer.sign(person.principal)[:-12]  # the rest of a JWT is base64url


def _expired(parts: Parts, person: Person) -> str | None:
    if parts.lifetime is None:
        return None
    issued_at = time.time() - parts.lifetime - 600
    return _sign(signer_of(parts.scheme, clock=lambda: issued_at), person)


def _sign(signer: Signer, person: Person) -> str:
    return signer.sign(person.principal)


def _encoding_label(scheme: Scheme) -> str:
    assert scheme.mac is not None  # noqa: S101
    return f"{_OTHER_ENCODING[scheme.mac.encoding].capitalize()} instead of {scheme.mac.encoding}"


_Label = Callable[[Scheme], str]
_MAKERS: dict[str, tuple[_Label, Callable[[Parts, Person], str | None]]] = {
    "email": (lambda scheme: "The e-mail address instead of the id", _of_the_email),
    "environment": (
        lambda scheme: f"The secret of {other_environment(scheme)}",
        _with_another_key,
    ),
    "encoding": (_encoding_label, _in_another_encoding),
    "truncated": (lambda scheme: "The end is cut off", _cut_off),
    "expired": (lambda scheme: "An expired token", _expired),
    "user": (lambda scheme: "Another user's token", _of_another_user),
}

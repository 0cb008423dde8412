"""Finds tokens in responses, and the principals that they were made for."""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from countermark.errors import ConfigurationError, InvalidPrincipal
from countermark.keys._keyring import Keyring
from countermark.principal import Principal, Signable
from countermark.schemes._templates import names_in
from countermark.signing._signer import Signer
from countermark.testing._response_view import ResponseView
from countermark.verifying._results import TokenCheck
from countermark.verifying._verifier import Verifier

#: The outcomes for tokens that one of the keys has made.
SIGNED: Final = frozenset({"verified", "expired", "not_yet_valid", "retired_key"})

#: The values that make two tokens of one principal differ.
_VARYING: Final = frozenset({"now", "expires", "uuid"})
_TIMES: Final = frozenset({"exp", "iat", "nbf", "jti"})

_LEAST, _MOST = 20, 8192
# Quoted texts, lines, and texts without white space.
_CANDIDATE = re.compile(
    rf'"([^"\n]{{{_LEAST},{_MOST}}})"|\'([^\'\n]{{{_LEAST},{_MOST}}})\'|([^\s"\'<>]{{{_LEAST},{_MOST}}})'
)
_LINE = re.compile(rf"^.{{{_LEAST},{_MOST}}}$", re.MULTILINE)
_CODE = re.compile(rf"[A-Za-z0-9+/=_-]{{{_LEAST},}}")


class Stranger:
    """Stands for a principal that is not one of those that are searched for."""

    def __repr__(self) -> str:
        return "a principal that is not in users="


STRANGER: Final = Stranger()


class Found(NamedTuple):
    """A token in a response. It does not hold the token."""

    scheme: str
    place: str  #: ``the body``, or ``the header`` with its name.
    owner: Hashable  #: The name of the principal, or ``STRANGER``.
    code: str  #: ``verified``, or a key of :data:`countermark.errors.REFUSALS`.
    claimed: str | None  #: The id in the token, if a key of the signer made it.
    claims: Mapping[str, Any]  #: The claims of a JWT other than times.


class TokenSearch:
    """Searches responses for the tokens of several signers.

    Args:
        signers: The signers.
        principals: The principals, by the names that results have.
    """

    def __init__(self, signers: Iterable[Signer], principals: Mapping[Hashable, Signable]) -> None:
        self._recognisers = [Recogniser(signer, principals) for signer in signers]

    def find(self, view: ResponseView) -> list[Found]:
        """Return the tokens in the headers and the body of a response."""
        found = [one for name, value in view.headers for one in self._in_header(name, value)]
        return found + self.find_in_text(view.body, "the body")

    def find_in_text(self, text: str, place: str) -> list[Found]:
        """Return the tokens in a text, whatever it is encoded for."""
        plain = readable(text)
        return [one for each in self._recognisers for one in each.in_text(text, plain, place)]

    def _in_header(self, name: str, value: str) -> Iterator[Found]:
        place, plain = f"the header {name}", readable(value)
        for recogniser in self._recognisers:
            if name == recogniser.header:
                yield from recogniser.in_own_header(value, place)
            else:
                yield from recogniser.in_text(value, plain, place)


class Recogniser:
    """Recognises the tokens of one signer.

    Args:
        signer: The signer.
        principals: The principals, by name.
    """

    def __init__(self, signer: Signer, principals: Mapping[Hashable, Signable]) -> None:
        self.header = signer.header and signer.header.lower()
        self._scheme = signer.scheme.slug
        self._signer = signer
        self._verifier = _verifier_of(signer)
        self._principals = principals
        # Tokens that do not contain a time can be computed, and are found in any text.
        varies = _varies(signer)
        self._codes = {} if varies else dict(self._computed_codes())
        # The others are recognised by their form, if they contain the principal.
        verifier = self._verifier
        self._has_form = varies or (verifier is not None and not verifier.needs_principal)

    def in_own_header(self, value: str, place: str) -> Iterator[Found]:
        """Yield the token of the header that carries this signer's tokens."""
        if value:
            yield self._judged(value, place)

    def in_text(self, text: str, plain: str, place: str) -> Iterator[Found]:
        """Yield the tokens in *text*; *plain* is the same text without escapes."""
        owners = {
            name
            for name, codes in self._codes.items()
            if codes and all(code in plain for code in codes)
        }
        for name in owners:
            yield Found(self._scheme, place, name, "verified", None, {})
        for candidate in _candidates(text, plain) if self._has_form else ():
            found = self._judged(candidate, place)
            if found.code in SIGNED and found.owner not in owners:
                owners.add(found.owner)
                yield found

    def _judged(self, token: str, place: str) -> Found:
        for name, principal in self._principals.items():
            check = self._check(token, principal)
            if check.code in SIGNED:
                return self._found(check, name, place)
        return self._found(self._check(token, None), STRANGER, place)

    def _found(self, check: TokenCheck, owner: Hashable, place: str) -> Found:
        claims = check.identity.claims if check.identity else {}
        kept = {name: value for name, value in claims.items() if name not in _TIMES}
        claimed = check.claimed_id if check.code in SIGNED else None
        return Found(self._scheme, place, owner, check.code, claimed, kept)

    def _check(self, token: str, principal: Signable | None) -> TokenCheck:
        if self._verifier is not None:
            return self._verifier.check(token, principal)
        if principal is None:
            return TokenCheck("mismatch")
        try:
            same = self._signer.sign(principal) == token
        except InvalidPrincipal:
            same = False
        return TokenCheck("verified" if same else "mismatch")

    def _computed_codes(self) -> Iterator[tuple[Hashable, list[str]]]:
        """Yield the parts of each principal's token that no other text contains."""
        for name, principal in self._principals.items():
            try:
                token = readable(self._signer.sign(principal))
            except InvalidPrincipal:  # the application cannot sign it either
                continue
            own = _values_of(principal)
            yield name, [code for code in _CODE.findall(token) if code not in own]


def _verifier_of(signer: Signer) -> Verifier | None:
    """Return the verifier of a signer's tokens; None if the scheme cannot be verified."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the signer has warned already
            return Verifier(
                signer._resolved._replace(settings={}),  # noqa: SLF001
                Keyring(signer._key),  # noqa: SLF001
                allow_short_secret=True,
                clock=signer._clock,  # noqa: SLF001
            )
    except ConfigurationError:
        return None


def _varies(signer: Signer) -> bool:
    """Tell whether two tokens of one principal differ."""
    scheme = signer.scheme
    if scheme.mac is None:
        return True
    content = None if scheme.payload is None else scheme.payload.content
    return not _VARYING.isdisjoint(names_in([scheme.token, scheme.mac.message, content]))


def _values_of(principal: Signable) -> str:
    if not isinstance(principal, Principal):
        return str(principal)
    return " ".join(filter(None, (principal.id, principal.email, principal.phone)))


def _candidates(text: str, plain: str) -> Iterator[str]:
    seen = set()
    for form in {text, plain}:
        for found in _CANDIDATE.finditer(form):
            seen.add(found[1] or found[2] or found[3])
        seen.update(line.strip() for line in _LINE.findall(form))
    return iter(seen)


def readable(text: str) -> str:
    """Return *text* without the escapes of HTML, JSON and URLs."""
    text = html.unescape(text)
    text = re.sub(r"\\u00([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), text)
    return unquote(text.replace("\\/", "/"))

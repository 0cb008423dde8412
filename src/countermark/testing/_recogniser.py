"""Recognises the tokens of one signer, and the principals that they were made for."""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from countermark.errors import ConfigurationError, InvalidPrincipal
from countermark.keys._keyring import Keyring
from countermark.principal import Principal, Signable
from countermark.schemes._templates import names_in
from countermark.signing._signer import Signer
from countermark.verifying._results import TokenCheck
from countermark.verifying._verifier import Verifier

#: The outcomes for tokens that a key of the signer has made.
SIGNED: Final = frozenset({"verified", "expired", "not_yet_valid"})

_TIMES: Final = frozenset({"now", "expires"})
_CLAIMS_THAT_VARY: Final = frozenset({"exp", "iat", "nbf", "jti"})

_LEAST, _MOST = 20, 8192
# Quoted texts, and texts without white space.
_CANDIDATE = re.compile(
    rf'"([^"\n]{{{_LEAST},{_MOST}}})"'
    rf"|'([^'\n]{{{_LEAST},{_MOST}}})'"
    rf"|([^\s\"'<>]{{{_LEAST},{_MOST}}})"
)
_LINE = re.compile(rf"^.{{{_LEAST},{_MOST}}}$", re.MULTILINE)
# A JWT anywhere: its first part is that of an object. Other tokens as parameters of a URL, in
# cookies, and as arguments.
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]*\.[\w-]+\.[\w-]+", re.ASCII)
_AROUND = re.compile(r"[?&#;,()`]")
_CODE = re.compile(rf"[A-Za-z0-9+/_-]{{{_LEAST},}}")


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
    claimed: str | None = None  #: The id in the token, if a key of the signer made it.
    claims: Mapping[str, Any] = {}  #: The claims of a JWT other than times.
    differing: tuple[str, ...] = ()  #: The names of claims with other values than the owner's.


class Recogniser:
    """Recognises the tokens of one signer.

    Args:
        signer: The signer.
        principals: The principals, by name.

    Raises:
        ConfigurationError: The scheme's tokens vary, and cannot be verified either.
    """

    #: The name of the header that carries the tokens, in lower case, or None.
    header: str | None

    def __init__(self, signer: Signer, principals: Mapping[Hashable, Signable]) -> None:
        self.header = signer.header and signer.header.lower()
        self._scheme = signer.scheme.slug
        self._principals = principals
        self._verifier = verifier = _verifier_of(signer)
        tokens = dict(_tokens(signer, principals))
        varies = _varies(signer)
        if varies and verifier is None:
            raise ConfigurationError(
                f"{self._scheme}: its tokens cannot be recognised, because each is different and"
                " none can be verified; if they contain a time, give the signer clock=FrozenClock()"
            )
        # Tokens that do not vary are found in any text, by their codes.
        self._tokens = {} if varies else tokens
        self._codes = {
            name: _codes(token, principals[name]) for name, token in self._tokens.items()
        }
        # Others are recognised by their form, and so are those that contain an id.
        self._has_form = varies or (verifier is not None and not verifier.needs_principal)
        self._claims: dict[Hashable, Mapping[str, Any]] = {}
        if signer.scheme.jwt is not None:
            self._claims = {
                name: _lasting_claims(self._check(token, None)) for name, token in tokens.items()
            }

    def in_own_header(self, value: str, place: str) -> Iterator[Found]:
        """Yield the token of the header that carries this signer's tokens."""
        if value:
            yield self._judged(value, place)

    def in_text(self, text: str, plain: str, place: str) -> Iterator[Found]:
        """Yield the tokens in *text*; *plain* is the same text without escapes."""
        for name, codes in self._codes.items():
            if all(code in plain for code in codes):
                yield Found(self._scheme, place, name, "verified")
        for candidate in _candidates(text, plain) if self._has_form else ():
            found = self._judged(candidate, place)
            if found.code in SIGNED:
                yield found

    def _judged(self, token: str, place: str) -> Found:
        """Return the principal of a token, and the outcome of verifying it."""
        check = self._check(token, None)
        claims = _lasting_claims(check)
        for name, principal in self._principals.items():
            own = self._claims.get(name, {})
            code = self._check(token, principal).code
            if self._tokens.get(name) == token:  # also if the scheme cannot be verified
                code = "verified"
            elif claims and claims == own:  # it names no principal: only their attributes
                code = check.code
            if code in SIGNED:
                different = tuple(key for key in own if claims.get(key, own[key]) != own[key])
                claimed = check.claimed_id
                return Found(self._scheme, place, name, code, claimed, claims, different)
        claimed = check.claimed_id if check.code in SIGNED else None
        return Found(self._scheme, place, STRANGER, check.code, claimed, claims)

    def _check(self, token: str, principal: Signable | None) -> TokenCheck:
        if self._verifier is None:
            return TokenCheck("mismatch")
        return self._verifier.check(token, principal)


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
    """Tell whether two tokens of one principal may differ."""
    scheme = signer.scheme
    if scheme.mac is None:
        return True
    content = None if scheme.payload is None else scheme.payload.content
    names = names_in([scheme.token, scheme.mac.message, content])
    return "uuid" in names or (not names.isdisjoint(_TIMES) and not _is_frozen(signer._clock))  # noqa: SLF001


def _is_frozen(clock: Callable[[], float]) -> bool:
    # Two calls may be within the resolution of a clock; a hundred are not.
    return len({clock() for _ in range(100)}) == 1


def _tokens(
    signer: Signer, principals: Mapping[Hashable, Signable]
) -> Iterator[tuple[Hashable, str]]:
    for name, principal in principals.items():
        try:
            yield name, signer.sign(principal)
        except InvalidPrincipal:  # it lacks a value, so the application cannot sign it either
            continue


def _codes(token: str, principal: Signable) -> list[str]:
    """Return the parts of a token by which it is found: those that are not the principal's."""
    own = [str(principal)]
    if isinstance(principal, Principal):
        own = [text for text in (principal.id, principal.email, principal.phone) if text]
    return [
        code for code in _CODE.findall(readable(token)) if not any(code in text for text in own)
    ]


def _lasting_claims(check: TokenCheck) -> dict[str, Any]:
    claims = check.identity.claims if check.identity else {}
    return {name: value for name, value in claims.items() if name not in _CLAIMS_THAT_VARY}


def _candidates(text: str, plain: str) -> Iterator[str]:
    """Yield the parts of a text that may be a token with more than a code in it."""
    seen: dict[str, None] = {}
    for form in (text, plain):
        for found in _CANDIDATE.finditer(form):
            seen |= dict.fromkeys(_parts_of(found[1] or found[2] or found[3]))
        seen |= dict.fromkeys(_JWT.findall(form))
        seen |= dict.fromkeys(line.strip() for line in _LINE.findall(form))
    return iter(seen)


def _parts_of(text: str) -> Iterator[str]:
    yield text
    for part in _AROUND.split(text):
        for piece in (part, part.partition("=")[2]):
            if len(piece) >= _LEAST:
                yield piece


def readable(text: str) -> str:
    """Return *text* without the escapes of HTML, JSON and URLs."""
    text = html.unescape(text)
    text = re.sub(r"\\u00([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), text)
    return unquote(text.replace("\\/", "/"))

"""Assertions about the tokens and secrets in a response of a test client."""

from __future__ import annotations

import base64
import json
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Final

from countermark._redaction import guarded
from countermark.errors import REFUSALS, ConfigurationError
from countermark.keys._keyring import Keyring
from countermark.keys._secret import SecretKey
from countermark.principal import Signable
from countermark.schemes._scheme import Scheme
from countermark.signing._signer import Signer
from countermark.testing._recogniser import SIGNED, Found, readable
from countermark.testing._response_view import texts_in, view_of
from countermark.testing._token_search import TokenSearch

_EXPECTED: Final = "the expected principal"


def assert_signed(response: Any, scheme: str | Scheme | Signer, principal: Signable) -> None:
    """Check that a response has a valid token of *scheme* for *principal*, and no other one.

    The token may be in the scheme's header, or anywhere in the body: in JSON, HTML or text.

    Args:
        response: The response of a test client of Starlette, FastAPI, httpx, Django, Django
            REST framework, Flask or Werkzeug.
        scheme: The signer; or the name of a scheme, whose secret and settings are then read
            from its environment variables.
        principal: The principal, with all values that the scheme signs; or their id.

    Raises:
        AssertionError: The response has no such token, or another one.
        ConfigurationError: *scheme* or *response* is invalid.
    """
    __tracebackhide__ = True
    try:
        problem = _problem_with_token(response, scheme, principal)
    finally:
        del response, scheme, principal
    if problem is not None:
        raise AssertionError(problem)


def assert_not_signed(response: Any, scheme: str | Scheme | Signer, *principals: Signable) -> None:
    """Check that a response has no token of *scheme*.

    A header of the scheme, a JWT, and other tokens that contain the id are found for any
    principal. A bare signature in a body is found for those of *principals* alone.

    Args:
        response: The response of a test client.
        scheme: As for :func:`assert_signed`.
        principals: Principals, or their ids.

    Raises:
        AssertionError: The response has a token.
        ConfigurationError: *scheme* or *response* is invalid.
    """
    __tracebackhide__ = True
    try:
        problem = _token_in(response, scheme, principals)
    finally:
        del response, scheme, principals
    if problem is not None:
        raise AssertionError(problem)


def assert_no_secret(response: Any, *secrets: Keyring | Signer | SecretKey | str | bytes) -> None:
    """Check that a response shows no secret: in headers, body or template context.

    A secret is found as it is, in hexadecimal, in base64, and behind the escapes of HTML,
    JSON and URLs. Private keys are not searched for.

    Args:
        response: The response of a test client.
        secrets: Keyrings, signers, keys, or the secrets themselves.

    Raises:
        AssertionError: The response shows a secret.
        ConfigurationError: An argument is invalid.
    """
    __tracebackhide__ = True
    try:
        problem = _secret_in(response, secrets)
    finally:
        del response, secrets
    if problem is not None:
        raise AssertionError(problem)


@guarded
def _problem_with_token(
    response: Any, scheme: str | Scheme | Signer, principal: Signable
) -> str | None:
    signer, view = signer_of(scheme), view_of(response)
    slug = signer.scheme.slug
    found = TokenSearch([signer], {_EXPECTED: principal}).find(view)
    for one in found:
        if one.owner != _EXPECTED or one.code != "verified" or one.differing:
            return f"{slug}: {one.place} has a wrong token for {_shown(principal)}: {_reason(one)}"
    if found:
        return None
    header = f"the header {signer.header}" if signer.header else "a header"
    return (
        f"{slug}: the response with the status {view.status} has no token for"
        f" {_shown(principal)}, neither in {header} nor in its body"
    )


@guarded
def _token_in(
    response: Any, scheme: str | Scheme | Signer, principals: Iterable[Signable]
) -> str | None:
    signer = signer_of(scheme)
    named: dict[Hashable, Signable] = {_shown(given): given for given in principals}
    for one in TokenSearch([signer], named).find(view_of(response)):
        owner = one.owner if one.owner in named else _claimed(one)
        return f"{signer.scheme.slug}: {one.place} has a token for {owner}"
    return None


@guarded
def _secret_in(response: Any, secrets: Iterable[object]) -> str | None:
    view = view_of(response)
    places = [(f"the header {name}", value) for name, value in view.headers]
    places.append(("the body", view.body))
    places += [("the template context", _text(text)) for text in texts_in(view.context)]
    forms = [form for key in _keys_of(secrets) for form in _forms(key)]
    for place, text in places:
        both = (text, readable(text))
        for encoding, form in forms:
            if any(form in each for each in both):
                return f"{place} has a secret{encoding}"
    return None


def signer_of(scheme: object) -> Signer:
    """Return a signer, or the one of the scheme's environment variables.

    Raises:
        ConfigurationError: *scheme* is not a scheme, or its variables are missing.
    """
    if isinstance(scheme, Signer):
        return scheme
    return Signer.from_env(scheme)  # type: ignore[arg-type]  # refused with a message


def _reason(found: Found) -> str:
    if found.code in SIGNED and found.owner != _EXPECTED:
        return f"it is for {_claimed(found)}"
    if found.code == "verified":
        return f"other values than the principal's in {', '.join(found.differing)}"
    return REFUSALS[found.code]


def _claimed(found: Found) -> str:
    return "another principal" if found.claimed is None else repr(found.claimed)


def _shown(principal: Signable) -> str:
    return repr(getattr(principal, "label", None) or str(principal))


def _keys_of(secrets: Iterable[object]) -> Iterator[bytes]:
    for secret in secrets:
        if isinstance(secret, Keyring):
            yield from _keys_of([secret.current, *secret.previous, *secret.next])
        elif isinstance(secret, Signer):
            yield from _keys_of([secret._key])  # noqa: SLF001
        elif isinstance(secret, SecretKey):
            yield secret._secret  # noqa: SLF001
        elif secret and isinstance(secret, str | bytes):
            yield secret.encode(errors="replace") if isinstance(secret, str) else secret
        else:
            raise ConfigurationError(
                "secrets must be keyrings, signers or secret keys, or texts or bytes that are not"
                " empty"
            )


def _forms(key: bytes) -> Iterator[tuple[str, str]]:
    yield "", _text(key)
    yield "", json.dumps(_text(key), ensure_ascii=False)[1:-1]
    yield " in hexadecimal", key.hex()
    # The last characters depend on what follows.
    yield " in base64", base64.b64encode(key).decode().rstrip("=")[:-1]
    yield " in base64", base64.urlsafe_b64encode(key).decode().rstrip("=")[:-1]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")

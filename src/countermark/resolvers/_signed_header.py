"""The principal by an assertion that an identity-aware proxy signs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from countermark._redaction import guarded
from countermark.principal import Principal
from countermark.resolvers._assertion import (
    AssertionReader,
    BadAssertion,
    required_text,
    required_texts,
)
from countermark.resolvers._assertion_keys import AssertionKeys
from countermark.signing._principal_lookup import Resolver


@guarded
def from_signed_header(
    name: str,
    *,
    keys: AssertionKeys,
    algorithm: str,
    issuer: str,
    audience: str | Iterable[str],
    claim: str = "sub",
    email: str | None = None,
    leeway: float = 30,
    clock: Callable[[], float] = time.time,
) -> Resolver:
    """Resolve by a JSON Web Token that a proxy puts into the header *name*.

    It needs no trust in addresses: the signature proves the user. For Cloudflare Access
    the header is ``Cf-Access-Jwt-Assertion``, for Google IAP
    ``X-Goog-IAP-JWT-Assertion``. For AWS use :func:`from_aws_header`. It needs the
    extra ``jwt``.

    A request without the header is anonymous. The resolver raises :class:`BadAssertion`
    for a token that is not valid: the event ``failed`` names the class, and the response
    has no token.

    Args:
        name: The header.
        keys: The public keys of the proxy: one key in PEM for all tokens; a JSON Web Key
            set (a mapping with ``keys``); a mapping from ``kid`` to PEM or JSON Web Key;
            or a plain function of the ``kid`` that returns such a key, or None. The
            function is called before the signature is checked, with at most 128 letters,
            digits and ``_-.=+``.
        algorithm: ``RS256`` or ``ES256``: the only one that is accepted.
        issuer: The exact ``iss``.
        audience: The exact ``aud`` of this application, or several of them. If a token
            is for several audiences, one of them is enough.
        claim: The claim that is the id.
        email: The claim that is the e-mail address, for vendors who sign one.
        leeway: How far the proxy's clock may differ, in seconds, 0 to 300.
        clock: The time in seconds since 1970.

    Raises:
        ConfigurationError: An argument is not what it should be, a key is of another kind
            than *algorithm* needs, or PyJWT is not installed.

    Sources: https://cloud.google.com/iap/docs/signed-headers-howto,
    https://developers.cloudflare.com/cloudflare-one/identity/users/validating-json
    """
    reader = AssertionReader(
        name,
        keys=keys,
        algorithm=algorithm,
        claim=claim,
        email=email,
        leeway=leeway,
        clock=clock,
    )
    issuer, audiences = required_text(issuer, "issuer="), required_texts(audience, "audience=")

    def resolve(source: Mapping[str, Any]) -> Principal | str | None:
        found = reader.read(source)
        if found is None:
            return None
        _, claims = found
        if claims.get("iss") != issuer:
            raise BadAssertion("the assertion has another iss than issuer=")
        stated = claims.get("aud")
        listed = stated if isinstance(stated, list) else [stated]
        if not any(isinstance(one, str) and one in audiences for one in listed):
            raise BadAssertion("the assertion has another aud than audience=")
        reader.check_times(claims, required=True)
        return reader.principal(claims)

    return resolve

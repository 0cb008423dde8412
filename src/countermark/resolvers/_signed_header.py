"""The principal in the signed header of an identity-aware proxy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from countermark._redaction import guarded
from countermark.resolvers._assertion import (
    BadAssertion,
    Part,
    assertion_resolver,
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

    The signature proves the user, so the address of the proxy does not matter. The header
    of Cloudflare Access is ``Cf-Access-Jwt-Assertion``, that of Google IAP is
    ``X-Goog-IAP-JWT-Assertion``. For AWS use :func:`from_aws_header`. This resolver needs
    the extra ``jwt``.

    A request without the header is anonymous. The resolver raises :class:`BadAssertion`
    for an invalid token: the event ``failed`` names the class, and the response has no token.

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
            has several audiences, one of them is enough.
        claim: The claim that is the id.
        email: The claim that is the e-mail address, for schemes that sign it.
        leeway: How far the proxy's clock may differ, in seconds, 0 to 300.
        clock: The time in seconds since 1970.

    Raises:
        ConfigurationError: An argument is invalid, a key does not fit *algorithm*, or PyJWT
            is not installed.

    Sources: https://cloud.google.com/iap/docs/signed-headers-howto,
    https://developers.cloudflare.com/cloudflare-one/identity/users/validating-json
    """
    required_text(issuer, "issuer=")
    audiences = required_texts(audience, "audience=")

    def check(header: Part, claims: Part) -> None:
        if claims.get("iss") != issuer:
            raise BadAssertion("the iss of the assertion is not issuer=")
        found = claims.get("aud")
        listed = found if isinstance(found, list) else [found]
        if not any(isinstance(one, str) and one in audiences for one in listed):
            raise BadAssertion("the aud of the assertion is not in audience=")

    return assertion_resolver(
        name,
        check,
        keys=keys,
        algorithm=algorithm,
        claim=claim,
        email=email,
        leeway=leeway,
        clock=clock,
    )

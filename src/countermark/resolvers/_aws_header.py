"""The principal in the signed header of an AWS Application Load Balancer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from countermark._redaction import guarded
from countermark.errors import ConfigurationError
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
def from_aws_header(
    *,
    keys: AssertionKeys,
    issuer: str,
    client: str,
    signer: str | Iterable[str],
    claim: str = "sub",
    email: str | None = None,
    leeway: float = 30,
    clock: Callable[[], float] = time.time,
) -> Resolver:
    """Resolve by ``X-Amzn-Oidc-Data``, which an AWS Application Load Balancer signs.

    The header of the token holds its issuer, client and expiry. The token has no ``aud``,
    and its base64 is padded. All load balancers of a region share their keys, so *signer*
    binds the token to yours. This resolver needs the extra ``jwt``. A request without the
    header is anonymous; see :func:`from_signed_header` for errors and for the arguments that
    are not listed here.

    Args:
        keys: The public keys by ``kid``, or a function of the ``kid``. AWS serves each in
            PEM at ``https://public-keys.auth.elb.REGION.amazonaws.com/KID``.
        issuer: The exact ``iss`` of the user pool or identity provider.
        client: The client id with which the load balancer authenticates users.
        signer: The ARN of the load balancer, or several.

    Raises:
        ConfigurationError: As for :func:`from_signed_header`, or *signer* is not an ARN.

    Source:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html
    """
    required_text(issuer, "issuer=")
    required_text(client, "client=")
    signers = required_texts(signer, "signer=")
    if not all(arn.startswith("arn:") for arn in signers):
        raise ConfigurationError("signer= must be the ARN of the load balancer: arn:aws:elastic…")

    def check(header: Part, claims: Part) -> None:
        found = header.get("signer")
        if not isinstance(found, str) or found not in signers:
            raise BadAssertion("the signer of the assertion is not in signer=")
        if header.get("client") != client:
            raise BadAssertion("the client of the assertion is not client=")
        if header.get("iss") != issuer or claims.get("iss", issuer) != issuer:
            raise BadAssertion("the iss of the assertion is not issuer=")

    return assertion_resolver(
        "X-Amzn-Oidc-Data",
        check,
        keys=keys,
        algorithm="ES256",
        claim=claim,
        email=email,
        leeway=leeway,
        clock=clock,
        aws=True,
    )

"""The principal by what an AWS Application Load Balancer signs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from countermark._redaction import guarded
from countermark.errors import ConfigurationError
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

    The load balancer states the issuer, the client and the end of the token in the
    header of the token, has no ``aud``, and pads its base64. All load balancers of a
    region share their keys, so *signer* is what binds the token to yours. It needs the
    extra ``jwt``. A request without the header is anonymous; see
    :func:`from_signed_header` for errors and for the arguments that are not listed here.

    Args:
        keys: The public keys by ``kid``, or a function of the ``kid``. AWS serves each in
            PEM at ``https://public-keys.auth.elb.REGION.amazonaws.com/KID``.
        issuer: The exact ``iss`` of the user pool or identity provider.
        client: The id of the client that the load balancer signs in with.
        signer: The ARN of the load balancer, or several.

    Raises:
        ConfigurationError: As for :func:`from_signed_header`, or *signer* is not an ARN.

    Source:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html
    """
    reader = AssertionReader(
        "X-Amzn-Oidc-Data",
        keys=keys,
        algorithm="ES256",
        claim=claim,
        email=email,
        leeway=leeway,
        clock=clock,
        padded=True,
    )
    issuer, client = required_text(issuer, "issuer="), required_text(client, "client=")
    signers = required_texts(signer, "signer=")
    if not all(arn.startswith("arn:") for arn in signers):
        raise ConfigurationError("signer= must be the ARN of the load balancer: arn:aws:elastic…")

    def resolve(source: Mapping[str, Any]) -> Principal | str | None:
        found = reader.read(source)
        if found is None:
            return None
        header, claims = found
        stated = header.get("signer")
        if not isinstance(stated, str) or stated not in signers:
            raise BadAssertion("the assertion has another signer than signer=")
        if header.get("client") != client:
            raise BadAssertion("the assertion has another client than client=")
        if header.get("iss") != issuer or claims.get("iss", issuer) != issuer:
            raise BadAssertion("the assertion has another iss than issuer=")
        reader.check_times(header, required=True)
        reader.check_times(claims, required=False)
        return reader.principal(claims)

    return resolve

"""New secrets for webhooks of one's own."""

from __future__ import annotations

import os
from base64 import b64encode

from countermark._redaction import guarded
from countermark.webhooks._parts import SignatureHeader
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._verifier_options import checked_scheme

# As text they are twice as many, as hexadecimal needs no quotes in a shell or a file.
_BYTES = 32


@guarded
def new_webhook_secret(scheme: str | WebhookScheme) -> str:
    """Return a new secret: 256 random bits in the encoding of the scheme, after its prefix.

    If receivers have a public key, it is a private key: raw if the scheme has a prefix for such,
    and otherwise PEM. If the vendor takes no text of that length, it has fewer bits.

    Args:
        scheme: A webhook scheme, or the name of one.

    Raises:
        ConfigurationError: It is not a scheme, or the package cryptography is not installed.
    """
    scheme = checked_scheme(scheme)
    secret, signature = scheme.secret, scheme.signature
    if isinstance(signature, SignatureHeader) and signature.has_public_key:
        from countermark.webhooks._private_keys import new_private_key  # late, as it is rare

        return new_private_key(scheme, signature.algorithm)
    data = os.urandom(_BYTES)
    if secret.form == "base64":
        return secret.prefix + b64encode(data).decode()
    return secret.prefix + (data.hex()[: secret.most] if secret.form == "text" else data.hex())

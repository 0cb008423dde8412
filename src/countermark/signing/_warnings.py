"""Warns of what is weak in a signer."""

from __future__ import annotations

import warnings

from countermark._redaction import shown_variable
from countermark.errors import AmbiguousSchemeWarning, WeakKeyWarning
from countermark.keys._keyring import Key
from countermark.schemes._scheme import Scheme
from countermark.tokens._options import least_bytes


def warn_of(scheme: Scheme, key: Key) -> None:
    """Warn of a short secret and of an ambiguous scheme, at the line that builds the signer."""
    least = least_bytes(scheme, key)
    if least is not None:
        which = f" in {shown_variable(scheme.variable)}" if scheme.variable else ""
        warnings.warn(
            f"{scheme.slug}: the secret{which} has fewer than {least} bytes; have the vendor"
            " make a longer one",
            WeakKeyWarning,
            stacklevel=4,
        )
    if scheme.ambiguous:
        warnings.warn(
            f"{scheme.slug}: two principals can get the same signature: {scheme.ambiguous}",
            AmbiguousSchemeWarning,
            stacklevel=4,
        )

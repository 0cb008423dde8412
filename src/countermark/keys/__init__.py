"""Secrets and keyrings."""

from typing import TYPE_CHECKING

from countermark.keys._keyring import Keyring as Keyring
from countermark.keys._private import PrivateKey as PrivateKey
from countermark.keys._public import PublicKey as PublicKey
from countermark.keys._secret import SecretKey as SecretKey

if TYPE_CHECKING:
    from countermark.keys._tenant_cache import PerTenant as PerTenant
    from countermark.keys._watched import WatchedKeyring as WatchedKeyring
else:
    from countermark._lazy import lazy_exports

    __getattr__ = lazy_exports(
        __name__,
        {
            "PerTenant": "countermark.keys._tenant_cache",
            "WatchedKeyring": "countermark.keys._watched",
        },
    )

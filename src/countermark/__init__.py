"""Signs the current user's id as front-end products require it, and verifies such tokens."""

from typing import TYPE_CHECKING

from countermark.errors import AmbiguousSchemeWarning as AmbiguousSchemeWarning
from countermark.errors import BadToken as BadToken
from countermark.errors import BadWebhook as BadWebhook
from countermark.errors import ConfigurationError as ConfigurationError
from countermark.errors import CountermarkError as CountermarkError
from countermark.errors import InvalidKey as InvalidKey
from countermark.errors import InvalidPrincipal as InvalidPrincipal
from countermark.errors import InvalidScheme as InvalidScheme
from countermark.errors import StoreUnavailable as StoreUnavailable
from countermark.errors import UnknownScheme as UnknownScheme
from countermark.errors import UnwatchedKeyWarning as UnwatchedKeyWarning
from countermark.errors import WeakKeyWarning as WeakKeyWarning
from countermark.events import Event as Event
from countermark.events import EventCounter as EventCounter
from countermark.keys._keyring import Keyring as Keyring
from countermark.keys._private import PrivateKey as PrivateKey
from countermark.keys._secret import SecretKey as SecretKey
from countermark.principal import Principal as Principal
from countermark.schemes._scheme import Scheme as Scheme
from countermark.signing._signer import SignedIdentity as SignedIdentity
from countermark.signing._signer import Signer as Signer

if TYPE_CHECKING:
    from countermark.keys._public import PublicKey as PublicKey
    from countermark.keys._tenant_cache import PerTenant as PerTenant
    from countermark.keys._watched import WatchedKeyring as WatchedKeyring
    from countermark.signing._request_identity import RequestIdentity as RequestIdentity
    from countermark.verifying._results import TokenCheck as TokenCheck
    from countermark.verifying._results import Verdict as Verdict
    from countermark.verifying._results import VerifiedIdentity as VerifiedIdentity
    from countermark.verifying._verifier import Verifier as Verifier
else:
    # A program that only signs does not pay for importing the rest. Type checkers must not
    # see __getattr__: they would accept any name.
    from countermark._lazy import lazy_exports

    _LAZY = {
        "PerTenant": "countermark.keys._tenant_cache",
        "PublicKey": "countermark.keys._public",
        "RequestIdentity": "countermark.signing._request_identity",
        "TokenCheck": "countermark.verifying._results",
        "Verdict": "countermark.verifying._results",
        "VerifiedIdentity": "countermark.verifying._results",
        "Verifier": "countermark.verifying._verifier",
        "WatchedKeyring": "countermark.keys._watched",
    }
    __getattr__ = lazy_exports(__name__, _LAZY)

    def __dir__() -> list[str]:
        return [*globals(), *_LAZY]

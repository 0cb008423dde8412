"""Sign the identity of the current user the way front-end products demand it, and verify it."""

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
from countermark.errors import WeakKeyWarning as WeakKeyWarning
from countermark.events import Event as Event
from countermark.events import EventCounter as EventCounter
from countermark.identity import RequestIdentity as RequestIdentity
from countermark.keyring import Keyring as Keyring
from countermark.keys import PrivateKey as PrivateKey
from countermark.keys import SecretKey as SecretKey
from countermark.principal import Principal as Principal
from countermark.scheme import Scheme as Scheme
from countermark.signed_identity import SignedIdentity as SignedIdentity
from countermark.signer import Signer as Signer

if TYPE_CHECKING:
    from countermark.examination import Examination as Examination
    from countermark.public_key import PublicKey as PublicKey
    from countermark.verdict import Verdict as Verdict
    from countermark.verified_identity import VerifiedIdentity as VerifiedIdentity
    from countermark.verifier import Verifier as Verifier
else:
    # Who signs need not pay for importing what verifies. Type checkers do not see this,
    # or every name would be there for them.
    _RECEIVING = {
        "Examination": "countermark.examination",
        "PublicKey": "countermark.public_key",
        "Verdict": "countermark.verdict",
        "VerifiedIdentity": "countermark.verified_identity",
        "Verifier": "countermark.verifier",
    }

    def __getattr__(name: str) -> object:
        if name not in _RECEIVING:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_RECEIVING[name]), name)

    def __dir__() -> list[str]:
        return [*globals(), *_RECEIVING]

"""Signs the principal of a request, in any protocol."""

from typing import TYPE_CHECKING

from countermark.signing._signer import SignedIdentity as SignedIdentity
from countermark.signing._signer import Signer as Signer

if TYPE_CHECKING:
    from countermark.signing._config import SigningConfig as SigningConfig
    from countermark.signing._endpoint import respond as respond
    from countermark.signing._markup import identity_script as identity_script
    from countermark.signing._request_identity import RequestIdentity as RequestIdentity
    from countermark.signing._response_headers import byte_headers as byte_headers
    from countermark.signing._response_headers import text_headers as text_headers
else:
    from countermark._lazy import lazy_exports

    __getattr__ = lazy_exports(
        __name__,
        {
            "RequestIdentity": "countermark.signing._request_identity",
            "SigningConfig": "countermark.signing._config",
            "byte_headers": "countermark.signing._response_headers",
            "identity_script": "countermark.signing._markup",
            "respond": "countermark.signing._endpoint",
            "text_headers": "countermark.signing._response_headers",
        },
    )

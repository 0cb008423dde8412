"""Signs the principal of a request, for all protocols."""

from countermark.signing._config import SigningConfig as SigningConfig
from countermark.signing._endpoint import respond as respond
from countermark.signing._markup import identity_script as identity_script
from countermark.signing._request_identity import RequestIdentity as RequestIdentity
from countermark.signing._response_headers import text_headers as text_headers
from countermark.signing._signer import SignedIdentity as SignedIdentity
from countermark.signing._signer import Signer as Signer

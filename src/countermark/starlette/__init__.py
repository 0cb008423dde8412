"""Countermark for Starlette: signing for ``request.user``, and verifying.

Needs the extra ``starlette``; the template helper needs Jinja2 as well.
"""

try:
    import starlette.requests  # noqa: F401
except ImportError as error:
    raise ImportError(
        "countermark.starlette needs Starlette: pip install 'countermark[starlette]'"
    ) from error

from countermark.starlette._signing import Options as Options
from countermark.starlette._signing import SigningMiddleware as SigningMiddleware
from countermark.starlette._signing import TemplateHelper as TemplateHelper
from countermark.starlette._signing import context_processor as context_processor
from countermark.starlette._signing import current_user_id as current_user_id
from countermark.starlette._signing import identity_from as identity_from
from countermark.starlette._signing import signatures_route as signatures_route
from countermark.starlette._verifying import RefusedToken as RefusedToken
from countermark.starlette._verifying import TokenBackend as TokenBackend
from countermark.starlette._verifying import VerifiedUser as VerifiedUser
from countermark.starlette._verifying import VerifyingMiddleware as VerifyingMiddleware
from countermark.starlette._verifying import refused_token_handler as refused_token_handler
from countermark.starlette._verifying import verified_identity_from as verified_identity_from

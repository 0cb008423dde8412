"""The base class of the verifying middlewares: their options, in any protocol."""

from __future__ import annotations

from typing import Generic, TypeVar, Unpack

from countermark._redaction import guarded
from countermark.verifying._enforcement import Enforcement, EnforcementOptions
from countermark.verifying._modes import ModeSetting
from countermark.verifying._tenants import VerifierSetting

AppT = TypeVar("AppT")


class VerifyingBase(Generic[AppT]):
    """Verifies the token of each request, and refuses unverified requests in ``enforce``."""

    @guarded
    def __init__(
        self,
        app: AppT,
        *,
        verifier: VerifierSetting,
        mode: ModeSetting,
        **options: Unpack[EnforcementOptions],
    ) -> None:
        """Wrap an application.

        A refusal is RFC 9457 JSON with status 401 or 403. It is sent without reading the
        body.

        CORS preflights have no token by design. In ``monitor`` they pass. In ``enforce`` the
        middleware grants them for allowed origins and refuses them for others, unless a CORS
        middleware around it answers first. It adds no CORS headers to the application's
        responses.

        If the middleware is applied twice, both check, and the application sees the results
        of the inner one.

        Args:
            app: The application, or the next middleware.
            verifier: The verifier, or a function from the id of a tenant to one.
            mode: ``off``, ``monitor`` or ``enforce``, or a function that returns one of them.
            options: As for :class:`countermark.verifying.Enforcement`, which describes
                *verifier* and *mode* too.

        Raises:
            ConfigurationError: An option is missing or invalid, or two do not fit together.
        """
        self.app = app
        self._enforcement = Enforcement(verifier, mode=mode, **options)

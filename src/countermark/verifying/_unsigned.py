"""Asks the allowance whether a request without a token is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countermark.errors import ConfigurationError, StoreUnavailable
from countermark.events import OnEvent
from countermark.verifying._allowance import Allowance, allowance_group
from countermark.verifying._reports import report_failure
from countermark.verifying._request_context import RequestContext
from countermark.verifying._results import AdmittedBy


class UnsignedSessions:
    """The allowance of an enforcement, if it has one, and the events of its failures.

    Args:
        allowance: The allowance, or None.
        on_event: Called with the event ``failed``.

    Raises:
        ConfigurationError: *allowance* is something else.
    """

    __slots__ = ("_on_event", "allowance")

    #: The allowance. If there is none, do not ask.
    allowance: Allowance | None

    def __init__(self, allowance: Allowance | None, on_event: OnEvent | None) -> None:
        if allowance is not None and not isinstance(allowance, Allowance):
            raise ConfigurationError("allowance= takes an Allowance, for instance Allowance(100)")
        self.allowance, self._on_event = allowance, on_event

    def admit(self, context: RequestContext, source: Mapping[str, Any]) -> AdmittedBy | None:
        """Return how the session of a request is allowed; None: it is not."""
        allowance: Allowance = self.allowance  # type: ignore[assignment]  # or it is not asked
        try:
            return "allowance" if allowance.admit(_group(context), source) is True else None
        except Exception as error:
            return self._unanswered(allowance, error)

    async def aadmit(self, context: RequestContext, source: Mapping[str, Any]) -> AdmittedBy | None:
        """Do the same in an event loop."""
        allowance: Allowance = self.allowance  # type: ignore[assignment]  # or it is not asked
        try:
            return "allowance" if await allowance.aadmit(_group(context), source) is True else None
        except Exception as error:
            return self._unanswered(allowance, error)

    def _unanswered(self, allowance: Allowance, error: Exception) -> AdmittedBy | None:
        """Report the failure of the allowance, and return what it means for the request."""
        if isinstance(error, StoreUnavailable):
            report_failure("store_unavailable", error, self._on_event)
            return "fail_open" if allowance.when_unavailable == "fail_open" else None
        report_failure("allowance_raised", error, self._on_event)
        return None


def _group(context: RequestContext) -> str:
    return allowance_group(context.scheme, context.environment, context.tenant)

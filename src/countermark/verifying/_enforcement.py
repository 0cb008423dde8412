"""Decides which requests are allowed, in every protocol and framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypedDict

from countermark._option_checks import check_functions, is_async
from countermark._responses import Response
from countermark.events import OnEvent
from countermark.verifying._allowance import Allowance
from countermark.verifying._hints import Hints, Unexplained
from countermark.verifying._locations import Location
from countermark.verifying._modes import ModeSetting
from countermark.verifying._origins import AllowedOrigins
from countermark.verifying._refusals import is_permitted, preflight_answer, refusal
from countermark.verifying._reports import new_correlation_id, report_failure, report_verdict
from countermark.verifying._request_context import ContextReader, RequestContext
from countermark.verifying._request_token import ClaimedIdReader, RequestTokenChecker
from countermark.verifying._results import UNKNOWN_SCHEME, AdmittedBy, TokenCheck, Verdict
from countermark.verifying._tenants import TenantReader, VerifierLookup, VerifierSetting
from countermark.verifying._unsigned import UnsignedSessions
from countermark.verifying._verifier import Verifier

#: Counts verdicts.
CountVerdict: TypeAlias = Callable[[Verdict], object]

Source: TypeAlias = Mapping[str, Any]


class EnforcementOptions(TypedDict, total=False):
    """The options of :class:`Enforcement` other than ``mode``, for callers that pass them on."""

    token: Location | str | None
    claimed_id: ClaimedIdReader | None
    origins: AllowedOrigins | Iterable[str] | None
    allowance: Allowance | None
    tenant: TenantReader | None
    meter: CountVerdict | None
    on_event: OnEvent | None
    explain: bool | None


class _Unsigned(NamedTuple):
    """A request without a token, for which the allowance decides."""

    context: RequestContext
    check: TokenCheck


_Outcome: TypeAlias = Verdict | _Unsigned | Unexplained | None


class Enforcement:
    """Checks requests and decides which are allowed: the middlewares and adapters use it.

    Args:
        verifier: A :class:`Verifier`; or a function that takes the id of a tenant and
            returns a verifier, or None for an unknown tenant. It is called once a minute
            for each of the latest 1024 tenants, unless a :class:`PerTenant` sets other numbers.
        mode: ``off``, ``monitor``, ``enforce`` or an :class:`EnforcePercent`; or a function
            that takes a :class:`ModeContext` and returns one of them, such as a
            :class:`ModeFile` or a :class:`ModeSwitch`. If the function fails, the mode is
            ``enforce``.
        token: Where requests carry their token: the name of a header, or the result of
            ``from_header``, ``from_query`` or ``from_cookie``. The scheme has the default.
        claimed_id: Where the id is, if tokens do not contain it: a location as for
            *token*, or a function that takes the scope or environ. If it is given, each
            token must be for this id, and a token without an id is refused.
        origins: The allowed origins of pages, an :class:`AllowedOrigins` or a list; None:
            all origins are allowed.
        allowance: How many sessions without a token are allowed in ``enforce``, an
            :class:`Allowance`.
        tenant: Takes the scope or environ and returns the tenant's id, or None. Return an
            id that the application has established, not one that the client sent.
        meter: Called with each verdict. If it has a ``flush()``, as a :class:`Meter`
            does, the ASGI middleware calls that when the application has shut down.
        on_event: Called with each :class:`Event`.
        explain: Whether to look for the mistake that explains an invalid token, and add it to
            the verdict, the event and the refusal. It takes up to a second, so it is done for
            one request a minute of each scheme and code, and only in an ``environment=`` other
            than ``live``. True: in ``monitor`` and ``enforce``; None: in ``monitor``; False:
            never.

    Raises:
        ConfigurationError: An option is missing or invalid, or two do not fit together.
    """

    __slots__ = (
        "_contexts",
        "_flush",
        "_hints",
        "_meter",
        "_on_event",
        "_sessions",
        "_token",
        "_verifiers",
    )

    def __init__(
        self,
        verifier: VerifierSetting,
        *,
        mode: ModeSetting,
        token: Location | str | None = None,
        claimed_id: ClaimedIdReader | None = None,
        origins: AllowedOrigins | Iterable[str] | None = None,
        allowance: Allowance | None = None,
        tenant: TenantReader | None = None,
        meter: CountVerdict | None = None,
        on_event: OnEvent | None = None,
        explain: bool | None = None,
    ) -> None:
        check_functions(claimed_id=claimed_id, tenant=tenant, meter=meter, on_event=on_event)
        self._meter, self._on_event = meter, on_event
        self._sessions = UnsignedSessions(allowance, on_event)
        flush = getattr(meter, "flush", None)
        self._flush = flush if callable(flush) and not is_async(flush) else None
        self._verifiers = VerifierLookup(verifier, tenant, self._require_fit, on_event)
        self._contexts = ContextReader(self._verifiers, mode, origins, on_event)
        one = self._verifiers.one
        if token is None and one is not None:
            token = one.scheme.request_header
        self._token = RequestTokenChecker(token, claimed_id, on_event)
        self._hints = Hints(explain, self._token)
        if one is not None:
            self._require_fit(one)

    @property
    def location(self) -> Location:
        """Where requests carry their token."""
        return self._token.location

    @property
    def origins(self) -> AllowedOrigins | None:
        """The allowed origins; None: all."""
        return self._contexts.origins

    @property
    def scheme(self) -> str:
        """The name of the scheme; ``unknown`` if it depends on the tenant."""
        return UNKNOWN_SCHEME if self._verifiers.one is None else self._verifiers.one.scheme.slug

    def judge(self, source: Source, *, optional: bool = False) -> Verdict | None:
        """Return the verdict on the request of a scope or environ, count it and report it.

        It may wait for the network if there is an allowance with a store.

        Args:
            source: The scope or environ.
            optional: Whether a request without a token is anonymous: it gets no verdict.

        Returns:
            None in the mode ``off``, and for an anonymous request.
        """
        outcome = self._check(source, optional=optional)
        if isinstance(outcome, _Unsigned):
            return self._settled(*outcome, self._sessions.admit(outcome.context, source))
        if isinstance(outcome, Unexplained):
            return self._settled(*outcome[:3], outcome.question.answer())
        return outcome

    async def ajudge(self, source: Source, *, optional: bool = False) -> Verdict | None:
        """Do the same as :meth:`judge` in an event loop: what takes time is done in a thread."""
        outcome = self._check(source, optional=optional)
        if isinstance(outcome, _Unsigned):
            admitted_by = await self._sessions.aadmit(outcome.context, source)
            return self._settled(*outcome, admitted_by)
        if isinstance(outcome, Unexplained):
            return self._settled(*outcome[:3], await outcome.question.answer_in_thread())
        return outcome

    def refusal(self, verdict: Verdict, source: Source) -> Response:
        """Return the response to a request that *verdict* refuses."""
        method = source.get("method") or source.get("REQUEST_METHOD")
        return refusal(verdict, vary=self.origins is not None, head=method == "HEAD")

    def answer_preflight(self, source: Source) -> Response | None:
        """Return the response to a CORS preflight; None: the application answers it.

        A preflight has no token by design. In ``enforce`` it is granted for an allowed
        origin, and refused for others. Preflights are not counted.
        """
        context = self._contexts.read(source)
        if context is None or context.mode == "monitor":
            return None
        verdict = self._verdict(context, TokenCheck(context.refused or "missing"), None)
        if not is_permitted(verdict):
            report_verdict(verdict, context.verifier, self._on_event)
        return preflight_answer(verdict, source, vary=self.origins is not None)

    @property
    def flushes(self) -> bool:
        """True if the meter has a ``flush()``."""
        return self._flush is not None

    def flush(self) -> None:
        """Make the meter write its counts. It waits for the network."""
        if self._flush is not None:
            try:
                self._flush()
            except Exception as error:
                report_failure("meter_raised", error, self._on_event)

    # How a request is judged

    def _check(self, source: Source, *, optional: bool) -> _Outcome:
        """Return the verdict, or what is left to do before there is one."""
        context = self._contexts.same
        if context is not None:
            check = self._token.check(context.verifier, source)  # type: ignore[arg-type]
        else:
            found = self._contexts.read(source)
            if found is None:
                return None
            context, check = self._check_in(found, source)
        if check.identity is not None:
            return self._settled(context, check, "token")
        unsigned = check.code == "missing"
        if optional and unsigned:
            return None
        admitted_by: AdmittedBy | None = "monitor" if context.mode == "monitor" else None
        if unsigned and self._sessions.allowance is not None and admitted_by is None:
            return _Unsigned(context, check)
        question = self._hints.question(context, check, source)
        if question is None:
            return self._settled(context, check, admitted_by)
        return Unexplained(context, check, admitted_by, question)

    def _check_in(
        self, context: RequestContext, source: Source
    ) -> tuple[RequestContext, TokenCheck]:
        """Check the token of a request whose context is its own; its mode may depend on the id."""
        if context.refused is None:
            check = self._token.check(context.verifier, source)  # type: ignore[arg-type]
        else:
            check = TokenCheck(context.refused)
        if context.chosen is not None and self._is_chosen(context, check, source):
            context = context._replace(mode="enforce")
        return context, check

    def _is_chosen(self, context: RequestContext, check: TokenCheck, source: Source) -> bool:
        """Tell whether the request names a principal for whom the mode is ``enforce``."""
        try:
            named = self._token.named_id(context.verifier, source, check)
        except Exception:  # the request may be of any principal
            return True
        return named is not None and context.chosen.covers(  # type: ignore[union-attr]
            named, scheme=context.scheme, environment=context.environment, tenant=context.tenant
        )

    def _settled(
        self,
        context: RequestContext,
        check: TokenCheck,
        admitted_by: AdmittedBy | None,
        hint: str | None = None,
    ) -> Verdict:
        """Return the verdict, counted and reported."""
        verdict = self._verdict(context, check, admitted_by, hint)
        if admitted_by != "token" or self._on_event is not None:
            report_verdict(verdict, context.verifier, self._on_event)
        if self._meter is not None:
            try:
                self._meter(verdict)
            except Exception as error:
                report_failure("meter_raised", error, self._on_event)
        return verdict

    def _verdict(
        self,
        context: RequestContext,
        check: TokenCheck,
        admitted_by: AdmittedBy | None,
        hint: str | None = None,
    ) -> Verdict:
        return Verdict(
            check,
            context.mode,
            admitted_by,
            context.scheme,
            context.environment,
            context.tenant,
            context.origin,
            self._token.is_service and check.claimed_id is not None,
            None if admitted_by is not None else new_correlation_id(),
            hint,
        )

    def _require_fit(self, verifier: Verifier) -> None:
        """Refuse a verifier that does not fit the other options."""
        self._token.require_fit(verifier)
        self._contexts.require_fit(verifier)
        if self.origins is not None:
            self.origins.check_environment(verifier.environment)

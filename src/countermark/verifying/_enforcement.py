"""From the facts of one request to a verdict, whatever the protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from countermark._option_checks import is_async
from countermark.errors import BadToken, ConfigurationError, StoreUnavailable
from countermark.events import Event, EventName, OnEvent, emit, is_wanted
from countermark.verifying._allowance import Allowance, allowance_group
from countermark.verifying._locations import Location
from countermark.verifying._modes import MODES, ModeSetting, Question, checked_mode
from countermark.verifying._origins import AllowedOrigins, claimed_origin
from countermark.verifying._request_token import Presented, PrincipalReader
from countermark.verifying._results import UNKNOWN_SCHEME, Examination, LetInBy, Mode, Verdict
from countermark.verifying._tenants import TenantReader, Verifiers, VerifierSetting
from countermark.verifying._verifier import Verifier

#: Counts verdicts.
CountVerdict: TypeAlias = Callable[[Verdict], object]

Source: TypeAlias = Mapping[str, Any]


class Facts(NamedTuple):
    """What is known of a request before its token is read."""

    mode: Mode
    tenant: str | None
    verifier: Verifier | None
    origin: str | None
    code: str | None  # why it is refused already


class Enforcement:
    """Finds out about requests, and decides which get in. Its options are the middleware's.

    A request goes through :meth:`examine`, then :meth:`admit` if it :meth:`may_admit`,
    then :meth:`settle`; :meth:`judge` does all three.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    __slots__ = (
        "_allowance",
        "_flush",
        "_meter",
        "_mode",
        "_on_event",
        "_presented",
        "_same",
        "_verifiers",
        "origins",
    )

    def __init__(
        self,
        verifier: VerifierSetting,
        *,
        mode: ModeSetting,
        token: Location | str | None = None,
        principal: PrincipalReader | None = None,
        origins: AllowedOrigins | Iterable[str] | None = None,
        allowance: Allowance | None = None,
        tenant: TenantReader | None = None,
        meter: CountVerdict | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        given: dict[str, object] = {
            "principal": principal, "tenant": tenant, "meter": meter, "on_event": on_event
        }  # fmt: skip
        for name, function in given.items():
            if function is not None and (not callable(function) or is_async(function)):
                raise ConfigurationError(
                    f"{name}= must be callable, and no coroutine function; give a plain one"
                )
        if allowance is not None and not isinstance(allowance, Allowance):
            raise ConfigurationError("allowance= takes an Allowance, for instance Allowance(100)")
        self._mode = checked_mode(mode)
        self._allowance, self._meter, self._on_event = allowance, meter, on_event
        flush = getattr(meter, "flush", None)
        self._flush = flush if callable(flush) and not is_async(flush) else None
        if origins is not None and not isinstance(origins, AllowedOrigins):
            origins = AllowedOrigins(origins)
        self.origins: AllowedOrigins | None = origins
        self._verifiers = Verifiers(verifier, tenant, self._check, on_event)
        one = self._verifiers.one
        if token is None and one is not None:
            token = one.request_header
        self._presented = Presented(token, principal, on_event)
        #: What is known of every request alike, if there is nothing to ask it.
        self._same: Facts | None = None
        if one is not None:
            self._check(one)
            if tenant is None and origins is None and mode in ("monitor", "enforce"):
                self._same = Facts(mode, None, one, None, None)

    def judge(self, source: Source) -> Verdict | None:
        """Return the verdict on the request of a scope or environ; None in the mode ``off``.

        It may wait for the network, where the allowance does.
        """
        verdict = self.examine(source)
        if verdict is not None:
            if self.may_admit(verdict):
                self.admit(verdict, source)
            self.settle(verdict)
        return verdict

    def examine(self, source: Source) -> Verdict | None:
        """Return what there is to say of a request before the allowance; None: the mode is off."""
        facts = self._same or self._facts(source)
        if facts is None:
            return None
        verifier, code = facts.verifier, facts.code
        if code is not None or verifier is None:
            return self._verdict(facts, Examination(code or "unknown_tenant"))
        return self._verdict(facts, self._presented.examine(verifier, source))

    def preflight(self, source: Source) -> Verdict | None:
        """Return what there is to say of a CORS preflight; None: it is the application's.

        A preflight has no token by design. With an allowed origin it is ``missing``, and
        to be answered in the application's place; any other is refused. None is counted.
        """
        facts = self._facts(source)
        if facts is None or facts.mode == "monitor":
            return None
        verdict = self._verdict(facts, Examination(facts.code or "missing"))
        if not is_permitted(verdict):
            self._report(verdict)
        return verdict

    def may_admit(self, verdict: Verdict) -> bool:
        """Tell whether the allowance is to be asked: for the unsigned, in ``enforce``."""
        if self._allowance is None or verdict.let_in_by is not None:
            return False
        return verdict.code == "missing"

    @property
    def waits(self) -> bool:
        """Whether :meth:`admit` may wait for the network."""
        return self._allowance is not None and self._allowance.blocking

    def admit(self, verdict: Verdict, source: Source) -> None:
        """Ask the allowance, and write into *verdict* if it lets the request in."""
        allowance = self._allowance
        assert allowance is not None  # noqa: S101  # may_admit() has seen to it
        group = allowance_group(verdict.scheme, verdict.environment, verdict.tenant)
        try:
            if allowance.admit(group, source) is True:
                verdict.let_in_by = "allowance"
        except StoreUnavailable as error:
            self._fail("store_unavailable", error)
            if allowance.when_unavailable == "fail_open":
                verdict.let_in_by = "fail_open"
        except Exception as error:
            self._fail("allowance_raised", error)

    def settle(self, verdict: Verdict) -> None:
        """Count and report a verdict to which nothing will be added."""
        if verdict.let_in_by != "token" or self._on_event is not None:
            self._report(verdict)
        if self._meter is not None:
            try:
                self._meter(verdict)
            except Exception as error:
                self._fail("meter_raised", error)

    @property
    def flushes(self) -> bool:
        """Whether the meter is one that can be told to write what it has counted."""
        return self._flush is not None

    def flush(self) -> None:
        """Let the meter write what it has counted. It waits for the network."""
        assert self._flush is not None  # noqa: S101  # flushes has seen to it
        try:
            self._flush()
        except Exception as error:
            self._fail("meter_raised", error)

    # How it is found out

    def _facts(self, source: Source) -> Facts | None:
        """Return what is known before the token is read; None: the mode is off."""
        if self._same is not None or self._mode == "off":
            return self._same
        tenant, verifier = self._verifiers.of(source)
        mode = self._mode_of(source, tenant, verifier)
        if mode == "off":
            return None
        origin, code = None, None
        if self.origins is not None:
            try:
                origin = self.origins.allowed(source)
            except BadToken as error:
                code = error.code
        return Facts(mode, tenant, verifier, origin, code if verifier else "unknown_tenant")

    def _mode_of(self, source: Source, tenant: str | None, verifier: Verifier | None) -> Mode:
        if not callable(self._mode):
            return self._mode
        question = Question(
            source,
            scheme=verifier.scheme.slug if verifier else None,
            environment=verifier.environment if verifier else None,
            origin=claimed_origin(source),
            tenant=tenant,
        )
        raised = None
        try:
            mode = self._mode(question)
            if mode in MODES:
                return mode
        except Exception as error:
            raised = error
        self._fail("mode_raised", raised)
        return "enforce"

    def _verdict(self, facts: Facts, found: Examination) -> Verdict:
        mode, tenant, verifier, origin, _ = facts
        identity = found.identity
        if identity is not None:
            identity.tenant = tenant
            by: LetInBy | None = "token"
        else:
            by = "monitor" if mode == "monitor" else None
        if verifier is None:
            return Verdict(found, mode, by, UNKNOWN_SCHEME, tenant=tenant, origin=origin)
        return Verdict(
            found,
            mode,
            by,
            verifier.scheme.slug,
            verifier.environment,
            tenant=tenant,
            origin=origin,
            named_by_service=self._presented.names_principal,
        )

    # How it is reported

    def _report(self, verdict: Verdict) -> None:
        name: EventName
        by, reason = verdict.let_in_by, verdict.code
        if by is None:
            from uuid import uuid4  # late, as it is slow to import

            name, verdict.correlation_id = "refused", str(uuid4())
        elif by == "token":
            name, reason = "verified", verdict.role or reason
        elif by == "monitor":
            name = "would_refuse"
        else:
            name, reason = "allowed", by
        if not is_wanted(name, self._on_event):
            return
        claimed = verdict.claimed_id
        who = None if claimed is None else self._verifiers.pseudonym(verdict.tenant, claimed)
        event = Event(
            name, reason, verdict.scheme, principal=who, correlation=verdict.correlation_id
        )
        emit(event, self._on_event)

    def _fail(self, reason: str, error: Exception | None) -> None:
        kind = None if error is None else type(error).__name__
        if isinstance(error, StoreUnavailable):
            kind = error.kind
        emit(Event("failed", reason, error=kind), self._on_event)

    def _check(self, verifier: Verifier) -> None:
        """Refuse a verifier that does not fit the other options."""
        self._presented.check(verifier)
        if self.origins is not None:
            self.origins.check_environment(verifier.environment)


def is_permitted(verdict: Verdict) -> bool:
    """Tell whether a CORS preflight with that verdict is to be answered with the permission."""
    return verdict.code == "missing" and verdict.origin is not None

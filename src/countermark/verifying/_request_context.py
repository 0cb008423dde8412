"""Collects what is known of a request before its token is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from countermark.errors import BadToken, ConfigurationError
from countermark.events import OnEvent
from countermark.verifying._mode_switch import ModeSwitch
from countermark.verifying._mode_values import MODES, EnforcePercent, ModeValue
from countermark.verifying._modes import ModeContext, ModeFile, ModeSetting, checked_mode
from countermark.verifying._origins import AllowedOrigins, claimed_origin
from countermark.verifying._reports import report_failure
from countermark.verifying._results import UNKNOWN_SCHEME, Mode
from countermark.verifying._tenants import Found, VerifierLookup
from countermark.verifying._verifier import Verifier

if TYPE_CHECKING:
    from countermark.keys._keyring import Keyring
    from countermark.keys._watch import Watch


class RequestContext(NamedTuple):
    """The facts of a request that are known before its token is read."""

    mode: Mode
    verifier: Verifier | None
    scheme: str
    environment: str | None
    tenant: str | None = None
    origin: str | None = None
    refused: str | None = None  # the code, if the request is refused whatever its token
    # The mode is "enforce" if one of the ids that the request names is among these principals.
    chosen: EnforcePercent | None = None


class ContextReader:
    """Finds the tenant, verifier, mode and origin of requests.

    Args:
        verifiers: Finds the verifier.
        mode: The mode, or a function that returns it.
        origins: The allowed origins; None: all.
        on_event: Called with the event ``failed``.

    Raises:
        ConfigurationError: An option is invalid.
    """

    __slots__ = ("__weakref__", "_lacking", "_mode", "_on_event", "_verifiers", "origins", "same")

    #: The allowed origins, or None.
    origins: AllowedOrigins | None
    #: The context of each request, if it is the same for all.
    same: RequestContext | None

    def __init__(
        self,
        verifiers: VerifierLookup,
        mode: ModeSetting,
        origins: AllowedOrigins | Iterable[str] | None,
        on_event: OnEvent | None,
    ) -> None:
        if origins is not None and not isinstance(origins, AllowedOrigins):
            origins = AllowedOrigins(origins)
        self.origins = origins
        self._verifiers, self._mode, self._on_event = verifiers, checked_mode(mode), on_event
        # The facts that no request has; empty once a mode that needs one is reported.
        self._lacking = _lacking(verifiers)
        if isinstance(mode, ModeFile) and not self._lacking.isdisjoint(mode.depends_on):
            raise ConfigurationError(
                "mode=: the file has modes of tenants or environments, which would have no effect;"
                " give tenant=, or the environment= of the verifier"
            )
        self._settle()
        for watch, keys in verifiers.watches.items():
            watch.attach(keys, self._prepare, self._settle)

    def _settle(self) -> None:
        same, mode = None, self._mode
        if self._verifiers.is_constant and self.origins is None and mode in ("monitor", "enforce"):
            same = _context(mode, self._verifiers.one)
        self.same = same

    def _prepare(self, watch: Watch, keys: Keyring) -> Callable[[], None]:
        return self._settle  # after the lookup, which is an older user of the watch

    def read(self, source: Mapping[str, Any]) -> RequestContext | None:
        """Return the context of a scope or environ; None in the mode ``off``."""
        if self.same is not None or self._mode == "off":
            return self.same
        found = self._verifiers.of(source)
        tenant, verifier, _ = found
        mode = self._mode_of(source, found)
        if mode == "off":
            return None
        origin, refused = None, None
        if self.origins is not None:
            try:
                origin = self.origins.allowed(source)
            except BadToken as error:
                refused = error.code
        if verifier is None:
            refused = "unknown_tenant"
        return _context(mode, verifier, tenant, origin, refused)

    def require_fit(self, verifier: Verifier) -> None:
        """Refuse a verifier that the mode is not for.

        Raises:
            ConfigurationError: The mode is a switch of another scheme or environment.
        """
        if isinstance(self._mode, ModeSwitch):
            self._mode.require_fit(verifier)

    def _mode_of(self, source: Mapping[str, Any], found: Found) -> ModeValue:
        if not callable(self._mode):
            return self._mode
        verifier = found.verifier or self._verifiers.one
        context = ModeContext(
            source,
            scheme=verifier.scheme.slug if verifier else None,
            environment=verifier.environment if verifier else None,
            origin=claimed_origin(source),
            tenant=found.tenant,
            unknown=found.unknown,
        )
        raised = None
        try:
            mode = self._mode(context)
            self._report_lacking()
            if mode in MODES or isinstance(mode, EnforcePercent):
                return mode
        except Exception as error:
            raised = error
        report_failure("mode_raised", raised, self._on_event)
        return "enforce"

    def _report_lacking(self) -> None:
        """Report, once, that a mode has no effect because no request has what it is for."""
        mode = self._mode
        if not self._lacking or not isinstance(mode, ModeFile | ModeSwitch):
            return
        if not self._lacking.isdisjoint(mode.depends_on):
            self._lacking = frozenset()
            report_failure("mode_ineffective", None, self._on_event)


def _lacking(verifiers: VerifierLookup) -> frozenset[str]:
    """Return the attributes of a context that are None in each request."""
    found = set() if verifiers.reads_tenants else {"tenant"}
    if verifiers.one is not None and verifiers.one.environment is None:
        found.add("environment")
    return frozenset(found)


def _context(
    mode: ModeValue,
    verifier: Verifier | None,
    tenant: str | None = None,
    origin: str | None = None,
    refused: str | None = None,
) -> RequestContext:
    scheme, environment = UNKNOWN_SCHEME, None
    if verifier is not None:
        scheme, environment = verifier.scheme.slug, verifier.environment
    if isinstance(mode, EnforcePercent):
        return RequestContext(
            "monitor", verifier, scheme, environment, tenant, origin, refused, chosen=mode
        )
    return RequestContext(mode, verifier, scheme, environment, tenant, origin, refused)

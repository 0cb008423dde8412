"""Hints for developers: the mistake that explains a refused token, outside ``live``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from countermark._threads import in_thread
from countermark.errors import ConfigurationError
from countermark.principal import Signable
from countermark.verifying._origins import LIVE
from countermark.verifying._request_context import RequestContext
from countermark.verifying._request_token import RequestTokenChecker
from countermark.verifying._results import AdmittedBy, TokenCheck
from countermark.verifying._verifier import Verifier

#: A search takes up to a second, and anyone can send invalid tokens. So one is made for each
#: scheme and code in this many seconds.
INTERVAL: Final = 60.0
# More schemes and codes than an application has. Building schemes at each request reaches it.
_MOST_KINDS: Final = 1000

_EXPLAINABLE: Final = frozenset(
    {"malformed", "mismatch", "expired", "not_yet_valid", "retired_key", "wrong_environment",
     "wrong_credential", "secret_received"}
)  # fmt: skip


class Question:
    """A refused token, to be explained. A class with slots, as tracebacks print tuples."""

    __slots__ = ("_principal", "_token", "_verifier")

    def __init__(self, verifier: Verifier, token: str, principal: Signable | None) -> None:
        self._verifier, self._token, self._principal = verifier, token, principal

    def answer(self) -> str | None:
        """Return the hint, or None. It takes up to a second."""
        try:
            return self._verifier.explain(self._token, self._principal).hint
        except Exception:  # the request is not worth less for want of a hint
            return None

    async def answer_in_thread(self) -> str | None:
        """Do the same in a thread; without an event loop there is no hint."""
        try:
            return await in_thread(self.answer)
        except RuntimeError:  # some tests of applications drive coroutines by themselves
            return None


class Unexplained(NamedTuple):
    """A request with an invalid token, which is explained before it is reported."""

    context: RequestContext
    check: TokenCheck
    admitted_by: AdmittedBy | None
    question: Question


class Hints:
    """Decides which refused tokens are explained.

    Args:
        explain: True: in ``monitor`` and ``enforce``; None: in ``monitor``; False: never.
        token: Reads tokens and claimed ids again.

    Raises:
        ConfigurationError: *explain* is something else.
    """

    __slots__ = ("_lock", "_modes", "_seen", "_token")

    def __init__(self, explain: object, token: RequestTokenChecker) -> None:
        if explain is not None and not isinstance(explain, bool):
            raise ConfigurationError("explain= must be True, False or None")
        self._modes: tuple[str, ...] = ("monitor", "enforce") if explain else ("monitor",)
        if explain is False:
            self._modes = ()
        from threading import Lock  # late, as it is slow to import

        self._token, self._lock = token, Lock()
        self._seen: dict[tuple[str, str], float] = {}

    def question(
        self, context: RequestContext, check: TokenCheck, source: Mapping[str, Any]
    ) -> Question | None:
        """Return the refused token of a scope or environ if it is to be explained, or None."""
        verifier = context.verifier
        if (
            verifier is None
            or context.environment in {None, LIVE}
            or context.mode not in self._modes
            or check.code not in _EXPLAINABLE
            or not self._is_due(context.scheme, check.code)
        ):
            return None
        token, principal = self._token.read_again(source)
        return None if token is None else Question(verifier, token, principal)

    def _is_due(self, scheme: str, code: str) -> bool:
        kind, now = (scheme, code), time.monotonic()
        with self._lock:
            if now - self._seen.get(kind, -INTERVAL) < INTERVAL:
                return False
            if len(self._seen) >= _MOST_KINDS:
                self._seen.clear()
            self._seen[kind] = now
            return True

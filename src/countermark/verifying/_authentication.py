"""What the authentication of frameworks asks: whose token a request has, if it has one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from countermark._redaction import guarded
from countermark._responses import Response
from countermark.errors import ConfigurationError
from countermark.events import OnEvent
from countermark.verifying._enforcement import Enforcement
from countermark.verifying._locations import Location, from_header
from countermark.verifying._origins import AllowedOrigins
from countermark.verifying._refusals import refusal
from countermark.verifying._request_token import PrincipalReader
from countermark.verifying._results import Verdict
from countermark.verifying._verifier import Verifier


class Authentication:
    """Judges requests as the middleware does in the mode ``enforce``.

    But a request without a token may be nobody's, which is no refusal and no event.
    The options are the middleware's.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    __slots__ = {
        "place": "Where requests have their token.",
        "_enforcement": None,
    }

    place: Location

    @guarded
    def __init__(
        self,
        verifier: Verifier,
        *,
        token: Location | str | None = None,
        principal: PrincipalReader | None = None,
        origins: AllowedOrigins | Iterable[str] | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        given: object = verifier
        if not isinstance(given, Verifier):
            raise ConfigurationError(
                "verifier takes a Verifier; give one such as Verifier.from_env('stigg')"
            )
        self._enforcement = Enforcement(
            verifier,
            mode="enforce",
            token=token,
            principal=principal,
            origins=origins,
            on_event=on_event,
        )
        place: Any = verifier.request_header if token is None else token
        self.place = from_header(place) if isinstance(place, str) else place

    def verdict(self, source: Mapping[str, Any], *, optional: bool = True) -> Verdict | None:
        """Return the verdict on the request of a scope or environ.

        Args:
            source: The scope or environ.
            optional: Whether there need not be a token; then None says that there is none.
        """
        verdict = self._enforcement.examine(source)
        # In this mode there always is a verdict.
        if verdict is None or (optional and verdict.code == "missing"):
            return None
        self._enforcement.settle(verdict)
        return verdict

    def answer(self, verdict: Verdict, source: Mapping[str, Any]) -> Response:
        """Return what the request is answered if *verdict* refuses it."""
        vary = self._enforcement.origins is not None
        return refusal(verdict, vary=vary, head=source.get("method") == "HEAD")

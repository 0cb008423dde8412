"""A stand-in for the service that starts sessions of Cognito's Flow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from countermark._redaction import guarded
from countermark._responses import Response, json_response, problem
from countermark.asgi._types import Receive, Scope, Send
from countermark.errors import REFUSALS, BadToken, CountermarkError
from countermark.keys._keyring import Keyring
from countermark.testing._service import Unusable, not_found, read_json, segments_of, serve
from countermark.verifying._allowance import Allowance, allowance_group
from countermark.verifying._enforcement import Enforcement
from countermark.verifying._locations import from_query
from countermark.verifying._origins import LIVE, AllowedOrigins
from countermark.verifying._refusals import HINTS
from countermark.verifying._results import Verdict
from countermark.verifying._verifier import Verifier

_PATH: Final = ["flow_sessions"]
_OF_USER: Final = ("customerReference", "signature")

_read_reference = from_query("customerReference")
_read_template = from_query("templateId")


class FlowSession(NamedTuple):
    """A session. Its representation does not contain the customer reference.

    Attributes:
        id: The id of the session. It does not identify the user.
        customer_reference: The id of the user; None if the request had none.
        template_id: The id of the Flow's template.
        signed: True if a request for the session had a valid signature.
        completed: True if the user has completed the Flow.
    """

    id: str
    customer_reference: str | None
    template_id: str
    signed: bool
    completed: bool

    def __repr__(self) -> str:
        return f"<FlowSession {self.id} signed={self.signed} completed={self.completed}>"


class FlowSessions:
    """Starts sessions as Cognito's Flow did for a browser with a signature.

    It is an ASGI application with ``POST /flow_sessions``. The body is the JSON that the page
    passes to ``new Flow(…)``: ``publishableKey``, ``templateId``, and ``user`` with
    ``customerReference`` and ``signature``. The response is 201 with a new session, or 200
    with the open session of the same reference and template.

    The vendor published these rules: the first 100 sessions may be unsigned; the switch
    "Require Signed Requests" forbids unsigned ones; allowed origins must match exactly; there
    is one session per reference and template, and one completed Flow per reference unless a
    retry is authorised. The vendor did not publish the address, the JSON and the status codes
    of the service. They are choices of this stand-in:

    - A missing or wrong publishable key is refused with 401, all other refusals are 403. They
      are problems (RFC 9457), and their ``type`` ends in the reason. Outside ``live`` their
      ``hint`` names the mistake, if one explains the refusal of a signature.
    - A wrong signature is always refused. The allowance is for requests without a signature.
    - An unsigned session counts once per reference and template. Without a reference, each
      request counts.
    - A user who has completed a Flow cannot start another one, of any template.

    Args:
        keyring: The API secrets.
        publishable_key: The publishable key that the page must send.
        origins: The origins of the allowed pages, as for ``VerifyingMiddleware``. None allows
            all pages, and programs that send no origin.
        environment: The environment of the keys. Origins such as ``http://localhost:8000``
            are allowed in environments other than ``live``.
        unsigned_sessions: The number of sessions that may be unsigned.
        require_signed: The vendor's switch; it can be changed at any time.

    Raises:
        ConfigurationError: An argument is missing or invalid, or two contradict each other.
    """

    #: True if unsigned requests are refused.
    require_signed: bool
    #: All sessions, the oldest first.
    sessions: list[FlowSession]
    #: The verdicts of the latest 100 requests, the oldest first.
    verdicts: deque[Verdict]

    @guarded
    def __init__(
        self,
        keyring: Keyring,
        *,
        publishable_key: str = "publishable-key-for-tests",
        origins: AllowedOrigins | Iterable[str] | None = None,
        environment: str | None = None,
        unsigned_sessions: int = 100,
        require_signed: bool = False,
    ) -> None:
        self.require_signed = require_signed
        self.sessions = []
        self.verdicts = deque(maxlen=100)
        self._publishable_key = publishable_key
        self._completed: set[str | None] = set()
        self._group = allowance_group("cognito-flow", environment)
        self._allowance = Allowance(unsigned_sessions, session=_session_key)
        options: dict[str, Any] = {
            "mode": "enforce",
            "token": from_query("signature"),
            "claimed_id": _read_reference,
            "origins": origins,
            "meter": self.verdicts.append,
        }
        self._verifier = verifier = Verifier("cognito-flow", keyring, environment=environment)
        self._strict = Enforcement(verifier, **options)
        self._lenient = Enforcement(verifier, **options, allowance=self._allowance)

    @property
    def unsigned_left(self) -> int:
        """The number of unsigned sessions that are still allowed without *require_signed*."""
        return self._allowance.left(self._group)

    def complete(self, customer_reference: str) -> None:
        """Complete the Flow that the user started last.

        Raises:
            CountermarkError: The user has no open session, or has completed a Flow.
        """
        number = self._open(customer_reference)
        if number is None or customer_reference in self._completed:
            raise CountermarkError("there is no open session of this reference; start one first")
        self.sessions[number] = self.sessions[number]._replace(completed=True)
        self._completed.add(customer_reference)

    def authorise_retry(self, customer_reference: str) -> None:
        """Allow a user who has completed a Flow to start another one.

        Raises:
            CountermarkError: The user has not completed a Flow.
        """
        if customer_reference not in self._completed:
            raise CountermarkError("this reference has not completed a Flow; complete one first")
        self._completed.remove(customer_reference)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(self._answer, self._readable_by, scope, receive, send)

    def _readable_by(self, scope: Scope) -> str | None:
        if self._strict.origins is None:
            return "*"
        try:
            return self._strict.origins.allowed(scope)
        except BadToken:
            return None

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        if (scope["method"], segments_of(scope)) != ("POST", _PATH):
            return not_found()
        try:
            asked = _asked(await read_json(receive))
        except Unusable:
            return problem(
                400, "malformed_request", "The body must be the JSON object that new Flow() takes."
            )
        if asked.pop("publishableKey") != self._publishable_key:
            return problem(401, "wrong_publishable_key", "The publishable key is wrong.")
        # Enforcement reads tokens from the query, not from JSON.
        query = urlencode(asked, errors="surrogatepass").encode()
        enforcement = self._strict if self.require_signed else self._lenient
        verdict = enforcement.judge({**scope, "query_string": query})
        assert verdict is not None  # noqa: S101  # the mode is never off
        if not verdict.admitted:
            return self._refuse(verdict, asked)
        reference = asked.get("customerReference") or None
        return self._begin(reference, asked["templateId"], signed=verdict.verified)

    def _refuse(self, verdict: Verdict, asked: dict[str, str]) -> Response:
        """Return the refusal, with a hint outside ``live``."""
        members = {}
        if verdict.environment != LIVE:
            found = self._verifier.explain(asked.get("signature"), asked.get("customerReference"))
            members["hint"] = found.hint or HINTS[verdict.code]
        detail = f"{REFUSALS[verdict.code].capitalize()}."
        return problem(403, verdict.code, detail, members=members)

    def _begin(self, reference: str | None, template_id: str, *, signed: bool) -> Response:
        if reference in self._completed:
            return problem(
                403, "already_completed", "The user has completed a Flow; authorise a retry."
            )
        number = None if reference is None else self._open(reference, template_id)
        if number is None:
            number, status = len(self.sessions), 201
            session_id = f"flwses_{number + 1}"
            session = FlowSession(session_id, reference, template_id, signed, completed=False)
            self.sessions.append(session)
        else:
            status, session = 200, self.sessions[number]
            self.sessions[number] = session = session._replace(signed=session.signed or signed)
        return json_response(status, "application/json", session._asdict())

    def _open(self, reference: str, template_id: str | None = None) -> int | None:
        """Return the index of the latest open session of *reference*, of one template or any."""
        for number in reversed(range(len(self.sessions))):
            session = self.sessions[number]
            if (
                session.customer_reference == reference
                and session.template_id == (template_id or session.template_id)
                and not session.completed
            ):
                return number
        return None


def _asked(content: Any) -> dict[str, str]:
    """Return the texts of a body by name: the key, the template, and those of the user.

    Raises:
        Unusable: A value is missing or not a text.
    """
    try:
        user = content.get("user") or {}
        asked = {name: content[name] for name in ("publishableKey", "templateId")}
        asked |= {name: user[name] for name in _OF_USER if user.get(name) is not None}
    except (AttributeError, KeyError):
        raise Unusable from None
    if not all(isinstance(value, str) for value in asked.values()) or not asked["templateId"]:
        raise Unusable
    return asked


def _session_key(scope: Scope) -> str | None:
    reference, template_id = _read_reference(scope), _read_template(scope)
    return reference and f"{len(reference)} {reference} {template_id}"

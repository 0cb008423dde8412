"""A service that receives the tokens: an endpoint behind VerifyingMiddleware, and its traffic."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from countermark import Principal
from countermark.asgi import App, Receive, Scope, Send, VerifyingMiddleware
from countermark.demo.driving import ask
from countermark.demo.parts import Parts, token_of, token_of_another
from countermark.demo.people import PEOPLE, Person, principal_of
from countermark.rollout import GroupStats, Meter
from countermark.testing import tampered
from countermark.verifying import from_query
from countermark.verifying._results import Mode

#: The query parameter with the id of the user that the page speaks for.
CLAIM = "user"


class Receiver:
    """The receiving services of all schemes: one mode, and one meter.

    Attributes:
        mode: ``off``, ``monitor`` or ``enforce``.
        meter: Counts the verdicts of the requests.
    """

    def __init__(self) -> None:
        self.mode: Mode = "enforce"
        self.meter = Meter()

    def app(self, parts: Parts) -> App:
        """Return the service for the tokens of a scheme that can be verified."""
        assert parts.verifier is not None  # noqa: S101  # the page has no service otherwise
        return VerifyingMiddleware(
            _answer,
            verifier=parts.verifier,
            mode=lambda context: self.mode,
            token=parts.token_header,
            # A service of your own would look the user up in its database.
            claimed_id=_claimed if parts.names_user else None,
            meter=self.meter,
        )

    def counts(self, slug: str) -> dict[str, Any]:
        """Return the counts of a scheme for the page."""
        stats = next((one for one in self.meter.snapshot().groups if one.scheme == slug), None)
        return {"mode": self.mode, **_counts(stats)}


async def send_traffic(app: App, parts: Parts) -> None:
    """Send requests as browsers do: most with the user's token, and some without a valid one."""
    for person in PEOPLE:
        for headers in _requests(parts, person):
            await ask(app, "GET", "/", headers, query=f"{CLAIM}={person.principal.id}")


def _requests(parts: Parts, person: Person) -> list[dict[str, str]]:
    name, token = parts.token_header.lower(), token_of(parts, person)
    if token is None:
        return [{}]
    own = {name: token}
    if person.number == 0:
        return [own] * 5
    if person.number == 1:  # some of this user's pages are old, and send no token
        return [own, own, {}, {}]
    return [own, {name: tampered(token)}, {name: token_of_another(parts, person)}]


def _claimed(scope: Scope) -> Principal | None:
    return principal_of(_read_claim(scope))


_read_claim = from_query(CLAIM)


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    verdict = Request(scope).state.countermark_verdict
    content = {"code": "not checked" if verdict is None else verdict.code}
    await JSONResponse(content)(scope, receive, send)


def _counts(stats: GroupStats | None) -> dict[str, Any]:
    if stats is None:
        return {"requests": 0, "verified": 0, "share": "none", "stranded": 0, "reasons": {}}
    verdicts = dict(stats.by("verdict"))
    verified = verdicts.pop("verified", 0)
    return {
        "requests": stats.requests,
        "verified": verified,
        "share": f"{100 * verified / stats.requests:.0f} %",
        "stranded": stats.principals.stranded,
        "reasons": verdicts,
    }

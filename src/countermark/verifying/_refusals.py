"""Builds the responses to refused requests and to CORS preflights, in any protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from countermark._http import TOKEN
from countermark._responses import Header, Response, problem, without_body
from countermark.errors import REFUSALS, BadToken
from countermark.verifying._locations import from_header
from countermark.verifying._origins import LIVE
from countermark.verifying._results import Verdict

#: The codes of refusals that no other token would change: 403 instead of 401.
FORBIDDEN: Final = ("origin_refused", "unknown_tenant")

#: The usual causes of each refusal, for developers: not sent in ``live``.
HINTS: Final = {
    "missing": "The front end sent no token. Check that the vendor's code gets one, and that each"
    " proxy forwards it.",
    "principal_missing": "Only for Verifier.verify(): pass the id as verify(token, principal), from"
    " the same request. A middleware without claimed_id= does not start.",
    "malformed": "Compare the sent token with the signed one: it may be truncated, quoted or"
    " encoded twice. In a query a + must be encoded as %2B.",
    "ambiguous": "The header, parameter or cookie is a duplicate, or a second header has"
    " underscores in this name. A front end and a proxy may both add it.",
    "mismatch": "The usual causes: the secret of another environment or vendor, an e-mail"
    " address where the id is signed, a newline at the end of the secret, or a claimed_id="
    " that returns another id or none.",
    "secret_received": "The client was given the secret itself. Replace it at the vendor, and send"
    " the browser the token that is made with it.",
    "wrong_credential": "The front end sends a publishable key, a JSON Web Token in place of a hash"
    " or the reverse, or the credential of another vendor.",
    "expired": "The page was open for longer than its token is valid, or the clocks differ. The"
    " front end must fetch a new token.",
    "not_yet_valid": "The clock of the signing machine is ahead of this one's.",
    "retired_key": "An instance or a stored page still uses a token of the previous key.",
    "wrong_environment": "The token was signed with the secret of another environment: compare the"
    " variables of the two.",
    "unknown_tenant": "tenant= returned None, or verifier= returned None for that tenant.",
    "origin_refused": "The page's origin is not in origins=; entries must match exactly. Requests"
    " to the page's own origin and programs may send none: AllowedOrigins(..., missing='allow').",
}

_PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
_LIST = r"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]+"

_read_origin = from_header("Origin")
_read_method = from_header("Access-Control-Request-Method")
_read_headers = from_header("Access-Control-Request-Headers")


def refusal(verdict: Verdict, *, vary: bool, head: bool = False) -> Response:
    """Return the response to a refused request.

    A page of an allowed origin may read it, with and without credentials.

    Args:
        verdict: The verdict. In ``live``, and without an environment, there is no hint.
        vary: Whether the response depends on the origin.
        head: Whether to leave the body out.
    """
    code = verdict.code
    headers = [*([("Vary", "Origin")] if vary else []), *_cors_headers(verdict)]
    if code not in FORBIDDEN:
        challenge = f'Countermark realm="{verdict.scheme}", error="{code}"'
        headers.append(("WWW-Authenticate", challenge))
    members = {"instance": f"urn:uuid:{verdict.correlation_id}"}
    if verdict.environment not in (None, LIVE):
        members["hint"] = verdict.hint or HINTS[code]
    status = 403 if code in FORBIDDEN else 401
    detail = f"{REFUSALS[code].capitalize()}."
    response = problem(status, code, detail, *headers, members=members)
    return without_body(response) if head else response


def is_permitted(verdict: Verdict) -> bool:
    """Tell whether a CORS preflight with that verdict is granted."""
    return verdict.code == "missing" and verdict.origin is not None


def is_preflight(source: Mapping[str, Any]) -> bool:
    """Tell whether an OPTIONS request of a scope or environ is a CORS preflight."""
    try:
        return _read_origin(source) is not None and _read_method(source) is not None
    except BadToken:  # browsers do not send duplicates
        return False


def preflight_answer(verdict: Verdict, source: Mapping[str, Any], *, vary: bool) -> Response:
    """Return the response to a CORS preflight, in place of the application.

    An allowed origin is granted any method and headers, with credentials: the token of the
    request itself decides whether it is allowed.
    """
    if not is_permitted(verdict):
        return refusal(verdict, vary=vary)
    headers = [("Vary", _PREFLIGHT_VARY), *_cors_headers(verdict)]
    for name, read, pattern in (
        ("Access-Control-Allow-Methods", _read_method, TOKEN),
        ("Access-Control-Allow-Headers", _read_headers, _LIST),
    ):
        value = _requested(read, source)
        if value is not None and re.fullmatch(pattern, value):
            headers.append((name, value))
    return Response(204, headers, b"")


def _cors_headers(verdict: Verdict) -> list[Header]:
    if verdict.origin is None:
        return []
    return [
        ("Access-Control-Allow-Origin", verdict.origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "WWW-Authenticate"),
    ]


def _requested(read: Any, source: Mapping[str, Any]) -> str | None:
    try:
        value: str | None = read(source)
    except BadToken:
        return None
    return value

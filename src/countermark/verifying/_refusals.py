"""What a refused request is answered, and a CORS preflight; whatever the protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from countermark._http import TOKEN
from countermark._responses import Header, Response, problem, without_body
from countermark.errors import REFUSALS, BadToken
from countermark.verifying._enforcement import is_permitted
from countermark.verifying._locations import from_header
from countermark.verifying._origins import LIVE
from countermark.verifying._results import Verdict

#: The codes of requests whose credentials are not the matter: 403 instead of 401.
FORBIDDEN: Final = ("origin_refused", "unknown_tenant")

#: What usually causes each refusal. For developers: not told in ``live``.
HINTS: Final = {
    "missing": "The front end sent no token. Was the vendor's code given one, and does every"
    " proxy on the way pass it on?",
    "principal_missing": "This vendor's tokens do not hold the id: pass it as verify(token,"
    " principal), from the same request.",
    "malformed": "Compare what was sent with what was signed: a token that is cut off, in quotes"
    " or encoded twice is not good. In a query a + is written as %2B.",
    "ambiguous": "The header, parameter or cookie came twice, or the header also with"
    " underscores in its name. A front end and a proxy may both add it.",
    "mismatch": "Mostly one of these: the secret of another environment or vendor, an e-mail"
    " address where the id is signed, a newline at the end of the secret, or a principal="
    " that names somebody else or nobody.",
    "expired": "The page was open for longer than its token lives, or the clocks differ. The"
    " front end has to fetch a new one.",
    "not_yet_valid": "The clock of the machine that signs is ahead of this one's.",
    "retired_key": "An instance or a stored page still has a token of the previous key.",
    "wrong_environment": "It was signed with the secret of another environment: compare the"
    " variables of the two.",
    "unknown_tenant": "tenant= named nobody, or verifier= has no verifier for that tenant.",
    "origin_refused": "origins= lists the page's origin in no entry, to the letter. Requests to"
    " the own origin and programs may send none: AllowedOrigins(..., missing='allow').",
}

_PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
_LIST = r"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]+"

_read_origin = from_header("Origin")
_read_method = from_header("Access-Control-Request-Method")
_read_headers = from_header("Access-Control-Request-Headers")


def refusal(verdict: Verdict, *, vary: bool, head: bool = False) -> Response:
    """Return what a refused request is answered.

    Where the page's origin is an allowed one, it may read the answer, with
    credentials and without.

    Args:
        verdict: Why. In the environment ``live`` and where none is named, no hint is given.
        vary: Whether the answer depends on the origin.
        head: Whether to leave the body out.
    """
    code = verdict.code
    headers = [*([("Vary", "Origin")] if vary else []), *_cors_headers(verdict)]
    if code not in FORBIDDEN:
        challenge = f'Countermark realm="{verdict.scheme}", error="{code}"'
        headers.append(("WWW-Authenticate", challenge))
    members = {"instance": f"urn:uuid:{verdict.correlation_id}"}
    if verdict.environment not in (None, LIVE):
        members["hint"] = HINTS[code]
    status = 403 if code in FORBIDDEN else 401
    detail = f"{REFUSALS[code].capitalize()}."
    response = problem(status, code, detail, *headers, members=members)
    return without_body(response) if head else response


def is_preflight(source: Mapping[str, Any]) -> bool:
    """Tell whether an OPTIONS request of a scope or environ is a CORS preflight."""
    try:
        return _read_origin(source) is not None and _read_method(source) is not None
    except BadToken:  # no browser sends two
        return False


def preflight_answer(verdict: Verdict, source: Mapping[str, Any], *, vary: bool) -> Response:
    """Return what a CORS preflight is answered in the application's place.

    Where the origin is an allowed one, any method and headers are granted, with
    credentials: whether the request itself gets in, its token decides.
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

"""The demo without a browser: a table of tokens, and one of the vendors' responses."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from shutil import get_terminal_size
from typing import Any, NamedTuple, TypeAlias

from countermark.demo import (
    SCHEMES,
    SIGNATURES_PATH,
    USERS,
    asgi_app,
    token_field,
    vendors,
    wsgi_app,
)
from countermark.demo.driving import Answer, ask_asgi, ask_wsgi
from countermark.schemes._scheme import Scheme


class Reading(NamedTuple):
    """A token, its place, and true in *equal* if it is that of the test vector."""

    vendor: str
    principal: str
    place: str
    value: str | None
    equal: bool

    def cells(self) -> tuple[str, ...]:
        answer = "yes" if self.equal else "NO"
        return self.vendor, self.principal, self.place, self.value or "none", answer


class Reply(NamedTuple):
    """The responses of a vendor to a token, and true in *equal* if both are as expected."""

    vendor: str
    sent: str
    not_enforced: str
    enforced: str
    equal: bool

    def cells(self) -> tuple[str, ...]:
        return (*self[:4], "yes" if self.equal else "NO")


Row: TypeAlias = "Reading | Reply"

_READINGS = ("vendor", "principal", "read from", "value", "equal?")
_REPLIES = ("vendor", "sent", "not enforced", "enforced", "expected?")

_WIDEST, _NARROWEST = 100, 12

# The table shows the refusals. Without a handler they would also be printed as logs.
logging.getLogger("countermark").addHandler(logging.NullHandler())


def rows() -> Iterator[Row]:
    """Sign in as the user of each scheme's test vector; read the token and send it."""
    schemes = list(map(Scheme.load, SCHEMES))
    for scheme in schemes:
        vector = scheme.vectors[0]
        user = vector.id or ""
        for place, value in (*_asgi(scheme, user), *_wsgi(scheme, user)):
            yield Reading(scheme.slug, user, place, value, value == vector.token)
    for scheme in schemes:
        yield from _replies(scheme.slug, scheme.vectors[0].id or "")


def table(found: list[Row]) -> str:
    """Return *found* as text, with a table for each kind of row.

    The tables are at most as wide as the terminal and 100 columns: long values are shortened
    in the middle.
    """
    readings = [row.cells() for row in found if isinstance(row, Reading)]
    replies = [row.cells() for row in found if isinstance(row, Reply)]
    return f"{_columns([_READINGS, *readings])}\n\n{_columns([_REPLIES, *replies])}"


def _columns(lines: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    room = min(get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    while sum(widths) + 2 * len(widths) > room + 2 and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return "\n".join(
        "  ".join(
            _cut(cell, width).ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _cut(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    end = (width - 3) // 2
    return f"{text[: width - 3 - end]}...{text[-end:]}"


def _asgi(scheme: Scheme, user: str) -> Iterator[tuple[str, str | None]]:
    app = asgi_app.create_app()
    cookie = _sign_in(app, user)
    path = f"/schemes/{scheme.slug}"
    page = ask_asgi(app, "GET", f"{path}/", cookie)
    yield "ASGI request state", _token(scheme, _json_in(page, "state"))
    yield "ASGI response header", page.headers.get((scheme.header or "").lower())
    endpoint = ask_asgi(app, "GET", path + SIGNATURES_PATH, cookie)
    yield "ASGI endpoint", _token(scheme, json.loads(endpoint.body))


def _wsgi(scheme: Scheme, user: str) -> Iterator[tuple[str, str | None]]:
    app = wsgi_app.create_app()
    page = ask_wsgi(app, "/", user)
    yield "WSGI environ", _token(scheme, json.loads(page.body))
    yield "WSGI response header", page.headers.get((scheme.header or "").lower())
    endpoint = ask_wsgi(app, SIGNATURES_PATH, user)
    yield "WSGI endpoint", _token(scheme, json.loads(endpoint.body))


def _replies(slug: str, user: str) -> Iterator[Reply]:
    """Send the attempts of the page to a vendor, not enforced and enforced."""
    app = asgi_app.create_app()
    cookie = _sign_in(app, user)
    found: dict[str, list[tuple[bool, bool]]] = {}
    for mode in (b"monitor", b"enforce"):
        ask_asgi(app, "POST", "/mode", body=b"mode=" + mode)
        for attempt in _json_in(ask_asgi(app, "GET", f"/schemes/{slug}/", cookie), "attempts"):
            accepted = _send(app, slug, attempt["fields"]).status < 400
            outcome = accepted, attempt["to_be_accepted"]
            found.setdefault(attempt["sent"], []).append(outcome)
    for sent, ((lenient, _), (strict, _)) in found.items():
        expected = all(accepted == right for accepted, right in found[sent])
        yield Reply(slug, sent, _in_words(lenient), _in_words(strict), expected)


def _in_words(accepted: bool) -> str:
    return "accepted" if accepted else "refused"


def _send(app: Any, slug: str, fields: Mapping[str, str]) -> Answer:
    """Send the same request as the script of the page."""
    if slug == "stigg":
        headers = {"x-api-key": vendors.STIGG_KEY, "x-customer-key": fields["customerToken"]}
        given = {name: value for name, value in headers.items() if value}
        path = f"{vendors.STIGG_PATH}/v1/c/{fields['customerId']}/entitlements.json"
        return ask_asgi(app, "GET", path, given)
    content = {"publishableKey": vendors.FLOW_KEY, "templateId": vendors.FLOW_TEMPLATE}
    body = json.dumps({**content, "user": fields}).encode()
    return ask_asgi(app, "POST", f"{vendors.FLOW_PATH}/flow_sessions", body=body)


def _sign_in(app: Any, user: str) -> dict[str, str]:
    answer = ask_asgi(app, "POST", f"/sign-in/{USERS.index(user)}")
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


def _json_in(page: Answer, element: str) -> Any:
    start = rf'<script type="application/json" id="{element}"[^>]*>'
    found = re.search(rf"{start}(.*?)</script>", page.body, re.DOTALL)
    return json.loads(found[1]) if found else {}


def _token(scheme: Scheme, payload: dict[str, dict[str, str]]) -> str | None:
    return payload.get(scheme.slug, {}).get(token_field(scheme))

"""Reads the signed time of a delivery from its headers or from its body."""

from __future__ import annotations

import re
from typing import Final

from countermark.webhooks._delivery_body import Body
from countermark.webhooks._parts import SignatureHeader, Timestamp
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refused

#: The forms of a time.
FORMS: Final = ("seconds", "milliseconds", "seconds-text", "rfc3339", "rfc3339-nanoseconds")

_SECONDS: Final = "0|[1-9][0-9]{0,11}"
_MILLISECONDS: Final = "0|[1-9][0-9]{0,14}"
_RFC3339: Final = "([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})Z"
_NANOSECONDS: Final = _RFC3339[:-1] + r"(\.[0-9]{1,9})?Z"


def parse_time(text: str, form: str) -> float:
    """Parse a time to seconds since the epoch. Each time has one valid spelling.

    Args:
        text: The text.
        form: ``seconds`` or ``milliseconds`` since the epoch, both whole and in decimal;
            ``seconds-text``, the same in a JSON text; ``rfc3339``, such as
            ``2026-01-31T12:00:00Z``; or ``rfc3339-nanoseconds``, which may have a fraction of
            up to nine digits.

    Raises:
        Refused: The text is malformed, or the date does not exist.
    """
    if form in {"seconds", "seconds-text"} and re.fullmatch(_SECONDS, text):
        return int(text)
    if form == "milliseconds" and re.fullmatch(_MILLISECONDS, text):
        return int(text) / 1000
    pattern = {"rfc3339": _RFC3339, "rfc3339-nanoseconds": _NANOSECONDS}.get(form)
    found = pattern and re.fullmatch(pattern, text)
    if found:
        from datetime import datetime  # late, as it is slow to import

        try:
            # The fraction is cut off, as Python 3.11 reads at most six digits.
            return datetime.fromisoformat(f"{found[1]}Z").timestamp()
        except ValueError:
            pass
    raise Refused("malformed")


def write_time(now: float, form: str) -> str:
    """Return the text of a time, whose fraction of a second or millisecond is cut off.

    Args:
        now: The time, in seconds since the epoch.
        form: As for :func:`parse_time`.
    """
    if form.startswith("rfc3339"):
        from datetime import UTC, datetime  # late, as it is slow to import

        return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(int(now * 1000 if form == "milliseconds" else now))


def write_http_date(now: float) -> str:
    """Return a time as an IMF-fixdate (RFC 9110, section 5.6.7)."""
    from email.utils import formatdate  # late, as it is slow to import

    return formatdate(int(now), usegmt=True)


def time_in_head(timestamp: Timestamp, signature: SignatureHeader, head: RequestHead) -> str:
    """Return the text of a time in a header of its own or in the header of the signature.

    Raises:
        Refused: There is no time, or there are two.
    """
    if timestamp.header:
        return head.require(timestamp.header)
    entries = head.require(signature.header, max_commas=None).split(signature.separator)
    found = [entry for entry in entries if entry.startswith(timestamp.entry)]
    if len(found) > 1:  # two headers that a server has joined
        raise Refused("ambiguous")
    if not found:
        raise Refused("malformed")
    return found[0].removeprefix(timestamp.entry)


def time_in_body(timestamp: Timestamp, body: Body) -> float:
    """Return a time that is a member of the JSON body; raises Refused."""
    value = body.member(timestamp.body)
    # A number in the form of a text would be a second spelling.
    is_number = timestamp.form in {"seconds", "milliseconds"}
    if value is None or isinstance(value, str) == is_number:
        raise Refused("malformed")
    return parse_time(str(value), timestamp.form)

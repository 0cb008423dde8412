"""The mistakes that are looked for: what happened, and what to change.

No text contains a key, a token, or the id of a principal, so that all may be logged.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from countermark.mistakes._signing_texts import CODE, SECRET, VALUE
from countermark.mistakes._token_texts import JWT, TOKEN, WEBHOOK

_PAGE: Final = "docs/explain.md"


class Mistake(NamedTuple):
    """One mistake. It contains no key, token or id.

    Attributes:
        code: A stable name, for programs.
        happened: What happened, in one sentence.
        change: What to change, in one sentence.
        page: The page of the documentation.
    """

    code: str
    happened: str
    change: str
    page: str


_SECTIONS: Final = {
    "the-secret": SECRET,
    "the-signed-value": VALUE,
    "the-code": CODE,
    "the-token": TOKEN,
    "json-web-tokens": JWT,
    "webhooks": WEBHOOK,
}

#: All codes, with the texts and the page of each.
MISTAKES: Final = {
    code: Mistake(code, happened, change, f"{_PAGE}#{section}")
    for section, entries in _SECTIONS.items()
    for code, (happened, change) in entries.items()
}


def mistake(code: str, **details: str) -> Mistake:
    """Return the mistake *code* with *details* in its texts."""
    blank = MISTAKES[code]
    return blank._replace(
        happened=blank.happened.format_map(details), change=blank.change.format_map(details)
    )

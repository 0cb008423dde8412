"""Explains the outcome of a check: the mistake that leads to it."""

from __future__ import annotations

from collections.abc import Mapping

from countermark.mistakes._catalogue import mistake
from countermark.mistakes._durations import duration
from countermark.mistakes._explanation import UNEXPLAINED, Explanation, good
from countermark.mistakes._jwt_claims import Clock
from countermark.mistakes._tokens import explain_token
from countermark.principal import Signable
from countermark.tokens._reader import TokenContents
from countermark.verifying._known_keys import KnownKeys
from countermark.verifying._results import TokenCheck


def explain_check(
    keys: KnownKeys,
    check: TokenCheck,
    token: object,
    principal: Signable | None,
    *,
    settings: Mapping[str, str] | None,
    times: tuple[float, float, float | None],
) -> Explanation:
    """Return the explanation of the outcome of a check.

    Args:
        keys: The scheme and its keys.
        check: The outcome.
        token: The token, as it was received.
        principal: The principal that came with it, or None.
        settings: The account's constants.
        times: The time, the leeway and the maximum age.
    """
    clock = Clock(*times)
    text = token.decode(errors="replace") if isinstance(token, bytes) else token
    if check.code == "verified":
        return good(check.role)
    if check.code == "missing" or not isinstance(text, str):
        return UNEXPLAINED
    if check.code in {"retired_key", "principal_missing"}:
        return Explanation("explained", (mistake(check.code),))
    if check.code in {"expired", "not_yet_valid"} and keys.scheme.jwt is None:
        return _of_age(keys.reader.read(text, principal), clock)
    found = explain_token(
        keys.scheme,
        keys.keyring,
        text,
        principal,
        others=keys.others,
        settings=settings,
        clock=clock,
    )
    if found.outcome == "unexplained" and check.role is not None:
        # A key has made the token, so its values are the reason.
        return Explanation("explained", (mistake("value_refused", name="id"),), signed=found.signed)
    return found


def _of_age(contents: TokenContents, clock: Clock) -> Explanation:
    """Explain a token with a code and a time that is too old or too new."""
    ends = [] if contents.expires_at is None else [contents.expires_at]
    if clock.max_age is not None and contents.issued_at is not None:
        ends.append(contents.issued_at + clock.max_age)
    if contents.begins_at is not None and contents.begins_at > clock.now + clock.leeway:
        step = mistake("not_yet_valid", ago=duration(contents.begins_at - clock.now))
    else:
        step = mistake("expired", ago=duration(clock.now - min(ends)))
    return Explanation("explained", (step,))

"""Compares the header and the claims of a JSON Web Token with those of the scheme."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from countermark.mistakes._catalogue import Mistake, mistake
from countermark.mistakes._durations import duration
from countermark.mistakes._messages import relation
from countermark.schemes._parts import Jwt
from countermark.schemes._templates import MISSING, Template

_CONSTANTS: Final = {"aud": "jwt_audience", "iss": "jwt_issuer", "kid": "jwt_key_id"}
_TIMES: Final = ("exp", "iat", "nbf")
# Seconds until the year 5138. Greater numbers are milliseconds.
_END_OF_SECONDS: Final = 1e11


class Clock(NamedTuple):
    """The time of a check, and its tolerances, in seconds."""

    now: float
    leeway: float = 0
    max_age: float | None = None


def mistakes_in_claims(
    jwt: Jwt,
    header: Mapping[str, Any],
    claims: Mapping[str, Any],
    own: Mapping[str, str],
    clock: Clock,
) -> Iterator[Mistake]:
    """Yield all mistakes of a header and claims.

    Args:
        jwt: The scheme's, with the account's constants in its templates.
        header: The header of the token.
        claims: The claims of the token.
        own: The texts of the principal that came with the token, by name.
        clock: The time.
    """
    for path, template, value in _entries(jwt.header, header):
        yield from _of_entry(path, template, value, own, "The header entry")
    for path, template, value in _entries(jwt.claims, claims):
        if path not in _TIMES or value is MISSING:
            yield from _of_entry(path, template, value, own, "The claim")
    if jwt.one_of and not _has_one(jwt, claims):
        yield mistake("jwt_missing", name=f"The {' or the '.join(jwt.one_of)}")
    yield from _of_times(claims, clock)


def _of_times(claims: Mapping[str, Any], clock: Clock) -> Iterator[Mistake]:
    times: dict[str, float] = {}
    for name in _TIMES:
        value = claims.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            yield mistake("jwt_time_type", name=name)
        elif value is not None and value > _END_OF_SECONDS:
            yield mistake("jwt_milliseconds", name=name)
        elif value is not None:
            times[name] = float(value)
    late = clock.now - clock.leeway
    if clock.max_age is not None and "iat" not in claims:
        yield mistake("jwt_missing", name="The claim iat")
    ends = [times["exp"]] if "exp" in times else []
    if clock.max_age is not None and "iat" in times:
        ends.append(times["iat"] + clock.max_age)
    begins = max((times[name] for name in ("iat", "nbf") if name in times), default=0)
    if ends and min(ends) <= late:
        yield mistake("expired", ago=duration(clock.now - min(ends)))
    if begins > clock.now + clock.leeway:
        yield mistake("not_yet_valid", ago=duration(begins - clock.now))


def _of_entry(
    path: str, template: Any, value: Any, own: Mapping[str, str], kind: str
) -> Iterator[Mistake]:
    where = f"{kind} {path}"
    places = [*template.placeholders] if isinstance(template, Template) else []
    if value is MISSING:
        if not any(place.optional for place in places):
            yield mistake("jwt_missing", name=where)
    elif not places:
        wanted = str(template) if isinstance(template, Template) else template
        if not _is_constant(path, value, wanted):
            yield mistake(_CONSTANTS.get(path, "jwt_constant"), name=where)
    elif places[0].names[0].startswith("settings."):  # an optional constant that is empty
        yield mistake(_CONSTANTS.get(path, "jwt_constant"), name=where)
    else:
        yield from _of_value(places[0].names[0], template, value, own, where)


def _of_value(
    name: str, template: Template, value: Any, own: Mapping[str, str], where: str
) -> Iterator[Mistake]:
    if name not in {"id", "email", "phone"}:
        return
    if isinstance(value, bool) or not isinstance(value, str | int):
        yield mistake("jwt_type", name=where)
        return
    text = str(value)
    if template.lone is None:
        before, after = _around(template)
        if not text.startswith(before) or not text.endswith(after):
            yield mistake("jwt_constant", name=where)
            return
        text = text[len(before) : len(text) - len(after)]
    if name in own and own[name] != text:
        yield relation(own[name], text, name)


def _around(template: Template) -> tuple[str, str]:
    """Return the fixed text before and after the value of a template."""
    first, last = template.parts[0], template.parts[-1]
    return first if isinstance(first, str) else "", last if isinstance(last, str) else ""


def _is_constant(path: str, value: Any, wanted: Any) -> bool:
    if path == "aud" and isinstance(value, list):
        return wanted in value  # RFC 7519, section 4.1.3
    return (value, type(value)) == (wanted, type(wanted))


def _has_one(jwt: Jwt, claims: Mapping[str, Any]) -> bool:
    return any(
        value is not MISSING
        for _, template, value in _entries(jwt.claims, claims)
        if isinstance(template, Template) and template.lone and template.lone.names[0] in jwt.one_of
    )


def _entries(template: Any, value: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield each template with its path and its value in the token, or MISSING."""
    if isinstance(template, dict):
        for key, inner in template.items():
            found = value.get(key, MISSING) if isinstance(value, Mapping) else MISSING
            yield from _entries(inner, found, f"{path}.{key}" if path else key)
    elif not isinstance(template, list):  # lists hold constants of the scheme's own
        yield path, template, value

"""The findings of a check: their codes, and a line for each."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Severity = Literal["error", "warning"]


class Kind(NamedTuple):
    """The severity and the page of all findings of one code.

    Attributes:
        severity: ``error`` if it stops signing or verifying, or is a risk; otherwise ``warning``.
        page: The page of the documentation.
    """

    severity: Severity
    page: str


#: The codes. They are stable: programs and ``--ignore`` name them.
KINDS: Final[dict[str, Kind]] = {
    "ambiguous_scheme": Kind("warning", "docs/own-scheme.md#unambiguous-messages"),
    "blocking_function": Kind("warning", "docs/check.md#functions-that-block"),
    "cors_header_hidden": Kind("warning", "docs/starlette.md#the-order-of-middlewares"),
    "cors_header_refused": Kind("error", "docs/verifying.md#the-order-of-middlewares"),
    "cors_origins": Kind("error", "docs/starlette.md#the-order-of-middlewares"),
    "deprecated_scheme": Kind("warning", "docs/vendors.md"),
    "example_differs": Kind("error", "docs/own-scheme.md"),
    "invalid_key": Kind("error", "docs/check.md#keys"),
    "key_environment": Kind("warning", "docs/check.md#keys"),
    "lifespan": Kind("warning", "docs/rollout.md#how-accurate-the-metrics-are"),
    "middleware_order": Kind("warning", "docs/check.md#the-order-of-middlewares"),
    "middleware_twice": Kind("warning", "docs/check.md#the-order-of-middlewares"),
    "misconfigured": Kind("error", "docs/check.md"),
    "mode_missing": Kind("warning", "docs/mode-switch.md#switching-on"),
    "name_misspelled": Kind("warning", "docs/check.md#names"),
    "redis_evicts": Kind("warning", "docs/enforcement.md#unsigned-sessions-origins"),
    "shared_secret": Kind("error", "docs/check.md#keys"),
    "variable_misspelled": Kind("error", "docs/check.md#names"),
    "weak_key": Kind("warning", "docs/check.md#keys"),
}


class Finding(NamedTuple):
    """A mistake in a configuration. It contains no secret.

    Attributes:
        code: A key of :data:`KINDS`, or the id of a check of Django.
        severity: ``error`` or ``warning``.
        where: The module, setting, variable or middleware.
        problem: What is wrong. It begins in lower case and has no full stop.
        advice: What to do, in the same form.
        page: The page of the documentation.
        file: The path of the file, if it is known.
        line: The line in that file, from 1.
    """

    code: str
    severity: Severity
    where: str
    problem: str
    advice: str
    page: str
    file: str | None = None
    line: int | None = None


def finding(
    code: str,
    where: str,
    problem: str,
    advice: str,
    *,
    page: str | None = None,
    file: str | None = None,
    line: int | None = None,
) -> Finding:
    """Return the finding of a code of :data:`KINDS`, by default with the page of its kind."""
    kind = KINDS[code]
    return Finding(code, kind.severity, where, problem, advice, page or kind.page, file, line)

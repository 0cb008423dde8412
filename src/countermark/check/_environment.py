"""The variables of the environment: the keys of the catalogue's schemes, and misspelled names.

Only names are in findings, never values.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from countermark.check._findings import Finding, finding
from countermark.check._uses import Use
from countermark.errors import ConfigurationError, InvalidKey
from countermark.keys._keyring import Keyring
from countermark.schemes._catalogue import scheme_slugs
from countermark.schemes._scheme import Scheme
from countermark.tokens._options import check_keys
from countermark.webhooks._scheme import WebhookScheme, webhook_scheme_slugs
from countermark.webhooks._signed_url import signs_url
from countermark.webhooks._signer import WebhookSigner
from countermark.webhooks._verifier import WebhookVerifier

#: The variable with the URL of Redis for ``countermark rollout``.
REDIS_URL: Final = "COUNTERMARK_REDIS_URL"

_ROLES = ("", "_PREVIOUS", "_NEXT")
# The ends of names for the keys of several environments, and the environment of each.
_ENVIRONMENTS: Final = {
    "LIVE": "live",
    "PROD": "live",
    "PRODUCTION": "live",
    "SANDBOX": "sandbox",
    "STAGING": "staging",
    "TEST": "test",
    "DEV": "dev",
}
# The names of no vendor: other programs have similar variables, such as WEBHOOK_SECRET.
_GENERIC: Final = frozenset({"WEBHOOKS_SECRET", "WEBHOOKS_PUBLIC_KEY"})
# The least similarity of a misspelled name: one or two wrong characters of twenty.
_ALIKE = 0.9
# The same for the name of a variable that is known to be missing.
_ALIKE_MISSING = 0.75


class Read(NamedTuple):
    """The keys in the environment, and what is wrong with others."""

    uses: list[Use]
    findings: list[Finding]


def read_environment() -> Read:
    """Read the variables of all schemes of the catalogue that are set."""
    read = Read([], [])
    for variable, schemes in _variables().items():
        for end, environment in {"": None, **_ENVIRONMENTS}.items():
            name = f"{variable}_{end}" if end else variable
            if any(_is_set(name + role) for role in _ROLES):
                _read_variable(name, schemes, environment, read)
    return read


def misspelled_variables(variables: Iterable[str] | None = None) -> Iterator[Finding]:
    """Yield a finding for each variable that resembles one that is missing.

    Args:
        variables: The variables of secrets that are in use. None: those of the catalogue.
    """
    wanted = set(_variables()) - _GENERIC if variables is None else set(variables)
    missing = [name for name in _readable_names(wanted) if not _is_set(name)]
    for name in sorted(set(os.environ) - _known_names()):
        meant = _nearest(name, missing)
        if meant is not None:
            yield misspelled(name, meant)


def misspelled(name: str, meant: str) -> Finding:
    """Return the finding that *name* is set, and *meant*, which resembles it, is not."""
    return finding(
        "variable_misspelled",
        name,
        f"this variable is set, and {meant} is not",
        f"rename it to {meant}",
    )


def nearest_set_variable(missing: str) -> str | None:
    """Return the variable that is set and resembles *missing*, or None."""
    from difflib import get_close_matches

    known = _known_names()
    # A variable that resembles another name more is meant for that one.
    others = [
        name
        for name in sorted(set(os.environ) - known)
        if _nearest(name, sorted(known)) in {None, missing}
    ]
    found = get_close_matches(missing, others, n=1, cutoff=_ALIKE_MISSING)
    return found[0] if found else None


def _nearest(name: str, known: Sequence[str]) -> str | None:
    from difflib import get_close_matches

    # Names of other lengths are less alike, and comparing each of them would be slow.
    possible = [one for one in known if abs(len(one) - len(name)) <= len(name) * (1 - _ALIKE) * 2]
    found = get_close_matches(name, possible, n=1, cutoff=_ALIKE)
    return found[0] if found else None


def _read_variable(
    name: str, schemes: Sequence[Scheme | WebhookScheme], environment: str | None, read: Read
) -> None:
    problems = []
    for scheme in schemes:
        try:
            read.uses.append(_use_of(name, scheme, environment))
        except ConfigurationError as error:
            problems.append(error)
    if len(problems) == len(schemes):  # otherwise it is the key of another scheme
        # Otherwise a package is missing, which the message names.
        code = "invalid_key" if isinstance(problems[0], InvalidKey) else "misconfigured"
        advice = "correct that, or unset the variable"
        read.findings.append(finding(code, name, str(problems[0]), advice))


def _use_of(name: str, scheme: Scheme | WebhookScheme, environment: str | None) -> Use:
    ring = Keyring.from_env(name)
    keys = tuple(key for _, key in ring.by_role())
    if isinstance(scheme, Scheme):
        check_keys(scheme, ring, None, signs=False)
        return Use(name, None, scheme, keys, environment)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # short keys have a finding of their own
        rule = scheme.secret
        if rule.private_variable and name.startswith(rule.private_variable):
            WebhookSigner(scheme, ring)
            return Use(name, "webhooks", scheme, keys, environment)
        # Only the keys are checked, so any URL will do.
        base_url = "https://hooks.example.com" if signs_url(scheme) else None
        WebhookVerifier(
            scheme, {"a key": ring} if rule.key_id_variable else ring, base_url=base_url
        )
    return Use(name, "webhooks", scheme, keys, environment)


@cache
def _variables() -> dict[str, list[Scheme | WebhookScheme]]:
    """Return the variables of secrets, each with its schemes."""
    found: dict[str, list[Scheme | WebhookScheme]] = {}
    for slug in scheme_slugs():
        scheme = Scheme.load(slug)
        found.setdefault(scheme.variable, []).append(scheme)
    for slug in webhook_scheme_slugs():
        webhook = WebhookScheme.load(slug)
        for variable in (webhook.secret.variable, webhook.secret.private_variable):
            found.setdefault(variable, []).append(webhook)
    found.pop("", None)
    return found


@cache
def _known_names() -> frozenset[str]:
    """Return the names of all variables that this library reads."""
    names = {REDIS_URL}
    for variable in _variables():
        names.update(_other_variables(variable))
        ends = ("", *(f"_{end}" for end in _ENVIRONMENTS))
        names.update(
            f"{variable}{end}{role}{file}"
            for end in ends
            for role in _ROLES
            for file in ("", "_FILE")
        )
    return frozenset(names)


def _readable_names(variables: Iterable[str]) -> Iterator[str]:
    """Yield the names that are read for *variables*: a role needs the current key."""
    yield REDIS_URL
    for variable in variables:
        yield from _other_variables(variable)
        for role in _ROLES if _is_set(variable) else ("",):
            yield from (variable + role, f"{variable}{role}_FILE")


def _other_variables(variable: str) -> Iterator[str]:
    """Yield the variables of constants and ids of keys that belong to the secret in *variable*."""
    for scheme in _variables().get(variable, ()):
        if isinstance(scheme, Scheme):
            yield from (setting.variable for setting in scheme.settings.values())
        else:
            names = (scheme.secret.key_id_variable, scheme.token_variable)
            yield from (name + role for name in names if name for role in _ROLES)


def _is_set(name: str) -> bool:
    base = name.removesuffix("_FILE")
    return base in os.environ or f"{base}_FILE" in os.environ

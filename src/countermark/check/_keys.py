"""Checks of keys: their length, their environment, and secrets that are used twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from countermark.check._findings import Finding, finding
from countermark.check._uses import Use
from countermark.keys._keyring import Key
from countermark.keys._secret import SecretKey
from countermark.schemes._scheme import Scheme
from countermark.tokens._options import least_bytes
from countermark.webhooks._scheme import WebhookScheme


def check_keys(uses: Iterable[Use]) -> Iterator[Finding]:
    """Yield the findings about the keys of *uses*. Public keys may be anywhere."""
    listed = [use for use in uses if not use.has_public_key]
    for use in listed:
        yield from _short(use)
        yield from _of_other_environment(use)
    yield from _shared(listed)


def _short(use: Use) -> Iterator[Finding]:
    least = min((least for key in use.keys if (least := _too_few(use.scheme, key))), default=None)
    if least is not None:
        yield finding(
            "weak_key",
            use.where,
            f"a secret of {use.label} has fewer than {least} bytes",
            "have the vendor make a longer one",
        )


def _too_few(scheme: Scheme | WebhookScheme, key: Key) -> int | None:
    """Return the number of bytes that *key* should have, if it has fewer."""
    if not isinstance(key, SecretKey):
        return None
    if isinstance(scheme, WebhookScheme):
        rule = scheme.secret
        is_short = key.written(rule.form, rule.prefix).looks_short(least=rule.least)
        return rule.least if is_short else None
    return least_bytes(scheme, key)


def _of_other_environment(use: Use) -> Iterator[Finding]:
    if isinstance(use.scheme, WebhookScheme):
        return
    known, given = use.scheme.environments, use.environment
    for name, prefixes in known.items():
        if not any(isinstance(key, SecretKey) and key.starts_with(prefixes) for key in use.keys):
            continue
        belongs = f"the key of {use.label} belongs to the environment {name!r}"
        if given is None and name != "live" and use.direction is not None:
            problem = f"{belongs}, and nothing states the environment of this service"
            advice = f"give environment={name!r}; a service of another environment then refuses it"
            yield finding("key_environment", use.where, problem, advice)
        elif given not in (None, name) and (given in known or name == "live"):
            advice = "copy the key of the right environment"
            yield finding("key_environment", use.where, f"{belongs}, not to {given!r}", advice)


def _shared(uses: list[Use]) -> Iterator[Finding]:
    by_secret: dict[str, list[Use]] = {}
    for use in uses:
        for digest in {_digest(key) for key in use.keys}:
            by_secret.setdefault(digest, []).append(use)
    for group in by_secret.values():
        found = [pair for pair in combinations(group, 2) if _must_differ(*pair)]
        if found:
            first, second = found[0]
            yield finding(
                "shared_secret",
                second.where,
                f"{_named(first)} and {_named(second)} have the same secret",
                "use a secret of its own for each: a token of one could be valid as the other's",
            )


def _digest(key: Key) -> str:
    """Return a hash that equal keys share. It stays in memory."""
    return key.pseudonym("countermark check")


def _must_differ(one: Use, other: Use) -> bool:
    """Tell whether two uses of one secret are a mistake."""
    same_scheme = (type(one.scheme), one.scheme.slug) == (type(other.scheme), other.scheme.slug)
    named = None not in (one.environment, other.environment)
    # A verifier names other environments only to refuse their tokens.
    separated = same_scheme and one.where == other.where
    if one.environment != other.environment and (named or separated):
        return True
    if one.variable and one.variable == other.variable:
        return False  # the vendor has one secret for both, as Cognito for tokens and webhooks
    return not same_scheme


def _named(use: Use) -> str:
    return use.label + (f" in {use.environment}" if use.environment else "")

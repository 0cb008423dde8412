"""Checks of schemes: their published examples, and those to replace."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator

from countermark.check._findings import Finding, finding
from countermark.check._uses import Use
from countermark.errors import BadWebhook, ConfigurationError, InvalidPrincipal
from countermark.keys._keyring import Keyring
from countermark.keys._secret import SecretKey
from countermark.schemes._catalogue import scheme_slugs
from countermark.schemes._scheme import Scheme
from countermark.signing._vectors import check
from countermark.webhooks._parts import WebhookVector
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._verifier import WebhookVerifier

# hashlib raises a ValueError if the process has no such algorithm.
_WRONG = (InvalidPrincipal, BadWebhook, ValueError)


def check_schemes(uses: Iterable[Use]) -> Iterator[Finding]:
    """Yield the findings about the schemes of *uses*, once for each scheme."""
    listed = list(uses)
    for use in one_of_each(listed):
        yield from _check_examples(use.scheme, use.where)
        # One variable may be for several schemes, and does not show which is in use.
        if use.direction is not None or sum(use.where == other.where for other in listed) == 1:
            yield from _check_choice(use.scheme, use.where)


def _check_examples(scheme: Scheme | WebhookScheme, where: str) -> Iterator[Finding]:
    try:
        results = _examples(scheme)
    except ConfigurationError as error:  # a package or a setting is missing
        yield finding("misconfigured", where, str(error), "correct that: no token can be computed")
        return
    if not all(results):
        yield finding(
            "example_differs",
            where,
            f"{results.count(False)} of {len(results)} published examples of {scheme.slug} differ"
            " from what this process computes",
            "correct the scheme; if it is one of the catalogue, the Python or OpenSSL of this"
            " process lacks or changes an algorithm",
        )


def _check_choice(scheme: Scheme | WebhookScheme, where: str) -> Iterator[Finding]:
    if isinstance(scheme, WebhookScheme):
        return
    if scheme.status == "deprecated":
        yield finding(
            "deprecated_scheme",
            where,
            f"the vendor has deprecated {scheme.slug}",
            f"change to {scheme.replacement or 'the scheme that the vendor names'}",
            page=f"docs/vendors.md#{scheme.slug}",
        )
    if scheme.ambiguous:
        yield finding(
            "ambiguous_scheme",
            where,
            f"{scheme.slug} can give two principals the same signature: {scheme.ambiguous}",
            "use another scheme of the vendor if there is one, or ids that cannot collide",
        )


def _examples(scheme: Scheme | WebhookScheme) -> list[bool]:
    """Compute each published example of *scheme*, and return which outcomes are right.

    Raises:
        ConfigurationError: The scheme or the process lacks something.
    """
    if isinstance(scheme, WebhookScheme):
        return [_is_accepted(scheme, vector) for vector in scheme.vectors]
    if scheme.never_signed and scheme.slug in scheme_slugs():
        scheme = Scheme.load(scheme.slug)  # the account refuses what some examples sign
    try:
        return [right for _, right in check(scheme)]
    except _WRONG:
        return [False] * len(scheme.vectors)


def _is_accepted(scheme: WebhookScheme, vector: WebhookVector) -> bool:
    text = vector.secret
    ring = Keyring(text if scheme.has_public_key else SecretKey.of_example(text))
    keys = {vector.key_id: ring} if vector.key_id else ring
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # examples have short keys
            verifier = WebhookVerifier(
                scheme, keys, base_url=vector.base_url, clock=lambda: vector.now
            )
        verifier.verify(
            headers=vector.headers, body=vector.body, method=vector.method, path=vector.path
        )
    except _WRONG:
        return False
    return True


def one_of_each(uses: Iterable[Use]) -> list[Use]:
    """Return the first use of each scheme."""
    found: dict[tuple[type, str], Use] = {}
    for use in uses:
        found.setdefault((type(use.scheme), use.scheme.slug), use)
    return list(found.values())

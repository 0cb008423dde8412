"""The rules of a scan: the configured secrets, and the shapes of vendors' secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from countermark.keys._keyring import Keyring
from countermark.leaks._forms import significant_part
from countermark.leaks._matcher import Matcher
from countermark.leaks._secrets import needles_in

# A random secret has more characters than this. A placeholder such as "sk_live_xxxx…" has not.
_FEW_CHARACTERS = 8

# With line breaks as they are, or escaped as in JSON.
_PRIVATE_KEY = r"-----BEGIN (?:(?:RSA|EC) )?PRIVATE KEY-----(?:\s|\\[nr]){1,8}[A-Za-z0-9+/=]{40,64}"

_WORD = re.compile(rb"[A-Za-z0-9_]")


class Match(NamedTuple):
    """A match in a piece of text.

    Attributes:
        rule: The id of the rule.
        form: The form of the secret, as in :class:`countermark.events.Leak`, or ``shape``.
        start: The offset of its first byte.
        end: The offset behind its last byte.
    """

    rule: str
    form: str
    start: int
    end: int


class Rules:
    """The configured secrets and the shapes, prepared for searching.

    Args:
        secrets: The keyrings, by name; there may be none.
    """

    def __init__(self, secrets: Mapping[str, Keyring]) -> None:
        needles = needles_in(secrets)
        self._matcher = Matcher(needles) if needles else None
        #: False if there are only public keys, or none at all.
        self.has_secrets = bool(needles)
        shapes = [(f"shape/{name}", re.compile(shape.encode())) for name, shape in _shapes()]
        self._shapes = shapes
        #: A sentence for each rule, by its id.
        self.texts = {f"secret/{name}": f"the secret in {name}" for name in secrets}
        self.texts |= {
            rule: f"a text in the form of {rule.removeprefix('shape/')}" for rule, _ in shapes
        }

    def search(self, window: bytes) -> Iterator[Match]:
        """Yield the matches in *window*."""
        secrets = []
        if self._matcher is not None:
            for needle, start in self._matcher.find(window):
                end = start + len(needle.text)
                secrets.append(Match(f"secret/{needle.secret}", needle.form, start, end))
        yield from secrets
        for rule, pattern in self._shapes:
            for found in pattern.finditer(window):
                start, end = found.span()
                # The word "sk_" of "risk_" begins no secret.
                apart = not _WORD.match(window[max(0, start - 1) : start])
                is_secret = any(start < each.end and each.start < end for each in secrets)
                if apart and not is_secret and _is_random(found[0]):
                    yield Match(rule, "shape", start, end)


def _shapes() -> Iterator[tuple[str, str]]:
    """Yield the shapes that the catalogues declare, with the variables that hold such secrets.

    Each shape comes once, with the variable of the first scheme, so that one text is one finding.
    """
    from countermark.schemes._catalogue import scheme_slugs
    from countermark.schemes._scheme import Scheme
    from countermark.webhooks._scheme import WebhookScheme, webhook_scheme_slugs

    found = {_PRIVATE_KEY: "PRIVATE_KEY"}
    for slug in scheme_slugs():
        scheme = Scheme.load(slug)
        for shape in scheme.shapes:
            found.setdefault(shape, scheme.variable)
    for slug in webhook_scheme_slugs():
        webhooks = WebhookScheme.load(slug)
        secret = webhooks.secret
        prefix, least = secret.prefix, secret.least
        if webhooks.has_public_key:
            prefix, least = secret.private_prefix, 32
        if prefix:
            rest = f"[A-Za-z0-9+/]{{{-(-least * 4 // 3)},}}={{0,2}}"
            found.setdefault(re.escape(prefix) + rest, webhooks.signing_variable)
    yield from sorted((variable, shape) for shape, variable in found.items())


def _is_random(text: bytes) -> bool:
    return len(set(significant_part(text))) > _FEW_CHARACTERS

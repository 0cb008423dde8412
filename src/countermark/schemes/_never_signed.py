"""Lifts the rules that separate two kinds of values, if an account never signs one of them.

Some vendors sign an id or another value with the same key, and the signature does not show
which: a LaunchDarkly user ``org:acme`` and an organisation ``acme`` get the same one. The
scheme therefore refuses ids that could be the other value. An account that never signs the
other value does not need that rule, and lifts it with ``never_signed=``.
"""

from __future__ import annotations

from collections.abc import Iterable

from countermark._redaction import shown
from countermark.errors import ConfigurationError
from countermark.schemes._ambiguity import ambiguity, signed_templates
from countermark.schemes._scheme import Scheme, with_templates
from countermark.schemes._templates import Placeholder, Template, names_in, placeholders_in


def without_values(scheme: Scheme, names: Iterable[str]) -> Scheme:
    """Return *scheme* for an account that never signs the values *names*.

    Raises:
        ConfigurationError: No rule of the scheme depends on one of them.
    """
    if not isinstance(names, Iterable):
        raise ConfigurationError("never_signed= must be a list of names, such as ['context']")
    given: list[object] = [names] if isinstance(names, str) else list(names)
    if not given:
        return scheme
    known = liftable(scheme)
    for name in given:
        if not isinstance(name, str) or name not in known:
            choice = ", ".join(sorted(known)) or "none"
            raise ConfigurationError(
                f"{scheme.slug}: no rule of the scheme depends on {shown(name, known)} in"
                f" never_signed=; leave it out (the names are: {choice})"
            )
    return _reduced(scheme, frozenset(map(str, given)))


def liftable(scheme: Scheme) -> set[str]:
    """Return the names that ``never_signed=`` accepts for *scheme*."""
    names = {name for rule in scheme.values.values() for name in rule.apart_from}
    for group in signed_templates(scheme):
        for placeholder in placeholders_in(group):
            if len(placeholder.names) > 1:
                names.update(placeholder.names)
    return names


def _reduced(scheme: Scheme, never: frozenset[str]) -> Scheme:
    def reduce(part: str | Placeholder) -> str | Placeholder:
        if isinstance(part, str) or len(part.names) == 1:
            return part
        left = tuple(name for name in part.names if name not in never)
        if not left:
            raise ConfigurationError(
                f"{scheme.slug}: never_signed= leaves nothing to sign; remove a name"
            )
        return part._replace(names=left)

    values = {
        name: rule._replace(refuse_prefixes=(), refuse_containing=(), apart_from=())
        if rule.apart_from and never.issuperset(rule.apart_from)
        else rule
        for name, rule in scheme.values.items()
    }
    reduced = with_templates(
        scheme, lambda template: Template(tuple(map(reduce, template.parts)))
    )._replace(
        values=values,
        vectors=tuple(v for v in scheme.vectors if not never & v.attributes.keys()),
        never_signed=never,
    )
    # A message with a value that is never signed is never made, so it cannot be confused.
    mac = reduced.mac and reduced.mac._replace(
        siblings={
            name: message
            for name, message in reduced.mac.siblings.items()
            if never.isdisjoint(names_in(message))
        }
    )
    return reduced._replace(ambiguous=ambiguity(reduced._replace(mac=mac)))

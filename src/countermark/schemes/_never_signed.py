"""Lifts the rules that keep two kinds of values apart, where one of them is never signed.

Some vendors sign an id or something else by the same key, and the signature does not say
which: a LaunchDarkly user ``org:acme`` and an organisation ``acme`` get one. So the scheme
refuses ids that could be the other. An account that never signs the other one does not
need that, and says so with ``never_signed=``.
"""

from __future__ import annotations

from collections.abc import Iterable

from countermark._redaction import shown
from countermark.errors import ConfigurationError
from countermark.schemes._ambiguity import ambiguity, signed_templates
from countermark.schemes._scheme import Scheme, replaced, with_templates
from countermark.schemes._templates import Placeholder, Template, templates_in


def without_values(scheme: Scheme, names: Iterable[str]) -> Scheme:
    """Return *scheme* for an account that never signs the values *names*.

    Raises:
        ConfigurationError: The scheme has no rule that depends on one of them.
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
                f"{scheme.slug}: never_signed= holds {shown(name, known)}, on which no rule of the"
                f" scheme depends; leave it out (the names are: {choice})"
            )
    return _reduced(scheme, frozenset(map(str, given)))


def liftable(scheme: Scheme) -> set[str]:
    """Return the names that ``never_signed=`` takes for *scheme*."""
    names = {name for rule in scheme.values.values() for name in rule.apart_from}
    for template in _signed(scheme):
        for placeholder in template.placeholders:
            if len(placeholder.names) > 1:
                names.update(placeholder.names)
    return names


def _signed(scheme: Scheme) -> Iterable[Template]:
    groups = signed_templates(scheme.payload, scheme.mac, scheme.jwt)
    return (template for group in groups for template in group)


def _reduced(scheme: Scheme, never: frozenset[str]) -> Scheme:
    def reduce(template: Template) -> Template:
        return Template(tuple(map(reduce_part, template.parts)))

    def reduce_part(part: str | Placeholder) -> str | Placeholder:
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
    reduced = with_templates(scheme, reduce)
    # A hash over a value that is never signed is never made, so it cannot be confused.
    mac = reduced.mac
    compared = mac and mac._replace(
        siblings={name: text for name, text in mac.siblings.items() if not _names(text) & never}
    )
    groups = signed_templates(reduced.payload, compared, reduced.jwt)
    return replaced(
        reduced,
        ambiguous=ambiguity(groups, reduced.payload, compared, values),
        values=values,
        vectors=tuple(v for v in scheme.vectors if not never & v.attributes.keys()),
        never_signed=never,
    )


def _names(text: Template) -> set[str]:
    return {name for part in templates_in(text) for p in part.placeholders for name in p.names}

"""The template tag ``{% countermark %}``."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from countermark.django import identity_from
from countermark.signing._markup import identity_script

register = template.Library()


@register.simple_tag(takes_context=True, name="countermark")  # type: ignore[untyped-decorator]
def _script(
    context: Any, scheme: str | None = None, *, id: str = "countermark", nonce: object = None
) -> SafeString:
    """Write the tokens into the page, as JSON in a script element.

    With a scheme it is that scheme's fields, otherwise those of all. A template that is
    rendered without a request, such as an error page, gets nothing.
    """
    request = getattr(context, "request", None) or context.get("request")
    if getattr(request, "countermark", None) is None:  # or the request did not reach the middleware
        return mark_safe("")
    # Without a nonce the page has the empty text; the nonce of Django is lazy.
    text = "" if nonce is None else str(nonce)
    script = identity_script(identity_from(request), scheme, id=id, nonce=text or None)
    return mark_safe(script)  # noqa: S308  # nothing in it can end the element


_compile = register.tags["countermark"]


@register.tag  # type: ignore[untyped-decorator]
def countermark(parser: Any, token: Any) -> Any:
    """Compile the tag, except in a cached fragment, which other users would get."""
    if any(command == "cache" for command, _ in parser.command_stack):
        raise template.TemplateSyntaxError(
            "{% countermark %} inside {% cache %} would show one user's token to others"
        )
    return _compile(parser, token)

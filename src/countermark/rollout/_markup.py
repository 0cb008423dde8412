"""Builds HTML and SVG. Texts are escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from countermark.rollout._report import shown

_VOID = frozenset({"link", "meta"})


class Html(str):
    """Finished markup. Any other text is escaped when it becomes part of markup."""

    __slots__ = ()


def tag(name: str, /, *content: str, **attributes: str | float | None) -> Html:
    """Return an element.

    Args:
        name: The name of the element.
        content: Markup, and texts, which are escaped.
        attributes: The attributes. An underscore becomes a hyphen, one at the end is left out,
            and an attribute with the value None is left out as well.
    """
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    end = "" if name in _VOID else f"</{name}>"
    return Html(f"<{name}{pairs}>{joined(content)}{end}")


def joined(parts: Iterable[str]) -> Html:
    """Return the parts one after the other; texts are escaped."""
    return Html("".join(part if isinstance(part, Html) else _escaped(part) for part in parts))


def _escaped(text: str) -> str:
    # Browsers obey further characters, such as those that change the direction of the text.
    return escape(shown(text))

"""For the option ``context_processors`` of a template engine."""

from __future__ import annotations

from typing import Any


def countermark(request: Any) -> dict[str, Any]:
    """Show the identity to templates, as in ``{{ countermark.stigg.token }}``.

    It is None on a page that a middleware outside of countermark's answers.
    """
    return {"countermark": getattr(request, "countermark", None)}

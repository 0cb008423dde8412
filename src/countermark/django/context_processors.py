"""A context processor for the option ``context_processors`` of a template engine."""

from __future__ import annotations

from typing import Any


def countermark(request: Any) -> dict[str, Any]:
    """Give templates the identity, as in ``{{ countermark.stigg.token }}``.

    It is None on the page of a middleware outside countermark's.
    """
    return {"countermark": getattr(request, "countermark", None)}

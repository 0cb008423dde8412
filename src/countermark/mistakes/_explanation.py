"""The result of a search for the mistake that explains a refused token."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from countermark.mistakes._catalogue import Mistake, mistake

#: ``good``: the token is valid. ``explained``: the mistakes explain why it is not.
#: ``unexplained``: it is invalid, and no known mistake explains that.
Outcome: TypeAlias = Literal["good", "explained", "unexplained"]

#: Mistakes that explain a refusal together.
Mistakes: TypeAlias = tuple[Mistake, ...]


class Explanation(NamedTuple):
    """Why a token or a delivery was refused. Its representation does not show what was signed.

    Attributes:
        outcome: ``good``, ``explained`` or ``unexplained``.
        mistakes: The mistakes. For a valid token a remark, such as ``previous_key``.
        alternatives: Other mistakes that explain the same equally well.
        remarks: Facts about an unexplained token that are true and do not prove the cause.
        signed: The text that was signed, which contains the id of the principal; do not log
            it. None if it is unknown.
    """

    outcome: Outcome
    mistakes: Mistakes = ()
    alternatives: tuple[Mistakes, ...] = ()
    remarks: Mistakes = ()
    signed: str | None = None

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the mistakes."""
        return tuple(mistake.code for mistake in self.mistakes)

    @property
    def hint(self) -> str | None:
        """One line for logs and responses, without ids, tokens and keys; None: no explanation."""
        if self.outcome != "explained":
            return None
        return " ".join(f"{one.happened} {one.change}" for one in self.mistakes)

    def __repr__(self) -> str:
        return f"<{' '.join(['Explanation', self.outcome, *self.codes])}>"


UNEXPLAINED = Explanation("unexplained")

_REMARKS = {"previous": "previous_key", "next": "next_key"}


def good(role: str | None) -> Explanation:
    """Return the explanation of a token that is valid with a key of that role."""
    remark = _REMARKS.get(role or "")
    return Explanation("good", () if remark is None else (mistake(remark),))

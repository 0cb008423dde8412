"""Verification requests of webhooks, as plain data: where they are, and how they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from countermark._responses import Header
    from countermark.schemes._templates import Template

#: The proof of a verification request: none, the verify token, or the signature of a delivery.
Proof: TypeAlias = Literal["unsigned", "token", "signature"]

#: The place of a challenge.
Place: TypeAlias = Literal["query", "header", "body", "head"]

#: The characters of a challenge: those of base64 and its variant for URLs, of hexadecimal and of
#: UUIDs. None of them is special in HTML, and no object or array of JSON can do without others.
CHALLENGE: Final = r"[A-Za-z0-9._~+/=-]"

#: The length of the longest challenge.
LONGEST: Final = 512


class VerifyToken(NamedTuple):
    """The token that users choose, and that the vendor repeats in a verification request.

    Attributes:
        query: The parameter of the query.
        variable: The environment variable that conventionally holds it.
    """

    query: str
    variable: str


class Challenge(NamedTuple):
    """The verification request of a vendor, and the answer to it.

    Attributes:
        place: The place of the challenge. ``query`` and ``header``: a GET request, which is not
            signed. ``body``: the JSON body of a delivery, which is signed. ``head``: a HEAD
            request, which has no challenge and is not signed.
        name: The parameter, the header in lower case, or the member of the body, where a dot
            leads into an inner object.
        when: The parameters or members that must have a value, and the values.
        token: The verify token that must match, or None.
        text: The answer as text, or None.
        members: The answer as a JSON object, if it is not a text.
    """

    place: Place
    name: str
    when: tuple[tuple[str, str], ...]
    token: VerifyToken | None
    text: Template | None
    members: tuple[tuple[str, Template], ...]

    @property
    def templates(self) -> tuple[Template, ...]:
        """The templates of the answer."""
        return (self.text,) if self.text is not None else tuple(one for _, one in self.members)

    @property
    def signs(self) -> bool:
        """True if the answer has a MAC of the challenge."""
        return any("mac" in part.names for one in self.templates for part in one.placeholders)


class ChallengeAnswer(NamedTuple):
    """The answer to a verification request, to be sent with the status 200.

    Its representation omits the body, which may have a MAC.

    Attributes:
        headers: The headers, as pairs.
        body: The body.
        proof: What proved the request: ``signature``, ``token``, or ``unsigned`` for nothing.
    """

    headers: list[Header]
    body: bytes
    proof: Proof

    def __repr__(self) -> str:
        return f"<ChallengeAnswer proof={self.proof}>"

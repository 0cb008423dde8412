"""Finds tokens in responses."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping

from countermark.principal import Signable
from countermark.signing._signer import Signer
from countermark.testing._recogniser import Found, Recogniser, readable
from countermark.testing._response_view import ResponseView


class TokenSearch:
    """Searches responses for the tokens of several signers.

    Args:
        signers: The signers.
        principals: The principals, by the names that results have.

    Raises:
        ConfigurationError: The tokens of a signer cannot be recognised.
    """

    def __init__(self, signers: Iterable[Signer], principals: Mapping[Hashable, Signable]) -> None:
        self._recognisers = [Recogniser(signer, principals) for signer in signers]

    def find(self, view: ResponseView) -> list[Found]:
        """Return the tokens in the headers and the body of a response."""
        found = [one for name, value in view.headers for one in self._in_header(name, value)]
        return found + self.find_in_text(view.body, "the body")

    def find_in_text(self, text: str, place: str) -> list[Found]:
        """Return the tokens in a text, whatever it is encoded for."""
        plain = readable(text)
        return [one for each in self._recognisers for one in each.in_text(text, plain, place)]

    def _in_header(self, name: str, value: str) -> Iterator[Found]:
        place, plain = f"the header {name}", readable(value)
        for recogniser in self._recognisers:
            if name == recogniser.header:
                yield from recogniser.in_own_header(value, place)
            else:
                yield from recogniser.in_text(value, plain, place)

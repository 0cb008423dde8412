"""The search: every combination of at most two mistakes, the simplest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hmac import compare_digest
from itertools import product
from typing import Final, NamedTuple, TypeVar

from countermark.keys._secret import SecretKey
from countermark.mistakes._explanation import Explanation, Mistakes

#: The most mistakes that are assumed at once. Three are rare, and would take seconds to search.
MOST: Final = 2

#: The work of one search, in bytes that are hashed: less than half a second.
BUDGET: Final = 100_000_000

# The bytes of a code that must match: the chance that others match is one in 2 ** 64.
_LEAST_CODE: Final = 8


class Message(NamedTuple):
    """A text that may have been signed, and the mistakes that lead to it."""

    data: bytes
    mistakes: Mistakes = ()

    def __repr__(self) -> str:
        return "<Message>"


class CandidateKey(NamedTuple):
    """A key that may have signed, and the mistakes that lead to it."""

    key: SecretKey
    mistakes: Mistakes = ()


class Code(NamedTuple):
    """The bytes of a received code, and the mistakes in its encoding."""

    data: bytes
    mistakes: Mistakes = ()
    whole: bool = True

    def __repr__(self) -> str:
        return "<Code>"


class Way(NamedTuple):
    """A way to compute a code, and the mistakes in it."""

    compute: Callable[[SecretKey, bytes], bytes]
    size: int
    mistakes: Mistakes = ()


T = TypeVar("T", CandidateKey, Message, Way)


class Found(NamedTuple):
    """Mistakes that explain a code, and the message that was signed."""

    mistakes: Mistakes
    message: bytes


def search(
    codes: Sequence[Code],
    keys: Sequence[CandidateKey],
    messages: Sequence[Message],
    ways: Sequence[Way],
) -> list[Found]:
    """Return the simplest combinations that give one of the codes: all with equally few mistakes.

    The order of the candidates is the order of the results.
    """
    codes = [code for code in codes if len(code.data) >= _LEAST_CODE]
    found: list[Found] = []
    least, work = MOST, 0
    for key, message, way in _combinations(keys, messages, ways):
        steps = (*key.mistakes, *message.mistakes, *way.mistakes)
        if work > BUDGET or len(steps) > least:
            break
        made = None
        for code in codes:
            total = len(steps) + len(code.mistakes)
            if total > least or not _has_size(code, way):
                continue
            if made is None:
                made = way.compute(key.key, message.data)
                work += len(message.data) + 256  # of the padded key, twice, and the digest
            if compare_digest(made[: len(code.data)], code.data):
                if total < least:
                    found.clear()
                least = total
                found.append(Found((*steps, *code.mistakes), message.data))
    return found


def _has_size(code: Code, way: Way) -> bool:
    return len(code.data) == way.size if code.whole else len(code.data) < way.size


def _combinations(
    keys: Sequence[CandidateKey], messages: Sequence[Message], ways: Sequence[Way]
) -> Iterator[tuple[CandidateKey, Message, Way]]:
    """Yield the combinations of at most two mistakes, those with fewer first."""
    by_key, by_message, by_way = _by_count(keys), _by_count(messages), _by_count(ways)
    for total in range(MOST + 1):
        for in_key, in_message in product(range(total, -1, -1), range(total + 1)):
            in_way = total - in_key - in_message
            if in_way >= 0:
                yield from product(by_key[in_key], by_message[in_message], by_way[in_way])


def _by_count(candidates: Sequence[T]) -> list[list[T]]:
    """Return the candidates in lists, by their number of mistakes."""
    return [[one for one in candidates if len(one.mistakes) == n] for n in range(MOST + 1)]


def explanation(found: Sequence[Found], more: Mistakes = ()) -> Explanation:
    """Return the explanation of results: the first one, and the others as alternatives."""
    first, *others = found
    seen = {frozenset(first.mistakes)}
    alternatives = []
    for other in others:
        if (mistakes := frozenset(other.mistakes)) not in seen:
            seen.add(mistakes)
            alternatives.append((*other.mistakes, *more))
    signed = first.message.decode(errors="replace")
    return Explanation("explained", (*first.mistakes, *more), tuple(alternatives), signed=signed)

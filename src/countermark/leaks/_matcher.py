"""Finds secrets in a stream of bytes, in linear time and with a bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from countermark.leaks._forms import Needle

#: The number of bytes that are searched at a time.
BLOCK = 1 << 16

# A chunk is held back if it ends in this many bytes of a secret, or more.
_PENDING_FROM = 4


class Found(NamedTuple):
    """A secret in a stream: its form, and the offset of its first byte."""

    needle: Needle
    offset: int


class Matcher:
    """The needles, prepared for searching.

    Each needle contains whole words at every alignment, of four or eight bytes. So a block of
    bytes that has no word in common with the needles contains none of them. That comparison
    takes the same time for one needle as for thousands. The other blocks are searched for the
    needles with these words.
    """

    __slots__ = ("_by_word", "_grams", "_size", "_words", "longest", "needles")

    def __init__(self, needles: Sequence[Needle]) -> None:
        self.needles = needles
        self.longest = max(len(needle.text) for needle in needles)
        shortest = min(len(needle.text) for needle in needles)
        self._size = 8 if shortest >= 15 else 4
        self._by_word: dict[int, list[Needle]] = {}
        for needle in needles:
            for start in range(self._size):
                for word in self._words_of(needle.text[start:]):
                    self._by_word.setdefault(word, []).append(needle)
        self._words = frozenset(self._by_word)  # faster to search than the dictionary
        self._grams: dict[bytes, list[bytes]] = {}
        for needle in needles:
            self._grams.setdefault(needle.text[:_PENDING_FROM], []).append(needle.text)

    def may_contain(self, data: bytes) -> bool:
        """Return False if *data* contains no needle."""
        return not self._words.isdisjoint(self._words_of(data))

    def _words_of(self, data: bytes) -> memoryview[int]:
        whole = memoryview(data)[: len(data) - len(data) % self._size]
        return whole.cast("Q") if self._size == 8 else whole.cast("I")

    def find(self, data: bytes) -> Iterator[Found]:
        """Yield all occurrences of needles in *data*."""
        if not self.may_contain(data):
            return
        words = self._words.intersection(self._words_of(data))
        candidates = {needle for word in words for needle in self._by_word[word]}
        for needle in filter(candidates.__contains__, self.needles):
            start = data.find(needle.text)
            while start >= 0:
                yield Found(needle, start)
                start = data.find(needle.text, start + 1)

    def ends_within(self, data: bytes) -> bool:
        """Return True if *data* ends in the first bytes of a needle, but not in all."""
        for start in range(max(0, len(data) - self.longest + 1), len(data) - _PENDING_FROM + 1):
            texts = self._grams.get(data[start : start + _PENDING_FROM])
            if texts and any(text.startswith(data[start:]) for text in texts):
                return True
        return False

    def __repr__(self) -> str:
        return f"<Matcher of {len(self.needles)} forms>"


class Stream:
    """The search of one body, chunk by chunk. It keeps the last few bytes of the body."""

    __slots__ = ("_keep", "_matcher", "_offset", "_tail")

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._keep = matcher.longest - 1
        self._tail = b""
        self._offset = 0

    def feed(self, chunk: bytes) -> Iterator[Found]:
        """Yield the secrets that end in this chunk, with their offsets in the body.

        A short one that ended just before may be yielded again.
        """
        view = memoryview(chunk)
        for start in range(0, len(view), BLOCK):
            block = view[start : start + BLOCK]
            window = b"".join((self._tail, block))
            before = self._offset - len(self._tail)
            self._offset += len(block)
            self._tail = window[-self._keep :]
            for needle, offset in self._matcher.find(window):
                yield Found(needle, before + offset)

    @property
    def is_pending(self) -> bool:
        """True if the bytes up to here end in the beginning of a secret."""
        return self._matcher.ends_within(self._tail)

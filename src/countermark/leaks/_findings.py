"""The findings of a scan, with their places and fingerprints."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from countermark.leaks._matcher import BLOCK
from countermark.leaks._rules import Rules

# The bytes that are kept from one block to the next. Shapes and forms are shorter.
_OVERLAP = 512


class Finding(NamedTuple):
    """A secret in a file. It contains no part of the secret.

    Attributes:
        rule: The id of the rule.
        form: The form of the secret, or ``shape``.
        path: The path of the file; ``<not shown>`` if it contains the secret.
        blob: The id of the object in the history of git, or None.
        offset: The offset of the first byte, in bytes, after decompression.
        line: The number of the line; None: the file is binary.
        column: The number of the byte in the line; None: the file is binary.
        fingerprint: The identity of the finding in a baseline.
    """

    rule: str
    form: str
    path: str
    blob: str | None
    offset: int
    line: int | None
    column: int | None
    fingerprint: str


class Source(NamedTuple):
    """A file to search: its path, its object in the history of git, and its content."""

    path: str
    blob: str | None
    chunks: Iterable[bytes]


class _Place(NamedTuple):
    rule: str
    form: str
    mark: str  # an HMAC of the secret; empty without a key
    offset: int
    line: int
    column: int


class Search:
    """Searches files.

    Args:
        rules: The rules.
        key: The key of the fingerprints. With a key, a fingerprint covers the secret too.
            Without, it covers only the place, so that it cannot help to guess the secret.
    """

    def __init__(self, rules: Rules, key: bytes = b"") -> None:
        self._rules = rules
        self._key = key
        # Paths that are not shown count as one file: their fingerprints do not differ otherwise.
        self._hidden: Counter[tuple[str, ...]] = Counter()

    def findings(self, source: Source) -> Iterator[Finding]:
        """Yield the findings in one file, and in its path."""
        path, blob, chunks = source
        in_path = list(self._places([path.encode(errors="replace")]))
        shown, counts = ("<not shown>", self._hidden) if in_path else (path, Counter())
        for place in in_path:
            yield self._finding(place, shown, blob, counts, is_text=False)
        text = _Text(chunks)
        for place in self._places(text):
            yield self._finding(place, shown, blob, counts, is_text=text.is_text)

    def _finding(
        self,
        place: _Place,
        path: str,
        blob: str | None,
        counts: Counter[tuple[str, ...]],
        *,
        is_text: bool,
    ) -> Finding:
        rule, form, mark, offset, line, column = place
        # Offsets and lines change with each edit of a file, so the findings of a rule are counted.
        same = (rule, form, path, blob or "", mark)
        counts[same] += 1
        print_of = "\0".join((*same, str(counts[same]))).encode(errors="surrogateescape")
        fingerprint = hashlib.sha256(print_of).hexdigest()[:32]
        return Finding(
            rule,
            form,
            path,
            blob,
            offset,
            line if is_text else None,
            column if is_text else None,
            fingerprint,
        )

    def _places(self, chunks: Iterable[bytes]) -> Iterator[_Place]:
        window, before, done = b"", 0, 0  # the window begins at the offset `before`
        lines, line_start = 1, 0
        for block, is_last in _blocks(chunks):
            window += block
            # A match that begins later may go on in the next block.
            end = len(window) if is_last else max(0, len(window) - _OVERLAP)
            matches = sorted(self._rules.search(window), key=lambda match: match.start)
            for rule, form, start, stop in matches:
                at = before + start
                if at < done or start >= end:
                    continue
                newline = window.rfind(b"\n", 0, start)
                line = lines + window.count(b"\n", 0, start)
                column = at - (line_start if newline < 0 else before + newline + 1) + 1
                yield _Place(rule, form, self._mark(window[start:stop]), at, line, column)
            done = before + end
            cut = max(0, end - 1)  # shapes depend on the byte before them
            newline = window.rfind(b"\n", 0, cut)
            if newline >= 0:
                lines += window.count(b"\n", 0, cut)
                line_start = before + newline + 1
            window, before = window[cut:], before + cut

    def _mark(self, secret: bytes) -> str:
        return hmac.digest(self._key, secret, "sha256").hex() if self._key else ""


class _Text:
    """The chunks of a file, and whether they are text."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.is_text = True

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.is_text = self.is_text and b"\0" not in chunk
            yield chunk


def _blocks(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield blocks of a bounded size; the last one, which is empty, with True."""
    for chunk in chunks:
        for start in range(0, len(chunk), BLOCK):
            yield chunk[start : start + BLOCK], False
    yield b"", True

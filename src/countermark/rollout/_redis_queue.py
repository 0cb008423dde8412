"""The batches of one group that a process has written, or must write."""

from __future__ import annotations

import os
import time
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final

from countermark.errors import StoreUnavailable
from countermark.rollout._redis_batch import Batch, Document
from countermark.rollout._redis_keys import WRITTEN_EXPIRES, GroupKeys, Mark
from countermark.rollout._redis_scripts import WRITE
from countermark.rollout._snapshot import Group

if TYPE_CHECKING:
    from countermark.redis import RedisStore

#: How many seconds a batch is kept after the replicas have acknowledged it. A server that writes
#: its log once a second may lose its last two seconds when it is restarted.
HELD: Final = 2.5

#: The kind of error if too few replicas have acknowledged a write.
NOT_ACKNOWLEDGED: Final = "NotAcknowledged"

# No batch of the server comes after it, so the script only answers which one is the last.
_ASKS: Final = -1

# After this number of seconds without a write, the number of the worker begins again. It must
# be sure then that the number in Redis has not expired yet.
_RENEWED_AFTER = WRITTEN_EXPIRES - 7_200


class Sent:
    """A numbered batch.

    Attributes:
        before: The number of the requests in all batches before it.
        total: The number of the requests up to its end.
        written_at: The time of the answer, if there was one, in seconds.
    """

    __slots__ = ("before", "document", "number", "total", "written_at")

    def __init__(self, number: int, before: int, requests: int, document: Document) -> None:
        self.number, self.before, self.total = number, before, before + requests
        self.document = document
        self.written_at = inf


class GroupQueue:
    """Writes the batches of a group in order, and again those that the server has lost.

    A batch gets its number when it is sent for the first time. It is kept until the replicas of
    the server have acknowledged it, and :data:`HELD` seconds more. If the server answers that
    its last batch is an earlier one, the batches after that are sent again. Those that are no
    longer kept are lost: they are counted, and a mark tells the readers.

    Attributes:
        waiting: The requests that have no number yet.
        sent: The numbered batches that are kept, in order.
        lost: The number of requests that were lost; None: nothing was lost. Set it to None
            after a look.
        moved_back: Whether the server was found at an earlier batch, or batches were lost.
            Nothing more is written until this is set to False.
    """

    __slots__ = (
        "_acknowledged",
        "_contact",
        "_keys",
        "_store",
        "_worker",
        "_written",
        "lost",
        "moved_back",
        "number",
        "sent",
        "total",
        "waiting",
    )

    def __init__(self, store: RedisStore, group: Group) -> None:
        self._store = store
        self._keys = GroupKeys(store, group)
        self.waiting = Batch()
        self.sent: deque[Sent] = deque()
        self.lost: int | None = None
        self.moved_back = False
        self._begin()

    def _begin(self) -> None:
        self._worker = os.urandom(8).hex()
        self.number = self.total = self._written = self._acknowledged = 0
        self._contact = time.monotonic()

    @property
    def is_durable(self) -> bool:
        """True if the server has all requests, and its replicas have acknowledged them."""
        return not self.waiting and self._acknowledged == self.number

    @property
    def is_idle(self) -> bool:
        """True if nothing is kept."""
        return not (self.waiting or self.sent)

    @property
    def is_due(self) -> bool:
        """True if there is something to write, or to ask the server about."""
        if not self.is_durable:
            return True
        return bool(self.sent) and time.monotonic() - self.sent[-1].written_at >= HELD

    @property
    def has_expired(self) -> bool:
        """True if the queue is idle for so long that a new one may take its place."""
        return self.is_idle and time.monotonic() - self._contact >= _RENEWED_AFTER

    def write(self, salt: str, max_principals: int, day: int, *, durably: bool) -> None:
        """Write what the server does not have yet.

        Args:
            salt: The salt of the pseudonyms.
            max_principals: The most principals that are stored, for each standing.
            day: Today.
            durably: Whether to wait for the replicas.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        if time.monotonic() - self._contact >= _RENEWED_AFTER:
            self._renew(day)
        while not self.moved_back:
            if self._send(self._next(salt, max_principals), day, durably=durably):
                break
        while self.sent and self._is_safe(self.sent[0]):
            self.sent.popleft()

    def _is_safe(self, sent: Sent) -> bool:
        return sent.number <= self._acknowledged and self._contact - sent.written_at >= HELD

    def _next(self, salt: str, max_principals: int) -> Sent:
        """Return the next batch to send; the last one again if the server has all.

        If that was dropped, an empty one takes its place, which is not written.
        """
        for sent in self.sent:
            if sent.number > self._written:
                return sent
        if self.waiting:
            part = self.waiting.part()
            document = part.document(self._keys, salt, max_principals)
            self.number += 1
            self.sent.append(Sent(self.number, self.total, part.requests, document))
            self.total = self.sent[-1].total
            self.waiting = self.waiting.without(part)
        return self.sent[-1] if self.sent else Sent(self.number, self.total, 0, Document([], ""))

    def _send(self, sent: Sent, day: int, *, durably: bool) -> bool:
        """Send a batch; return whether the server has all of them then."""
        expected = min(self._written, sent.number - 1) if sent.document.text else _ASKS
        answer = [sent.number, sent.total]
        keys = [self._keys.written(self._worker), self._keys.evicted, *sent.document.keys]
        arguments: list[str | int] = [expected, *answer, WRITTEN_EXPIRES, sent.document.text]
        durable = durably or not self._store.replicas
        try:
            number, total = self._store.run(
                WRITE, keys, arguments, durable=answer if durable else None
            )
        except StoreUnavailable as error:
            if error.kind != NOT_ACKNOWLEDGED:
                raise
            durable, number, total = False, *answer
        self._contact = time.monotonic()
        if number < self._written:
            self._move_back(number, total, day)
        self._written = number
        for each in self.sent:
            if each.number <= number:
                each.written_at = min(each.written_at, self._contact)
        if durable and number == sent.number:
            self._acknowledged = number
        return number == self.number and not self.waiting

    def _move_back(self, number: int, total: int, day: int) -> None:
        """Go on from *number*, which is the last batch that the server still has."""
        self.moved_back = True
        self._acknowledged = min(self._acknowledged, number)
        kept = [sent for sent in self.sent if sent.number > number]
        for sent in kept:
            sent.written_at = inf
        if (kept[0].number if kept else self.number + 1) > number + 1:
            self._lose((kept[0].before if kept else self.total) - total, day)

    def _renew(self, day: int) -> None:
        """Begin with a new number, as that in Redis may have expired."""
        doubtful = [sent for sent in self.sent if sent.number > self._written]
        if doubtful:
            # Each is written or not; if they were sent again, they might count twice.
            self._lose(self.total - doubtful[0].before, day)
        self.sent.clear()
        self._begin()

    def _lose(self, requests: int, day: int) -> None:
        self.moved_back = True
        self.lost = (self.lost or 0) + max(requests, 0)
        self.waiting.marked.add(Mark("lost", day))

    @property
    def size(self) -> int:
        """The number of characters of the batches that are kept."""
        return sum(len(sent.document.text) for sent in self.sent)

    @property
    def oldest(self) -> float:
        """The time when the server got the first of them; infinite: it has none."""
        return self.sent[0].written_at if self.sent else inf

    def drop(self) -> int:
        """Drop the oldest batch that the server has, to save memory; return its size."""
        return len(self.sent.popleft().document.text)

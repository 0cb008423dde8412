"""An allowance of unsigned sessions: the first ones pass, later ones are refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from countermark._locks import ProcessLock
from countermark._option_checks import check_functions, is_redis_store
from countermark._redaction import guarded
from countermark.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from countermark.redis import RedisStore

#: The rule for unsigned requests while the store cannot be reached.
WhenUnavailable: TypeAlias = Literal["fail_closed", "fail_open"]

#: Takes the ASGI scope or the WSGI environ and returns the key of the session.
SessionReader: TypeAlias = "Callable[[Any], str | None]"

# How many groups are counted in memory. Further groups get nothing: to make room, another
# group would be forgotten and would start from zero.
_MAX_GROUPS = 1024

# One atomic step: in two steps, two simultaneous requests of one session would count twice,
# or two sessions would both get the last place. A session whose write the replicas have not
# acknowledged yet is written again, as there is nothing to wait for otherwise.
_ADMIT = """
local state, new = redis.call('HGET', KEYS[1], ARGV[1]), ARGV[3]
if state == 'confirmed' then return 1 end
if not state and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
if state and new ~= 'confirmed' then new = 'pending again' end
redis.call('HSET', KEYS[1], ARGV[1], new)
return 2
"""
_WRITTEN = 2

# Only the request that took the place gives it back, and only if no other request of the session
# has come since: that one may have been acknowledged.
_RELEASE = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
"""

# It adds no session: after a failover the place may have been given away.
_CONFIRM = """
if redis.call('HGET', KEYS[1], ARGV[1]) then
  redis.call('HSET', KEYS[1], ARGV[1], 'confirmed')
end
"""

# The kind of the error if too few replicas have a write.
_NOT_ACKNOWLEDGED = "NotAcknowledged"

_COUNT = "return redis.call('HLEN', KEYS[1])"


class Allowance:
    """A number of unsigned sessions that are allowed.

    A session counts once: a session that was allowed stays allowed, and a refused one
    uses nothing up. Each group (a scheme, environment and tenant) has its own allowance.

    Without a store each worker process counts for itself and from zero at its start, for
    at most 1024 groups; further groups get nothing. With a store all workers and hosts
    share the count, to the session. A failover of Redis does not make it exceed the number:
    a new session is allowed when ``store.replicas`` replicas have it. Without their answer
    *when_unavailable* decides, and the session takes no place.

    The count does not expire. It lasts as long as Redis keeps it: enable persistence, and do
    not evict keys without an expiry (``maxmemory-policy`` is ``noeviction`` or begins with
    ``volatile``). Another ``prefix=`` of the store starts again from zero.

    Args:
        count: The number of sessions, per group.
        session: Takes the ASGI scope or the WSGI environ, in any thread or event loop, and
            returns the session's key without waiting for it. None, or an empty text, makes
            the request a session of its own; so does leaving this argument out. Only a hash
            of the key is kept. Return a key that the server issued and has checked: a client
            that knows the key of an allowed session is allowed. If it raises or returns
            anything else, the request is refused, not counted, and reported.
        store: The store that workers and hosts share.
        when_unavailable: The rule for unsigned requests while the store cannot be
            reached: ``fail_closed`` refuses them, ``fail_open`` allows them.

    Raises:
        ConfigurationError: An argument is invalid.
    """

    __slots__ = ("_count", "_counted", "_session", "when_unavailable")

    when_unavailable: WhenUnavailable

    @guarded
    def __init__(
        self,
        count: int,
        *,
        session: SessionReader | None = None,
        store: RedisStore | None = None,
        when_unavailable: WhenUnavailable = "fail_closed",
    ) -> None:
        given: object = count
        if not isinstance(given, int) or isinstance(given, bool) or given < 0:
            raise ConfigurationError(
                "the count of an allowance must be a whole number from 0 on; Allowance(0)"
                " allows none"
            )
        check_functions(session=session)
        if when_unavailable not in ("fail_closed", "fail_open"):
            raise ConfigurationError("when_unavailable= must be 'fail_closed' or 'fail_open'")
        self._counted = _InMemory() if store is None else _InRedis(store)
        self._count = count
        self._session = session
        self.when_unavailable = when_unavailable

    def admit(self, group: str, source: Any) -> bool:
        """Tell whether the session of a scope or environ is allowed, and count it if it is new.

        Raises:
            StoreUnavailable: The store does not answer. The session may have been counted;
                then it is allowed later.
            TypeError: ``session=`` returned neither text nor None.
            Exception: ``session=`` raised it.
        """
        session = self._session_of(source)
        return self._counted.admit(_hash(group), session, self._count)

    async def aadmit(self, group: str, source: Any) -> bool:
        """Do the same as :meth:`admit` without blocking the event loop, of asyncio or trio."""
        if isinstance(self._counted, _InMemory):
            return self.admit(group, source)
        session = self._session_of(source)
        return await self._counted.aadmit(_hash(group), session, self._count)

    def left(self, group: str) -> int:
        """Return how many more sessions would be allowed.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        return self._counted.left(_hash(group), self._count)

    def _session_of(self, source: Any) -> str:
        """Return 64 characters that identify the session."""
        key: object = None if self._session is None else self._session(source)
        # Frameworks return an empty text for a client without a session. As a key it would
        # make one session of all such clients.
        if key is None or key == "":
            return os.urandom(32).hex()
        if not isinstance(key, str):
            raise TypeError(f"session= returned neither text nor None: {type(key).__name__}")
        return _hash(key)


class _InMemory:
    """The allowed sessions of this process, by group."""

    __slots__ = ("_groups", "_lock")

    def __init__(self) -> None:
        self._lock = ProcessLock()
        self._groups: dict[str, set[str]] = {}

    def admit(self, group: str, session: str, count: int) -> bool:
        with self._lock:
            sessions = self._groups.get(group, _NO_SESSIONS)
            if session in sessions:
                return True
            if not self._room(group, count):
                return False
            self._groups.setdefault(group, set()).add(session)
            return True

    def left(self, group: str, count: int) -> int:
        with self._lock:
            return self._room(group, count)

    def _room(self, group: str, count: int) -> int:
        if group not in self._groups and len(self._groups) >= _MAX_GROUPS:
            return 0
        return max(0, count - len(self._groups.get(group, _NO_SESSIONS)))


_NO_SESSIONS: frozenset[str] = frozenset()


class _InRedis:
    """The allowed sessions of all workers: for each group, a hash in Redis.

    The value of a session begins with ``pending`` until replicas have it, then it is
    ``confirmed``. If they do not acknowledge it, its place is given back: otherwise the sessions
    that are refused while there is no replica would take all places.
    """

    __slots__ = ("_store",)

    def __init__(self, store: RedisStore) -> None:
        if not is_redis_store(store):
            raise ConfigurationError(
                f"store= takes a countermark.redis.RedisStore, not {type(store).__name__};"
                " leave it out to count in this process"
            )
        self._store = store

    def admit(self, group: str, session: str, count: int) -> bool:
        store, keys, state = self._store, [self._key(group)], self._state()
        try:
            answer = store.run(_ADMIT, keys, [session, count, state], durable=_WRITTEN)
        except StoreUnavailable as error:
            if error.kind == _NOT_ACKNOWLEDGED:
                with suppress(StoreUnavailable):
                    store.run(_RELEASE, keys, [session, state])
            raise
        if answer == _WRITTEN and store.replicas:
            # At best: otherwise the next request of the session waits for replicas again.
            with suppress(StoreUnavailable):
                store.run(_CONFIRM, keys, [session])
        return bool(answer)

    async def aadmit(self, group: str, session: str, count: int) -> bool:
        store, keys, state = self._store, [self._key(group)], self._state()
        try:
            answer = await store.arun(_ADMIT, keys, [session, count, state], durable=_WRITTEN)
        except StoreUnavailable as error:
            if error.kind == _NOT_ACKNOWLEDGED:
                with suppress(StoreUnavailable):
                    await store.arun(_RELEASE, keys, [session, state])
            raise
        if answer == _WRITTEN and store.replicas:
            with suppress(StoreUnavailable):
                await store.arun(_CONFIRM, keys, [session])
        return bool(answer)

    def left(self, group: str, count: int) -> int:
        used: int = self._store.run(_COUNT, [self._key(group)])
        return max(0, count - used)

    def _state(self) -> str:
        return f"pending {os.urandom(8).hex()}" if self._store.replicas else "confirmed"

    def _key(self, group: str) -> str:
        key: str = self._store.key(group, "allowance")
        return key


def _hash(text: str) -> str:
    # Clients may send a text of any length, with lone surrogates. The unbound method works
    # on subclasses of str too.
    return sha256(str.encode(text, "utf-8", "surrogatepass")).hexdigest()


def allowance_group(scheme: str, environment: str | None = None, tenant: str | None = None) -> str:
    """Return the name of the group of a scheme, an environment and a tenant."""
    return f"{scheme}\n{environment or ''}\n{tenant or ''}"  # no tenant's id has a newline

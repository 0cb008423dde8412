"""The first unsigned sessions pass, then enforcement starts by itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from sys import modules
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from countermark._option_checks import is_async
from countermark._redaction import guarded
from countermark.errors import ConfigurationError

if TYPE_CHECKING:
    from countermark.redis import RedisStore

#: What becomes of unsigned requests while the store cannot be reached.
WhenUnavailable: TypeAlias = Literal["fail_closed", "fail_open"]

#: Takes the ASGI scope or the WSGI environ and says which session that is.
SessionReader: TypeAlias = "Callable[[Any], str | None]"

# How many groups are counted in memory. One more would need room, or make one be
# forgotten, which would then count anew: so it gets nothing.
_MAX_GROUPS = 1024

# One step for all workers: in two, either a session that comes twice at once counts
# twice, or two sessions both get the last place.
_ADMIT = """
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then
  return 1
end
if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('SADD', KEYS[1], ARGV[1])
  return 1
end
return 0
"""


class Allowance:
    """So many unsigned sessions get in, and no more.

    A session counts once: one that got in goes on getting in, and one that was
    refused has used nothing up. Each group (a scheme, environment and tenant) has
    an allowance of its own.

    Without a store each worker process counts for itself and anew from its start,
    for at most 1024 groups; further ones get nothing. With a store all workers and
    hosts share the count, to the session. It does not expire, and holds as long as
    Redis keeps it: let it be written to disk, and let it not evict keys without an
    expiry (``maxmemory-policy`` is ``noeviction`` or begins with ``volatile``).
    Another ``prefix=`` of the store begins a rollout again.

    Args:
        count: How many sessions, per group.
        session: Takes the ASGI scope or the WSGI environ, in any thread, and returns
            the session's key, or None (or empty text) for a session of its own.
            Without it each request is one. Only a hash of the key is kept. Let it be
            one that the server gave out and has checked: whoever knows the key of a
            session that got in, gets in. Where it raises or returns anything else,
            the middleware reports that, and nobody gets in or is counted.
        store: What workers and hosts share.
        when_unavailable: What becomes of unsigned requests while the store cannot
            be reached: ``fail_closed`` refuses them, ``fail_open`` lets them in.

    Raises:
        ConfigurationError: One of them is not what it should be.
    """

    __slots__ = ("_count", "_counted", "_session", "blocking", "when_unavailable")

    #: Whether asking may wait for the network.
    blocking: bool
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
        reader: object = session
        if reader is not None and (not callable(reader) or is_async(reader)):
            raise ConfigurationError(
                "session= must be a callable that takes the scope or environ and returns the"
                " session's key or None, and no coroutine function; give a plain one"
            )
        if when_unavailable not in ("fail_closed", "fail_open"):
            raise ConfigurationError("when_unavailable= must be 'fail_closed' or 'fail_open'")
        self._counted = _InMemory() if store is None else _InRedis(store)
        self._count = count
        self._session = session
        self.blocking = store is not None
        self.when_unavailable = when_unavailable

    def admit(self, group: str, source: Any) -> bool:
        """Let the session of *source*, the scope or environ, in if it was or there is room.

        Raises:
            StoreUnavailable: The store does not answer, so nothing is known. The
                session may have been counted, and then it gets in later.
            TypeError: ``session=`` returned neither text nor None.
            Exception: Whatever else ``session=`` raises.
        """
        session = self._session_of(source)
        return self._counted.admit(_hash(group), session, self._count)

    def left(self, group: str) -> int:
        """Return how many more sessions would get in.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        return self._counted.left(_hash(group), self._count)

    def _session_of(self, source: Any) -> str:
        """Return what stands for the session, 64 characters."""
        key: object = None if self._session is None else self._session(source)
        # Empty text is how frameworks say that there is none. As a key it would let
        # everybody in who has none.
        if key is None or key == "":
            return os.urandom(32).hex()
        if not isinstance(key, str):
            raise TypeError(f"session= returned neither text nor None: {type(key).__name__}")
        return _hash(key)


class _InMemory:
    """The sessions of this process that got in, by group."""

    __slots__ = ("_groups", "_lock")

    def __init__(self) -> None:
        from threading import Lock  # late, as it is slow to import

        self._lock = Lock()
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
    """The sessions that got in at any worker: for each group, a set in Redis."""

    __slots__ = ("_store",)

    def __init__(self, store: RedisStore) -> None:
        # Whoever has a RedisStore has imported its module; nobody else pays for it.
        module = modules.get("countermark.redis")
        if module is None or not isinstance(store, module.RedisStore):
            raise ConfigurationError(
                f"store= takes a countermark.redis.RedisStore, not {type(store).__name__};"
                " leave it out to count in this process"
            )
        self._store = store

    def admit(self, group: str, session: str, count: int) -> bool:
        keys, arguments = [self._key(group)], [session, count]
        # It is sent by its hash; in full only where Redis does not know it, as after a restart.
        answer = self._store.ask(lambda client: client.register_script(_ADMIT)(keys, arguments))
        return bool(answer == 1)

    def left(self, group: str, count: int) -> int:
        used: int = self._store.ask(lambda client: client.scard(self._key(group)))
        return max(0, count - used)

    def _key(self, group: str) -> str:
        return f"{self._store.prefix}allowance:{group}"


def _hash(text: str) -> str:
    # Whatever clients send: any length, and lone surrogates too. The unbound method
    # sees through subclasses.
    return sha256(str.encode(text, "utf-8", "surrogatepass")).hexdigest()


def allowance_group(scheme: str, environment: str | None = None, tenant: str | None = None) -> str:
    """Return the name under which an allowance counts the sessions of these three."""
    return f"{scheme}\n{environment or ''}\n{tenant or ''}"  # no tenant's id has a newline

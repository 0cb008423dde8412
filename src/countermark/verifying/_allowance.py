"""An allowance of unsigned sessions: the first ones pass, later ones are refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from sys import modules
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from countermark._option_checks import check_functions
from countermark._redaction import guarded
from countermark.errors import ConfigurationError

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
# or two sessions would both get the last place.
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
    """A number of unsigned sessions that are allowed.

    A session counts once: a session that was allowed stays allowed, and a refused one
    uses nothing up. Each group (a scheme, environment and tenant) has its own allowance.

    Without a store each worker process counts for itself and from zero at its start, for
    at most 1024 groups; further groups get nothing. With a store all workers and hosts
    share the count, to the session. The count does not expire. It lasts as long as Redis
    keeps it: enable persistence, and do not evict keys without an expiry
    (``maxmemory-policy`` is ``noeviction`` or begins with ``volatile``). Another
    ``prefix=`` of the store starts again from zero.

    Args:
        count: The number of sessions, per group.
        session: Takes the ASGI scope or the WSGI environ, in any thread, and returns
            the session's key. None, or an empty text, makes the request a session of its
            own; so does leaving this argument out. Only a hash of the key is kept. Return
            a key that the server issued and has checked: a client that knows the key of an
            allowed session is allowed. If it raises or returns anything else, the
            request is refused, not counted, and reported.
        store: The store that workers and hosts share.
        when_unavailable: The rule for unsigned requests while the store cannot be
            reached: ``fail_closed`` refuses them, ``fail_open`` allows them.

    Raises:
        ConfigurationError: An argument is invalid.
    """

    __slots__ = ("_count", "_counted", "_session", "blocking", "when_unavailable")

    #: Whether :meth:`admit` may wait for the network.
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
        check_functions(session=session)
        if when_unavailable not in ("fail_closed", "fail_open"):
            raise ConfigurationError("when_unavailable= must be 'fail_closed' or 'fail_open'")
        self._counted = _InMemory() if store is None else _InRedis(store)
        self._count = count
        self._session = session
        self.blocking = store is not None
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
    """The allowed sessions of all workers: for each group, a set in Redis."""

    __slots__ = ("_store",)

    def __init__(self, store: RedisStore) -> None:
        # A caller with a RedisStore has imported its module. Other callers do not pay for it.
        module = modules.get("countermark.redis")
        if module is None or not isinstance(store, module.RedisStore):
            raise ConfigurationError(
                f"store= takes a countermark.redis.RedisStore, not {type(store).__name__};"
                " leave it out to count in this process"
            )
        self._store = store

    def admit(self, group: str, session: str, count: int) -> bool:
        keys, arguments = [self._key(group)], [session, count]
        # The script is sent by its hash, and in full only if Redis does not have it.
        answer = self._store.ask(lambda client: client.register_script(_ADMIT)(keys, arguments))
        return bool(answer == 1)

    def left(self, group: str, count: int) -> int:
        used: int = self._store.ask(lambda client: client.scard(self._key(group)))
        return max(0, count - used)

    def _key(self, group: str) -> str:
        return f"{self._store.prefix}allowance:{group}"


def _hash(text: str) -> str:
    # Clients may send a text of any length, with lone surrogates. The unbound method works
    # on subclasses of str too.
    return sha256(str.encode(text, "utf-8", "surrogatepass")).hexdigest()


def allowance_group(scheme: str, environment: str | None = None, tenant: str | None = None) -> str:
    """Return the name of the group of a scheme, an environment and a tenant."""
    return f"{scheme}\n{environment or ''}\n{tenant or ''}"  # no tenant's id has a newline

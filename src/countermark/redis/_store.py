"""The Redis that several processes and hosts share."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from math import inf
from typing import Any, TypeVar
from weakref import finalize

from countermark._redaction import guarded
from countermark._threads import in_thread
from countermark.errors import ConfigurationError
from countermark.redis._async_servers import AsyncServers
from countermark.redis._connections import make_pool
from countermark.redis._exchange import Exchange, is_silence
from countermark.redis._given_client import target_of_client
from countermark.redis._servers import Servers
from countermark.redis._target import Target, target_of_url
from countermark.redis._trip import Network, Trip

T = TypeVar("T")

_PLAIN_GROUP = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")


class RedisStore:
    """A Redis or Valkey that processes and hosts share, with bounded waits.

    It is a single server, one that Sentinels watch, or a Cluster. The URL has the form of the
    library limits:

    * ``redis://user:password@host:6379/0``, ``rediss://…`` for TLS, ``unix:///run/redis.sock``;
    * ``redis+sentinel://host:26379,host:26379/service/0``;
    * ``redis+cluster://host:6379,host:6379``.

    ``rediss+sentinel`` and ``rediss+cluster`` use TLS; ``valkey`` and ``valkeys`` are other
    names of ``redis`` and ``rediss``. The query may have redis-py's options for TLS and other
    options of connections, such as ``?ssl_ca_certs=/etc/ca.pem``, and for Sentinels with
    passwords of their own ``sentinel_username`` and ``sentinel_password``. Those for timeouts,
    retries, decoding and the protocol are ignored.

    Instead of a URL, *client* may be a client of redis-py. The store takes the addresses,
    credentials and options for TLS from it, and opens connections of its own, with its own
    timeouts. So a client without timeouts, or one of another event loop, can be given too.

    After a failure the store does not ask that server for a while: see *pause*. Then one
    request tries first, so that only one has to wait for a slow answer. Each server of a
    Cluster has its own pause. Stores are thread-safe, can be used from several event loops, and
    after a fork.

    Args:
        url: The address.
        client: A ``redis.Redis``, one of ``Sentinel.master_for()``, a ``redis.RedisCluster``, or
            one of their twins in ``redis.asyncio``, in place of *url*.
        prefix: The prefix of all keys, without braces.
        timeout: The most seconds to wait for a connection, including the lookup of its name,
            and for each answer; under asyncio also for one of 100 connections to be free.
        pause: The seconds without requests to a server after a failure, on average. Each pause
            is up to half of it longer or shorter, and doubles with each further failure up to
            four times.
        replicas: How many replicas must have a write before it counts as durable. None: one
            with Sentinels and in a Cluster, and none with a single server.
        clock: Returns seconds, monotonically.

    Raises:
        ConfigurationError: The URL is invalid, or another argument is.
    """

    __slots__ = ("__weakref__", "_async_servers", "_network", "_servers", "prefix", "replicas")

    #: The prefix of all keys.
    prefix: str
    #: How many replicas must have a write before it counts as durable.
    replicas: int

    @guarded
    def __init__(
        self,
        url: str | None = None,
        *,
        client: Any = None,
        prefix: str = "countermark:",
        timeout: float = 0.25,
        pause: float = 1.0,
        replicas: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        given: object = prefix
        if not isinstance(given, str) or set("{}") & set(given):
            raise ConfigurationError("prefix= must be a text such as 'countermark:', without { }")
        if not _is_number(timeout) or not 0 < timeout <= 60:
            raise ConfigurationError("timeout= must be a number of seconds, above 0 and up to 60")
        if not _is_number(pause) or not 0 <= pause < inf:
            raise ConfigurationError("pause= must be a number of seconds, 0 or more")
        if replicas is not None and (type(replicas) is not int or replicas < 0):
            raise ConfigurationError("replicas= must be a whole number from 0 on, or None")
        if (url is None) == (client is None):
            raise ConfigurationError("a RedisStore takes either a URL or client=")
        target = _target(url) if client is None else target_of_client(client)
        self._network = Network(target, timeout, pause, clock)
        self._servers, self._async_servers = _servers(self._network)
        # Otherwise the garbage collector closes the connections, with a warning.
        finalize(self, self._servers.close).atexit = False
        self.prefix = prefix
        self.replicas = int(target.kind != "single") if replicas is None else replicas

    def key(self, group: str, name: str) -> str:
        """Return a key whose hash tag is *group*, so that a Cluster has all of a group in a slot.

        Args:
            group: What the keys have in common. If it is not a short text of letters, digits
                and ``_.:/-``, a hash replaces it.
            name: The name of the key within the group.
        """
        if not _PLAIN_GROUP.fullmatch(group):
            group = sha256(group.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"{self.prefix}{{{group}}}:{name}"

    def run(
        self,
        script: str,
        keys: Sequence[str],
        args: Sequence[str | int] = (),
        *,
        durable: object = None,
    ) -> Any:
        """Run a Lua script at the server of its keys, and return its answer.

        The script is sent again only if a server refused to run it, because the key has moved
        for instance. If no answer comes, it may have run or not: its writes must be such that
        running it twice does no harm.

        A failover can lose a write that the primary has answered. If the answer equals
        *durable*, the store waits, for half its timeout at most, until ``replicas`` replicas
        have the writes. They are those of this call and all before it. A script that found its
        write done by an earlier call must write again, with a command that changes something
        or is replicated anyway, such as SET or HSET; otherwise there is nothing to wait for.

        Args:
            script: The text, for Redis 6.2 and later.
            keys: All keys that it uses, of one :meth:`key` group, and at least one.
            args: The arguments.
            durable: The answer after which the writes must be at the replicas: a whole number,
                a text or a list of them. None: they need not be.

        Returns:
            A whole number, a text, a list of them, or None.

        Raises:
            NotAcknowledged: The script has run, but too few replicas have its writes yet. It is
                a :class:`StoreUnavailable`.
            StoreUnavailable: The server does not answer, it did not within the pause, or it
                refuses the script.
        """
        exchange = self._exchange(script, keys, args, durable)
        trip = Trip(self._network, exchange.keys[0])
        while True:
            trip.enter()
            try:
                commands = exchange.commands(asking=trip.asking)
                answer, acknowledged = self._servers.exchange(trip.address, commands)
            except Exception as error:
                # Not only RedisError: an invalid host name raises a UnicodeError, for example.
                outcome = trip.after(error)
            else:
                break
            if isinstance(outcome, Exception):
                # Not raised from the error: its message and frames may show addresses and a
                # password.
                raise outcome
            time.sleep(outcome)
        trip.end(acknowledged=acknowledged)
        return answer

    async def arun(
        self,
        script: str,
        keys: Sequence[str],
        args: Sequence[str | int] = (),
        *,
        durable: object = None,
    ) -> Any:
        """Do the same as :meth:`run`, without blocking: in asyncio, or in a thread under trio.

        A call that is cancelled may have run the script or not.
        """
        if not self._async_servers.usable():
            return await in_thread(self.run, script, keys, args, durable=durable)
        exchange = self._exchange(script, keys, args, durable)
        if not self._network.directory.known:
            await in_thread(self._network.locate, exchange.keys[0])
        trip = Trip(self._network, exchange.keys[0])
        while True:
            trip.enter()
            try:
                commands = exchange.commands(asking=trip.asking)
                answer, acknowledged = await self._async_servers.exchange(trip.address, commands)
            except Exception as error:
                outcome = trip.after(error)
            else:
                break
            if isinstance(outcome, Exception):
                raise outcome
            await asyncio.sleep(outcome)
        trip.end(acknowledged=acknowledged)
        return answer

    def ask(self, command: Callable[[Any], T]) -> T:
        """Return the result of *command* for a client of redis-py, which decodes answers.

        It is for reading many keys. In a Cluster the client is a ``RedisCluster``.

        Raises:
            StoreUnavailable: The server does not answer, it did not within the pause, or
                *command* raised.
        """
        cluster = self._network.target.kind == "cluster"
        address = None if cluster else self._network.locate("")
        name = "the cluster" if cluster else address
        tried = self._network.circuit(name).enter()
        try:
            client = self._servers.cluster() if cluster else self._servers.client(address)
            answer = command(client)
        except Exception as error:
            failure = self._network.failed(name, error, tried=tried)
            if is_silence(error):
                self._servers.forget_cluster()
        else:
            self._network.circuit(name).succeed()
            return answer
        raise failure

    def close(self) -> None:
        """Close the connections of :meth:`run` and :meth:`ask`. Later calls open new ones."""
        self._servers.close()

    async def aclose(self) -> None:
        """Close the connections of the running event loop. Its end closes them too."""
        await self._async_servers.close()

    def _exchange(
        self, script: str, keys: Sequence[str], args: Sequence[str | int], durable: object
    ) -> Exchange:
        wait = max(1, int(self._network.timeout * 500))
        return Exchange(script, keys, args, durable, self.replicas, wait)


def _target(url: Any) -> Target:
    try:
        return target_of_url(url)
    except Exception as error:
        # The message of the error may show the URL and its password.
        kind = type(error).__name__
    raise ConfigurationError(_INVALID.format(kind))


def _servers(network: Network) -> tuple[Servers, AsyncServers]:
    try:
        # Detects unknown options now; otherwise the first request would fail.
        make_pool(network.target, network.target.nodes[0], network.timeout)
        return Servers(network), AsyncServers(network)
    except Exception as error:
        kind = type(error).__name__
    raise ConfigurationError(_INVALID.format(kind))


_INVALID = (
    "the URL of Redis must be a text that begins with redis://, rediss:// or unix://, with"
    " redis+sentinel:// or redis+cluster://, with options of redis-py only; correct the URL ({})"
)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

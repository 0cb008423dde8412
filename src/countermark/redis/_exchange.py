"""One Lua script as the commands of a connection, for synchronous and asynchronous connections."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import lru_cache
from hashlib import sha1
from typing import Any, NamedTuple, TypeAlias

import redis

from countermark.errors import StoreUnavailable

#: The commands for a connection. Each reply is sent back, and each error is thrown.
Commands: TypeAlias = Generator[tuple[Any, ...], Any, Any]

#: Errors that may have taken the whole timeout. All others are answers of the server.
SILENCE = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.ChildDeadlockedError,
    redis.exceptions.RedisClusterException,
    OSError,
)

#: The pool of connections is exhausted: the server did not fail.
BUSY = redis.exceptions.MaxConnectionsError


class NotAcknowledged(StoreUnavailable):
    """The primary has the write, but not as many replicas as required have it yet."""

    def __init__(self) -> None:
        super().__init__(
            "the replicas of Redis did not acknowledge a write; see INFO replication, and whether"
            " the user has the right +wait",
            kind="NotAcknowledged",
        )


class NotACluster(redis.exceptions.RedisClusterException):
    """The URL is that of a Cluster, and the server is not a node of one."""


_NO_PERMISSION = "NoPermissionError"

# What to do about an error, by its kind.
_HINTS = {
    _NO_PERMISSION: "; ACL LOG shows the right that the user of Redis lacks",
    "NotACluster": "; the server is not a node of a Cluster, so begin the URL with redis://",
}

# The kinds of errors of commands in scripts, by parts of their messages: redis-py knows the type of
# an error by the beginning of the message, which Redis 6.2 to 8 and Valkey write differently.
_IN_SCRIPTS = {
    "The user executing the script can't": _NO_PERMISSION,
    "ACL failure in script": _NO_PERMISSION,
    "WRONGTYPE ": "WrongType",
}


class Exchange(NamedTuple):
    """A script with its keys and arguments, and what must be acknowledged.

    Args:
        script: The text of the script.
        keys: Its keys, all in one slot.
        args: Its arguments.
        durable: The answer after which replicas must have the write; None: they need not.
        replicas: How many replicas.
        wait: How long they may take, in milliseconds.
    """

    script: str
    keys: Sequence[str]
    args: Sequence[str | int]
    durable: object
    replicas: int
    wait: int

    def commands(self, *, asking: bool) -> Commands:
        """Yield the commands for one connection, and return the answer of the script.

        Args:
            asking: Whether the slot is being moved to this server (the reply ``ASK``).

        The answer comes with whether enough replicas have the write.
        """
        rest = (len(self.keys), *self.keys, *self.args)
        try:
            if asking:
                yield ("ASKING",)
            answer = yield ("EVALSHA", _sha(self.script), *rest)
        except redis.exceptions.NoScriptError:
            # The server was restarted, or has been promoted since.
            if asking:
                yield ("ASKING",)
            answer = yield ("EVAL", self.script, *rest)
        answer = decoded(answer)
        if self.replicas and self.durable is not None and answer == self.durable:
            # On the connection of the write, as WAIT is about its last write.
            try:
                acknowledged = yield ("WAIT", self.replicas, self.wait)
            except (*SILENCE, redis.ResponseError):
                # An idle server may answer a tenth of a second late. One that became a replica
                # answers with an error.
                return answer, False
            return answer, acknowledged >= self.replicas
        return answer, True


@lru_cache(64)
def _sha(script: str) -> str:
    return sha1(script.encode()).hexdigest()  # noqa: S324  # Redis names scripts by it


def decoded(answer: Any) -> Any:
    """Return an answer with texts in place of bytes."""
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, list):
        return [decoded(each) for each in answer]
    return answer


def is_silence(error: Exception) -> bool:
    """Return whether a server may be down, so that it should be left alone."""
    return isinstance(error, SILENCE) and not isinstance(error, BUSY)


def unavailable(error: Exception) -> StoreUnavailable:
    """Return the error for the caller. It does not show the message, which may show a password."""
    kind = type(error).__name__
    if isinstance(error, redis.ResponseError):
        kinds = (of for part, of in _IN_SCRIPTS.items() if part in str(error))
        kind = next(kinds, kind)
    return StoreUnavailable(f"asking Redis failed: {kind}{_HINTS.get(kind, '')}", kind=kind)


def code_of(error: redis.ResponseError) -> str:
    """Return the code at the beginning of an error of the server, such as ``READONLY``."""
    # Redis 6 puts the error of a command in a script at the end of its message.
    text = str(error)
    if "-READONLY " in text:
        return "READONLY"
    if isinstance(error, redis.exceptions.MovedError):
        return "MOVED"
    if isinstance(error, redis.exceptions.AskError):
        return "ASK"
    if isinstance(error, redis.exceptions.TryAgainError):
        return "TRYAGAIN"
    if isinstance(error, redis.exceptions.ReadOnlyError):
        return "READONLY"
    if isinstance(error, redis.exceptions.ClusterDownError):
        return "CLUSTERDOWN"
    return ""

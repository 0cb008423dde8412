"""A session that no replica has acknowledged takes no place, unless it came again meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from countermark import StoreUnavailable
from countermark.redis import NotAcknowledged, RedisStore
from countermark.verifying import Allowance
from tests.integration.allowance_worker import key_of
from tests.integration.redis_server import RedisServer


class Unreplicated(RedisStore):
    """A store without replicas; *meanwhile* is called while it waits for their answer."""

    acknowledged = False
    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def run(
        self,
        script: str,
        keys: Sequence[str],
        args: Sequence[str | int] = (),
        *,
        durable: object = None,
    ) -> Any:
        answer = super().run(script, keys, args)
        if durable is not None and answer == durable:
            self.meanwhile()
            if not self.acknowledged:
                raise NotAcknowledged
        return answer

    async def arun(
        self,
        script: str,
        keys: Sequence[str],
        args: Sequence[str | int] = (),
        *,
        durable: object = None,
    ) -> Any:
        return self.run(script, keys, args, durable=durable)


@pytest.fixture
def unreplicated(redis_server: RedisServer) -> Unreplicated:
    return Unreplicated(redis_server.url, timeout=20, replicas=1)


@pytest.fixture
def other(redis_server: RedisServer) -> Allowance:
    """The allowance of a process that needs no acknowledgement."""
    store = RedisStore(redis_server.url, timeout=20)
    return Allowance(1, session=key_of, store=store)


def refuse(store: RedisStore, key: str) -> None:
    with pytest.raises(NotAcknowledged):
        Allowance(1, session=key_of, store=store).admit("g", key)


def test_sessions_without_an_acknowledgement_take_no_places(
    unreplicated: Unreplicated, other: Allowance
) -> None:
    for number in range(20):
        refuse(unreplicated, f"session {number}")
    assert other.left("g") == 1


def test_the_same_in_an_event_loop(
    redis_server: RedisServer, unreplicated: Unreplicated, other: Allowance
) -> None:
    allowance = Allowance(1, session=key_of, store=unreplicated)
    with pytest.raises(NotAcknowledged):
        asyncio.run(allowance.aadmit("g", "session"))
    assert other.left("g") == 1
    redis_server.kill()
    with pytest.raises(StoreUnavailable, match="ConnectionError"):
        asyncio.run(allowance.aadmit("g", "session"))


@pytest.mark.parametrize("in_event_loop", [False, True])
def test_an_acknowledged_session_needs_no_further_acknowledgement(
    in_event_loop: bool, unreplicated: Unreplicated
) -> None:
    allowance = Allowance(1, session=key_of, store=unreplicated)
    for acknowledged in (True, False):
        unreplicated.acknowledged = acknowledged
        if in_event_loop:
            assert asyncio.run(allowance.aadmit("g", "session"))
        else:
            assert allowance.admit("g", "session")


def test_a_place_is_kept_for_a_session_that_was_acknowledged_meanwhile(
    unreplicated: Unreplicated, other: Allowance
) -> None:
    unreplicated.meanwhile = lambda: other.admit("g", "session")
    refuse(unreplicated, "session")
    assert not other.admit("g", "another")
    assert other.admit("g", "session")


def test_a_place_is_kept_for_a_session_that_may_have_been_acknowledged_meanwhile(
    redis_server: RedisServer, unreplicated: Unreplicated, other: Allowance
) -> None:
    second = Unreplicated(redis_server.url, timeout=20, replicas=1)
    unreplicated.meanwhile = lambda: refuse(second, "session")
    refuse(unreplicated, "session")
    assert other.left("g") == 0
    assert not other.admit("g", "another")


def test_a_place_that_cannot_be_given_back_stays_with_its_session(
    redis_server: RedisServer, unreplicated: Unreplicated, other: Allowance
) -> None:
    unreplicated.meanwhile = redis_server.kill
    refuse(unreplicated, "session")
    redis_server.start()
    assert not other.admit("g", "another")
    assert other.admit("g", "session")

"""The allowance of one process: who gets in, how often, and what is kept."""

from __future__ import annotations

import gc
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from countermark import ConfigurationError, Keyring, Verifier
from countermark.verifying import Allowance
from countermark.wsgi import VerifyingMiddleware
from tests.conftest import SECRET, Events
from tests.drivers import call, wsgi_answer


def itself(source: Any) -> Any:
    """Take a source for the key of its session."""
    return source


def test_the_first_sessions_are_allowed_and_the_next_is_refused() -> None:
    allowance = Allowance(2, session=itself)
    assert [allowance.admit("g", key) for key in ("a", "b", "c", "d")] == [True, True, False, False]
    assert allowance.left("g") == 0


def test_a_session_counts_once_and_stays_allowed() -> None:
    allowance = Allowance(2, session=itself)
    assert [allowance.admit("g", "a") for _ in range(5)] == [True] * 5
    assert allowance.left("g") == 1
    assert allowance.admit("g", "b")
    assert not allowance.admit("g", "c")
    assert allowance.admit("g", "a")
    assert not allowance.admit("g", "c")


def test_an_allowance_of_zero_refuses_every_session() -> None:
    allowance = Allowance(0, session=itself)
    assert not allowance.admit("g", "a")
    assert allowance.left("g") == 0


def test_without_a_reader_each_request_is_a_session() -> None:
    allowance = Allowance(3)
    assert [allowance.admit("g", {}) for _ in range(5)] == [True, True, True, False, False]


@pytest.mark.parametrize("key", [None, ""])
def test_each_request_without_a_session_key_is_a_session(key: str | None) -> None:
    allowance = Allowance(3, session=itself)
    assert [allowance.admit("g", key) for _ in range(5)] == [True, True, True, False, False]


def test_each_group_has_its_own_allowance() -> None:
    allowance = Allowance(1, session=itself)
    groups = ["stigg live", "stigg live ", "stigg\x00live", "stigg\ud800live", "Stigg live", ""]
    assert all(allowance.admit(group, "a") for group in groups)
    assert not any(allowance.admit(group, "b") for group in groups)


def test_different_session_keys_stay_different() -> None:
    keys = [
        "a",
        "a ",
        "\ud800",
        "\udc00",
        "\ud83d\ude00",
        "😀",
        "e\u0301",
        "é",
        "\x00",
        "a" * 10**6,
        "a" * 10**6 + "b",
    ]
    allowance = Allowance(len(keys), session=itself)
    for _ in range(2):
        assert all(allowance.admit("g", key) for key in keys)
    assert allowance.left("g") == 0
    assert not allowance.admit("g", "another")


def test_only_hashes_are_kept() -> None:
    allowance = Allowance(5, session=itself)
    for key in ("session-cookie", "session-cookie" * 1000):
        allowance.admit("tenant-of-the-tests", key)
    texts = [text for text in reachable(allowance) if isinstance(text, str)]
    assert not [text for text in texts if "session-cookie" in text or "tenant-of" in text]
    assert len([text for text in texts if len(text) == 64]) == 3


@pytest.mark.parametrize("answer", [7, b"key", False, 0, ["a"], {}, object()])
def test_a_reader_that_returns_another_type_allows_no_session(answer: Any, events: Events) -> None:
    allowance = Allowance(2, session=lambda source: answer)
    with pytest.raises(TypeError, match=f"neither text nor None: {type(answer).__name__}"):
        allowance.admit("g", {})
    assert allowance.left("g") == 2
    assert (status_with(allowance, events), events[0].error) == (401, "TypeError")


def test_a_reader_that_raises_allows_no_session(events: Events) -> None:
    def raising(source: Any) -> str:
        raise KeyError("a cookie of somebody's")

    allowance = Allowance(2, session=raising, when_unavailable="fail_open")
    assert (status_with(allowance, events), events[0].error) == (401, "KeyError")
    assert [event.reason for event in events] == ["allowance_raised", "missing"]
    assert allowance.left("g") == 2


def status_with(allowance: Allowance, events: Events) -> int:
    """Return the status of the answer to an unsigned request behind the middleware."""
    verifier = Verifier("stigg", Keyring(SECRET))
    app = VerifyingMiddleware(
        wsgi_answer(), verifier=verifier, mode="enforce", allowance=allowance, on_event=events
    )
    return int(call(app).starts[0][0][:3])


def test_a_subclass_of_str_counts_as_its_text() -> None:
    class Pretending(str):
        __slots__ = ()

        def encode(self, *_: object) -> bytes:
            return b"the key of somebody else"

    allowance = Allowance(1, session=itself)
    assert allowance.admit("g", "the key of somebody else")
    assert not allowance.admit("g", Pretending("mine"))


def test_a_group_above_the_limit_gets_nothing_and_takes_nothing() -> None:
    allowance = Allowance(2, session=itself)
    groups = [f"tenant {number}" for number in range(1024)]
    assert all(allowance.admit(group, "a") for group in groups)
    assert not allowance.admit("one too many", "a")
    assert allowance.left("one too many") == 0
    assert all(allowance.left(group) == 1 for group in groups)
    assert all(allowance.admit(group, "b") for group in groups)


def test_asking_for_the_rest_creates_no_group() -> None:
    allowance = Allowance(2)
    assert {allowance.left(f"tenant {number}") for number in range(2000)} == {2}
    assert allowance.admit("g", {})


def test_a_group_that_gets_nothing_is_not_kept() -> None:
    allowance = Allowance(0)
    assert not any(allowance.admit(f"tenant {number}", {}) for number in range(2000))
    assert len(list(reachable(allowance))) < 20


@pytest.mark.parametrize("session", [None, itself])
def test_threads_share_exactly_one_allowance(session: Any) -> None:
    count, threads = 2, 32
    groups = [f"tenant {number}" for number in range(50)]
    allowance = Allowance(count, session=session)
    barrier = threading.Barrier(threads)

    def run(number: int) -> list[tuple[str, str, bool]]:
        key = f"{number // 4}"  # of four threads at once
        barrier.wait(20)
        return [(group, key, allowance.admit(group, key)) for group in groups]

    threading.setprofile(lambda *_: time.sleep(0))  # at each call another thread has its turn
    try:
        with ThreadPoolExecutor(threads) as pool:
            answers = [answer for answers in pool.map(run, range(threads)) for answer in answers]
    finally:
        threading.setprofile(None)
    let_in = [(group, key) for group, key, admitted in answers if admitted]
    if session is None:
        assert len(let_in) == count * len(groups)
    else:
        assert len(set(let_in)) == count * len(groups)
        assert len(set(answers)) == threads // 4 * len(groups), "a session got both answers"
    assert {allowance.left(group) for group in groups} == {0}


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (-1, {}, "whole number from 0 on"),
        (1.0, {}, "whole number from 0 on"),
        (True, {}, "whole number from 0 on"),
        ("100", {}, "whole number from 0 on"),
        (None, {}, "whole number from 0 on"),
        (1, {"session": "session_id"}, "session= must be a function"),
        (1, {"when_unavailable": "open"}, "'fail_closed' or 'fail_open'"),
        (1, {"when_unavailable": None}, "'fail_closed' or 'fail_open'"),
        (1, {"when_unavailable": ["fail_open"]}, "'fail_closed' or 'fail_open'"),
        (1, {"store": "redis://localhost"}, "RedisStore, not str"),
        (1, {"store": False}, "RedisStore, not bool"),
    ],
)
def test_an_invalid_argument_is_refused_at_once(
    count: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Allowance(count, **options)


def test_an_async_reader_is_refused() -> None:
    async def reader(source: Any) -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"no coroutine function|not async"):
        Allowance(1, session=reader)  # type: ignore[arg-type]


@pytest.mark.parametrize("module", [None, "loaded"])
def test_another_store_is_refused_with_redis_and_without(
    monkeypatch: pytest.MonkeyPatch, module: str | None
) -> None:
    if module is None:
        monkeypatch.delitem(sys.modules, "countermark.redis", raising=False)
    else:
        import countermark.redis  # noqa: F401
    with pytest.raises(ConfigurationError, match=r"store= takes a countermark\.redis\.RedisStore"):
        Allowance(1, store=object())  # type: ignore[arg-type]


def test_requests_are_refused_without_a_store_unless_it_is_said_otherwise() -> None:
    assert Allowance(1).when_unavailable == "fail_closed"
    assert Allowance(1, when_unavailable="fail_open").when_unavailable == "fail_open"


class Naive:
    """The allowance as one would explain it."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.let_in: dict[str, list[str | None]] = {}

    def admit(self, group: str, key: str | None) -> bool:
        sessions = self.let_in.setdefault(group, [])
        if key and key in sessions:
            return True
        if len(sessions) == self.count:
            return False
        sessions.append(key or None)
        return True

    def left(self, group: str) -> int:
        return self.count - len(self.let_in.get(group, []))


GROUPS = st.sampled_from(["a", "b", "a\x00", "\ud800"])
KEYS = st.none() | st.sampled_from(["", "x", "y", "z", "\udfff"]) | st.text(max_size=3)


class Compared(RuleBasedStateMachine):
    """Whatever comes in whatever order, the answers are those of the naive one."""

    def made(self, count: int) -> Allowance:
        return Allowance(count, session=itself)

    @initialize(count=st.integers(0, 4))
    def begin(self, count: int) -> None:
        self.naive = Naive(count)
        self.allowance = self.made(count)

    @rule(group=GROUPS, key=KEYS)
    def admit(self, group: str, key: str | None) -> None:
        assert self.allowance.admit(group, key) == self.naive.admit(group, key)

    @invariant()
    def the_same_is_left(self) -> None:
        for group in ("a", "b", "a\x00", "\ud800"):
            assert self.allowance.left(group) == self.naive.left(group)


TestCompared = Compared.TestCase


@given(st.lists(st.text(st.characters(), min_size=1), unique=True), st.integers(0, 20))
def test_exactly_the_allowed_number_of_texts_is_admitted(keys: list[str], count: int) -> None:
    allowance = Allowance(count, session=itself)
    answers = [allowance.admit("g", key) for key in keys]
    assert answers == [place < count for place in range(len(keys))]
    assert answers == [allowance.admit("g", key) for key in keys]


def reachable(thing: object) -> list[object]:
    """Return what *thing* holds, but for functions, classes and modules."""
    found: dict[int, object] = {}
    waiting = [thing]
    while waiting:
        each = waiting.pop()
        if id(each) in found or callable(each) or isinstance(each, type(sys)):
            continue
        found[id(each)] = each
        waiting += gc.get_referents(each)
        waiting += each if isinstance(each, dict) else ()  # whose keys are left out if text
    return list(found.values())

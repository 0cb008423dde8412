"""The Redis store where there is no Redis: what it refuses, says and shows."""

from __future__ import annotations

import sys
import traceback
from typing import Any, NoReturn

import pytest
import redis

from countermark import ConfigurationError, StoreUnavailable
from countermark.redis import RedisStore

PASSWORD = "hunter2-of-the-tests"
# Nobody listens on port 1 of loopback, and nothing here asks.
URL = f"redis://user:{PASSWORD}@127.0.0.1:1/0"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failing(error: Exception) -> Any:
    def what(client: redis.Redis) -> NoReturn:
        raise error

    return what


@pytest.mark.parametrize(
    "url",
    [
        "",
        PASSWORD,
        f"http://{PASSWORD}@localhost",
        f"redis://:{PASSWORD}@localhost:port",
        f"redis://:{PASSWORD}@localhost:99999",
        f"redis://:{PASSWORD}@[::1",
        f"redis://:{PASSWORD}@localhost?no_such_option=1",
        f"redis://:{PASSWORD}@localhost?db=one",
        f"redis://:{PASSWORD}@localhost?max_connections=-1",
        f"rediss://:{PASSWORD}@localhost?ssl_cert_reqs=perhaps",
        None,
        b"redis://localhost",
    ],
)
def test_a_url_that_is_none_is_refused_without_showing_it(url: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"redis://, rediss:// or unix://") as raised:
        RedisStore(url)
    assert shown(raised.value).count(PASSWORD) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prefix": b"countermark:"}, "prefix= must be a text"),
        ({"prefix": None}, "prefix= must be a text"),
        ({"timeout": None}, "timeout= must be"),
        ({"timeout": 0}, "timeout= must be"),
        ({"timeout": -1}, "timeout= must be"),
        ({"timeout": True}, "timeout= must be"),
        ({"timeout": float("nan")}, "timeout= must be"),
        ({"timeout": float("inf")}, "timeout= must be"),
        ({"timeout": "1"}, "timeout= must be"),
        ({"pause": None}, "pause= must be"),
        ({"pause": -0.1}, "pause= must be"),
        ({"pause": False}, "pause= must be"),
        ({"pause": float("nan")}, "pause= must be"),
        ({"pause": float("inf")}, "pause= must be"),
    ],
)
def test_an_option_that_cannot_be_meant_so_is_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        RedisStore(URL, **options)
    assert shown(raised.value).count(PASSWORD) == 0


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:6379/3\n",
        "rediss://user:word@localhost:6380/0",
        "unix:///run/redis.sock?db=1",
        "redis://[::1]:6379",
    ],
)
def test_a_store_is_made_without_asking_anybody(url: str) -> None:
    assert RedisStore(url, timeout=1, pause=0).prefix == "countermark:"


def test_what_the_url_says_of_waiting_and_decoding_does_not_count() -> None:
    query = "socket_timeout=100&socket_connect_timeout=100&retry_on_timeout=yes&retry=9&protocol=3"
    store = RedisStore(f"redis://localhost?{query}&decode_responses=", timeout=0.5)
    options = store.ask(lambda client: client.connection_pool.connection_kwargs)
    connection = store.ask(lambda client: client.connection_pool.make_connection())
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 0.5
    assert connection.retry._retries == 0
    assert (options["protocol"], options["decode_responses"]) == (2, True)


def test_a_failure_is_told_by_its_kind_alone() -> None:
    store = RedisStore(URL)
    error = redis.ConnectionError(f"no way to {URL}")
    with pytest.raises(StoreUnavailable, match=r"ConnectionError$") as raised:
        store.ask(failing(error))
    assert (raised.value.code, raised.value.kind) == ("store_unavailable", "ConnectionError")
    assert raised.value.__cause__ is raised.value.__context__ is None
    assert shown(raised.value).count(PASSWORD) == 0
    assert PASSWORD not in repr(store)


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError(),
        redis.TimeoutError(),
        redis.AuthenticationError(),
        redis.BusyLoadingError(),
        redis.ChildDeadlockedError(),
        OSError(),
        TimeoutError(),
    ],
)
def test_a_server_that_did_not_answer_is_left_alone_for_the_pause(error: Exception) -> None:
    clock = Clock()
    store = RedisStore(URL, pause=2, clock=clock)
    with pytest.raises(StoreUnavailable, match=type(error).__name__):
        store.ask(failing(error))
    clock.now = 1.9
    with pytest.raises(StoreUnavailable, match="a moment ago") as raised:
        store.ask(unasked)
    assert raised.value.kind == type(error).__name__  # of the failure that it is left alone for
    clock.now = 2.0
    assert store.ask(lambda client: "back") == "back"
    assert store.ask(lambda client: "at once") == "at once"


@pytest.mark.parametrize(
    "error",
    [
        redis.ResponseError("WRONGTYPE"),
        redis.DataError(),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        UnicodeError("label empty or too long"),
        ValueError(),
    ],
)
def test_an_answer_that_is_an_error_is_none_but_stops_nobody(error: Exception) -> None:
    # Else a client's odd text could stop the counting of everybody.
    store = RedisStore(URL, pause=3600)
    with pytest.raises(StoreUnavailable, match=type(error).__name__):
        store.ask(failing(error))
    assert store.ask(lambda client: "still there") == "still there"


def test_after_the_pause_one_request_asks_and_the_others_do_not_wait() -> None:
    clock = Clock()
    store = RedisStore(URL, pause=2, clock=clock)

    def meanwhile(client: redis.Redis) -> NoReturn:
        with pytest.raises(StoreUnavailable, match="a moment ago"):
            store.ask(unasked)
        raise redis.TimeoutError

    with pytest.raises(StoreUnavailable, match="TimeoutError"):
        store.ask(failing(redis.TimeoutError()))
    clock.now = 5.0
    with pytest.raises(StoreUnavailable, match="TimeoutError"):
        store.ask(meanwhile)
    with pytest.raises(StoreUnavailable, match="a moment ago"):
        store.ask(unasked)


def test_without_a_pause_everybody_asks() -> None:
    store = RedisStore(URL, pause=0)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="OSError"):
            store.ask(failing(OSError()))


def test_what_stops_the_process_is_not_held_up() -> None:
    def interrupted(client: redis.Redis) -> NoReturn:
        raise KeyboardInterrupt

    store = RedisStore(URL)
    with pytest.raises(KeyboardInterrupt):
        store.ask(interrupted)
    assert store.ask(lambda client: "still there") == "still there"


def test_without_redis_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "countermark.redis")
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError, match=r"pip install 'countermark\[redis\]'"):
        import countermark.redis  # noqa: F401


def unasked(client: redis.Redis) -> NoReturn:
    raise AssertionError("the server was asked")


def shown(error: BaseException) -> str:
    """Return all that a reporter of errors shows, but for the frames of these tests."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in told.stack if not frame.filename.endswith("test_redis_store.py")]
    assert ours, "no frame of the package"
    return f"{error!r} {error} {told.__context__} {[frame.locals for frame in ours]}"

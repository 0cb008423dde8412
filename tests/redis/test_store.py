"""The Redis store without a Redis: its checks, errors and pauses."""

from __future__ import annotations

import contextlib
import sys
import traceback
from hashlib import sha256
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
        f"redis+sentinel://:{PASSWORD}@localhost:26379",
        f"redis+sentinel://:{PASSWORD}@localhost:26379,/service",
        f"redis+sentinel://:{PASSWORD}@localhost/service?no_such_option=1",
        f"redis+sentinel://:{PASSWORD}@localhost/service?sentinel_no=1",
        f"redis+cluster://:{PASSWORD}@localhost:port",
        f"redis+cluster://:{PASSWORD}@localhost/1",
        f"redis+cluster://:{PASSWORD}@localhost?no_such_option=1",
        f"redis+other://:{PASSWORD}@localhost",
        f"other+cluster://:{PASSWORD}@localhost",
        b"redis://localhost",
    ],
)
def test_an_invalid_url_is_refused_and_not_shown(url: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"redis://, rediss:// or unix://") as raised:
        RedisStore(url)
    assert shown(raised.value).count(PASSWORD) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prefix": b"countermark:"}, "prefix= must be a text"),
        ({"prefix": "{mine}:"}, "prefix= must be a text such as 'countermark:', without { }"),
        ({"replicas": -1}, "replicas= must be"),
        ({"replicas": True}, "replicas= must be"),
        ({"replicas": 1.0}, "replicas= must be"),
        ({"client": redis.Redis()}, "either a URL or client="),
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
def test_an_invalid_option_is_refused(options: dict[str, Any], message: str) -> None:
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
        "valkey://localhost",
        "valkeys://localhost?ssl_ca_certs=/etc/ca.pem",
        "redis+unix:///run/redis.sock",
        "redis+sentinel://localhost/service",
        "rediss+sentinel://user:word@one:26379,[::1],three/service/2?sentinel_password=other",
        "valkey+cluster://one:7000,two",
        "rediss+cluster://user:word@[::1]:7000/0?ssl_check_hostname=False",
    ],
)
def test_a_new_store_does_not_connect(url: str) -> None:
    assert RedisStore(url, timeout=1, pause=0).prefix == "countermark:"


@pytest.mark.parametrize(
    ("url", "replicas"),
    [("redis://localhost", 0), ("redis+sentinel://one/main", 1), ("redis+cluster://one", 1)],
)
def test_as_many_replicas_count_as_a_failover_needs(url: str, replicas: int) -> None:
    assert RedisStore(url).replicas == replicas
    assert RedisStore(url, replicas=2).replicas == 2


@pytest.mark.parametrize(
    ("group", "key"),
    [
        ("a", "p:{a}:n"),
        ("stigg/live:x.y-z_1", "p:{stigg/live:x.y-z_1}:n"),
        ("a" * 65, f"p:{{{sha256(b'a' * 65).hexdigest()[:32]}}}:n"),
        ("", f"p:{{{sha256(b'').hexdigest()[:32]}}}:n"),
        ("}{", f"p:{{{sha256(b'}{').hexdigest()[:32]}}}:n"),
    ],
)
def test_the_keys_of_a_group_have_one_hash_tag(group: str, key: str) -> None:
    assert RedisStore(URL, prefix="p:").key(group, "n") == key


def test_a_group_may_have_any_text() -> None:
    keys = {RedisStore(URL).key(group, "n") for group in ("\ud800", "é", "a\nb", "a\n")}
    assert len(keys) == 4


def test_options_for_timeouts_and_decoding_in_the_url_are_ignored() -> None:
    query = "socket_timeout=100&socket_connect_timeout=100&retry_on_timeout=yes&retry=9&protocol=3"
    store = RedisStore(f"redis://localhost?{query}&decode_responses=", timeout=0.5)
    options = store.ask(lambda client: client.connection_pool.connection_kwargs)
    connection = store.ask(lambda client: client.connection_pool.make_connection())
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 0.5
    assert connection.retry._retries == 0
    assert (options["protocol"], options["decode_responses"]) == (2, True)


def test_a_failure_shows_only_the_type_of_the_error() -> None:
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
def test_after_a_timeout_the_server_is_not_asked_during_the_pause(error: Exception) -> None:
    clock = Clock()
    store = RedisStore(URL, pause=2, clock=clock)
    with pytest.raises(StoreUnavailable, match=type(error).__name__):
        store.ask(failing(error))
    clock.now = 0.9
    with pytest.raises(StoreUnavailable, match="a moment ago") as raised:
        store.ask(unasked)
    assert raised.value.kind == type(error).__name__  # of the failure that caused the pause
    clock.now = 3.1
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
def test_an_error_in_an_answer_causes_no_pause(error: Exception) -> None:
    # Otherwise an invalid text of one client could stop the counts of all clients.
    store = RedisStore(URL, pause=3600)
    with pytest.raises(StoreUnavailable, match=type(error).__name__):
        store.ask(failing(error))
    assert store.ask(lambda client: "still there") == "still there"


def test_after_the_pause_one_request_tries_and_the_others_do_not_wait() -> None:
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


def test_the_pause_grows_with_each_failed_try_and_not_with_late_failures() -> None:
    clock = Clock()
    store = RedisStore(URL, pause=2, clock=clock)

    def fails(command: Any) -> str:
        with pytest.raises(StoreUnavailable) as raised:
            store.ask(command)
        return raised.value.kind

    def together(requests: int) -> Any:
        def command(client: redis.Redis) -> NoReturn:
            if requests > 1:
                assert fails(together(requests - 1)) == "TimeoutError"
            raise redis.TimeoutError

        return command

    assert fails(together(9)) == "TimeoutError"
    for longest in (2, 4, 8, 8, 8):
        clock.now += longest * 0.499
        assert fails(unasked) == "TimeoutError"
        clock.now += longest * 1.01
        assert fails(failing(redis.TimeoutError())) == "TimeoutError"
    clock.now += 12.1
    assert store.ask(lambda client: "back") == "back"
    assert fails(failing(redis.TimeoutError())) == "TimeoutError"
    clock.now += 3.1
    assert store.ask(lambda client: "after the first pause again") != ""


def test_processes_do_not_retry_at_once() -> None:
    waited = set()
    for _ in range(20):
        clock = Clock()
        store = RedisStore(URL, pause=100, clock=clock)
        with pytest.raises(StoreUnavailable):
            store.ask(failing(redis.TimeoutError()))
        while True:
            clock.now += 1
            with contextlib.suppress(StoreUnavailable):
                store.ask(lambda client: None)
                break
        waited.add(clock.now)
    assert 50 <= min(waited) <= max(waited) <= 151
    assert len(waited) > 5


def test_an_exhausted_pool_causes_no_pause() -> None:
    store = RedisStore(URL, pause=3600)
    with pytest.raises(StoreUnavailable, match="MaxConnectionsError"):
        store.ask(failing(redis.exceptions.MaxConnectionsError("100 connections")))
    assert store.ask(lambda client: "still there") == "still there"


def test_without_a_pause_every_request_asks_the_server() -> None:
    store = RedisStore(URL, pause=0)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="OSError"):
            store.ask(failing(OSError()))


def test_a_keyboard_interrupt_is_raised_unchanged() -> None:
    def interrupted(client: redis.Redis) -> NoReturn:
        raise KeyboardInterrupt

    store = RedisStore(URL)
    with pytest.raises(KeyboardInterrupt):
        store.ask(interrupted)
    assert store.ask(lambda client: "still there") == "still there"


def test_without_redis_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "countermark.redis")
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError, match=r"pip install 'countermark\[redis\]'"):
        import countermark.redis  # noqa: F401


def unasked(client: redis.Redis) -> NoReturn:
    raise AssertionError("the server was asked")


def shown(error: BaseException) -> str:
    """Return all that a reporter of errors shows, but for the frames of these tests."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in told.stack if frame.filename != __file__]
    assert ours, "no frame of the package"
    return f"{error!r} {error} {told.__context__} {[frame.locals for frame in ours]}"

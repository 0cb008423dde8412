"""The cache of tenants: each tenant is loaded once at a time, and in time."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from countermark import ConfigurationError, PerTenant
from countermark.keys import _tenant_cache as tenant_cache
from countermark.keys._tenant_cache import TenantCache
from tests.keys.watching import LONG


class Source:
    """Loads tenants, and counts how often each was loaded."""

    def __init__(self) -> None:
        self.loads: Counter[str] = Counter()
        self.values: dict[str, Any] = {}
        self.now = 0.0

    def __call__(self, tenant: str) -> Any:
        self.loads[tenant] += 1
        value = self.values.get(tenant, tenant)
        if isinstance(value, Exception):
            raise value
        return value() if callable(value) else value

    def cache(self, **options: Any) -> TenantCache[Any]:
        return TenantCache(self, clock=lambda: self.now, **options)


@pytest.fixture
def source() -> Source:
    return Source()


def in_threads(number: int, function: Callable[[], object]) -> list[Any]:
    """Return what the function returns or raises in each of so many threads."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(function())
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    return found


def test_threads_that_miss_at_once_load_a_tenant_once(source: Source) -> None:
    entered, cache = threading.Event(), source.cache()

    def load() -> str:
        entered.wait(0.2)  # the others come meanwhile
        return "the keys"

    source.values["acme"] = load
    assert in_threads(8, lambda: cache.of("acme")) == ["the keys"] * 8
    assert source.loads["acme"] == 1


def test_a_tenant_does_not_wait_for_the_load_of_another(source: Source) -> None:
    done, cache = threading.Event(), source.cache()
    source.values["slow"] = lambda: done.wait(LONG) and "slow"
    thread = threading.Thread(target=lambda: cache.of("slow"))
    thread.start()
    assert cache.of("acme") == cache.of("acme") == "acme"
    done.set()
    thread.join(LONG)
    assert source.loads == {"slow": 1, "acme": 1}


def test_threads_that_wait_for_a_load_that_fails_get_its_error(source: Source) -> None:
    began, cache = threading.Event(), source.cache()

    def load() -> None:
        began.wait(0.2)
        raise OSError

    source.values["acme"] = load
    found = in_threads(4, lambda: cache.of("acme"))
    assert [type(error) for error in found] == [OSError] * 4
    assert source.loads["acme"] == 1
    source.values["acme"] = "again"
    assert cache.of("acme") == "again"


def test_an_unknown_tenant_is_shared_by_those_who_wait_and_not_kept(source: Source) -> None:
    began, cache = threading.Event(), source.cache()
    source.values["nobody"] = lambda: began.wait(0.2) or None
    assert in_threads(4, lambda: cache.of("nobody")) == [None] * 4
    assert source.loads["nobody"] == 1
    source.values["nobody"] = "somebody"
    assert cache.of("nobody") == "somebody"


def test_a_load_that_needs_its_own_tenant_does_not_wait_for_itself(source: Source) -> None:
    cache = source.cache()

    def load() -> Any:
        source.values["acme"] = "inner"
        return cache.of("acme")

    source.values["acme"] = load
    assert cache.of("acme") == "inner"


def test_a_load_that_waits_for_a_thread_that_waits_for_it_comes_to_its_end(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_cache, "_PATIENCE", 0.01)
    cache, other_done, began = source.cache(), threading.Event(), threading.Event()

    def load() -> str:
        source.values["acme"] = "by the other"
        began.set()
        assert other_done.wait(LONG)
        return "by the first"

    source.values["acme"] = load
    first = threading.Thread(target=lambda: cache.of("acme"))
    first.start()
    assert began.wait(LONG)
    assert cache.of("acme") == "by the other"
    other_done.set()
    first.join(LONG)
    assert not first.is_alive()


def test_a_load_that_is_interrupted_is_done_by_those_who_wait(source: Source) -> None:
    cache, began = source.cache(), threading.Event()

    def load() -> None:
        source.values["acme"] = "the keys"
        began.set()
        threading.Event().wait(0.2)
        raise SystemExit  # as when a worker is told to stop

    def interrupted() -> None:
        with pytest.raises(SystemExit):
            cache.of("acme")

    source.values["acme"] = load
    first = threading.Thread(target=interrupted)
    first.start()
    assert began.wait(LONG)
    assert cache.of("acme") == "the keys"
    first.join(LONG)


def test_one_request_loads_ahead_while_others_use_the_old_keys(source: Source) -> None:
    cache = source.cache(seconds=60)
    assert cache.of("acme") == "acme"
    source.now = 44
    assert cache.of("acme") == "acme"
    others: list[Any] = []

    def load() -> str:
        others.append(cache.of("acme"))
        return "new"

    source.values["acme"] = load
    source.now = 46
    assert cache.of("acme") == "new"
    assert others == ["acme"]
    assert cache.of("acme") == "new"
    assert source.loads["acme"] == 2


def test_a_source_that_fails_ahead_has_time_to_recover_and_then_it_is_an_error(
    source: Source,
) -> None:
    cache = source.cache(seconds=60)
    cache.of("acme")
    source.values["acme"] = OSError()
    for now, loads in ((46, 2), (48, 2), (50, 3), (59.9, 4)):
        source.now = now
        assert cache.of("acme") == "acme"
        assert source.loads["acme"] == loads
    source.now = 60
    with pytest.raises(OSError):
        cache.of("acme")


def test_a_load_ahead_that_fails_after_the_keys_have_expired_is_an_error(source: Source) -> None:
    """As with a database whose connections time out after half a minute."""
    cache = source.cache(seconds=60)
    cache.of("acme")

    def load() -> str:
        source.now = 61
        raise OSError

    source.values["acme"] = load
    source.now = 59
    with pytest.raises(OSError):
        cache.of("acme")


def test_a_slow_load_does_not_replace_what_a_later_one_has_found(source: Source) -> None:
    cache = source.cache(seconds=60)
    cache.of("acme")

    def load() -> str:
        source.now, source.values["acme"] = 61, "new"
        assert cache.of("acme") == "new"
        return "withdrawn"

    source.values["acme"] = load
    source.now = 46
    assert cache.of("acme") == "new"
    assert cache.of("acme") == "new"


def test_the_time_of_a_key_begins_with_its_load(source: Source) -> None:
    cache = source.cache(seconds=60)

    def load() -> str:
        source.now += 50
        return "slow"

    source.values["acme"] = load
    cache.of("acme")
    source.now = 60
    source.values["acme"] = "new"
    assert cache.of("acme") == "new"


def test_a_tenant_that_is_used_stays(source: Source) -> None:
    cache = source.cache(size=100)
    for number in range(1000):
        cache.of(f"tenant-{number}")
        cache.of("busy")
    assert source.loads["busy"] == 1
    assert len(cache._kept) == 100


def test_many_threads_keep_the_size(source: Source) -> None:
    cache = source.cache(size=50)

    def use() -> None:
        for number in range(2000):
            name = f"tenant-{number * 7 % 120}"
            assert cache.of(name) == name

    assert in_threads(4, use) == [None] * 4
    assert len(cache._kept) == 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_waits_for_no_thread_of_its_parent(source: Source) -> None:
    cache = source.cache()
    cache._lock.acquire()
    cache._loading["acme"] = tenant_cache._Loading()
    cache._loading["acme"].thread = 0
    cache._begin()  # as the hook of a fork does
    assert cache.of("acme") == "acme"


def test_per_tenant_is_the_function_itself(source: Source) -> None:
    setting = PerTenant(source, size=7, seconds=5)
    assert setting("acme") == "acme"
    assert (setting.size, setting.seconds) == (7, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"load": "acme"}, "takes a function"),
        ({"size": 0}, "size= must be"),
        ({"size": True}, "size= must be"),
        ({"seconds": 0}, "seconds= must be"),
        ({"seconds": True}, "seconds= must be"),
        ({"seconds": "60"}, "seconds= must be"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        PerTenant(**{"load": str, **arguments})

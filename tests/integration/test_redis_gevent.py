"""Redis in greenlets of a worker that gevent patches after a fork, as gunicorn's with --preload."""

from __future__ import annotations

import subprocess
import sys

import pytest

from countermark.redis import RedisStore
from countermark.rollout import set_mode
from tests.integration.redis_server import RedisServer

WORKER = """
import os, signal, sys
from countermark.redis import RedisStore
from countermark.rollout import Meter
from countermark.verifying import ModeContext, ModeSwitch
from countermark.wsgi import RolloutPage
from tests.rollout.verdicts import verified
url = sys.argv[1]
switch = ModeSwitch(RedisStore(url, timeout=20), "stigg", environment="live")
meter = Meter(store=RedisStore(url, timeout=20), interval=3600)
cluster = RedisStore(url.replace("redis:", "redis+cluster:"), timeout=20, pause=0)
page = RolloutPage(RedisStore(url, timeout=20), authorize=lambda environ: True)
def mode():
    return switch(ModeContext({}))
def count():
    meter(verified("ann"))
    return meter.flush()
def look_up():
    try:
        cluster.run("return 1", [cluster.key("g", "a")])
    except Exception as error:
        return error.kind
def show():
    shown = []
    page({"REQUEST_METHOD": "GET"}, lambda status, headers: shown.append(status[:3]))
    return shown[0]
switch._asked_at -= 60  # the worker begins long after the switch was built
if pid := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
signal.alarm(25)  # ends a worker that halts
from gevent import monkey
monkey.patch_all()
import gevent
started = [gevent.spawn(%s) for _ in range(5)]
gevent.joinall(started)
print(*sorted({str(each.value) for each in started}), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize(
    ("function", "results"),
    [("mode", "monitor"), ("count", "True"), ("look_up", "NotACluster"), ("show", "200")],
)
def test_greenlets_that_wait_for_one_another_do_not_halt(
    redis_server: RedisServer, function: str, results: str
) -> None:
    set_mode(RedisStore(redis_server.url), "stigg", "monitor", environment="live", by="ann")
    command = [sys.executable, "-W", "ignore", "-c", WORKER % function, redis_server.url]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert ended.stdout.split() == [results]

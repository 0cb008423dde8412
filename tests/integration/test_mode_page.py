"""docs/mode-switch.md: its commands print what it shows, its code runs, its rights suffice."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path
from typing import Any

import pytest

from countermark import StoreUnavailable
from countermark.cli import main
from countermark.redis import RedisStore
from countermark.rollout import DAY, Meter, mode_history, read_modes, set_mode
from countermark.verifying import ModeSwitch
from tests.drivers import call
from tests.integration.redis_server import RedisServer
from tests.integration.test_meter_redis import NEVER
from tests.rollout.verdicts import Clock, verified

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "mode-switch.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def masked(text: str) -> str:
    """Return *text* without times and revisions."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\d{13}", "0", text)


def test_the_commands_print_what_the_page_shows(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(0)
    meter = Meter(store=RedisStore(redis_server.url), clock=clock, interval=NEVER)
    for days in (8, 0):
        clock.now = time.time() - days * DAY
        meter(verified("user-1", environment="live"))
        assert meter.flush()
    monkeypatch.setenv("COUNTERMARK_REDIS_URL", redis_server.url)
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    for block in blocks("console"):
        for command, shown in re.findall(
            r"^\$ countermark (.+)\n((?:[^$].*\n)+)", block, re.MULTILINE
        ):
            assert main(shlex.split(command)) == 0
            assert masked(capsys.readouterr().out) == masked(shown)


def test_the_code_of_the_page_runs(redis_server: RedisServer) -> None:
    set_mode(RedisStore(redis_server.url), "stigg", "monitor", environment="live", by="ann")
    pages = []
    for code in blocks("python"):
        names: dict[str, Any] = {"__name__": "page"}
        here = code.replace("redis://localhost:6379/0", redis_server.url)
        exec(compile(here, "mode-switch.md", "exec"), names)
        pages.append(names)
    request = {"REQUEST_METHOD": "GET", "QUERY_STRING": "customer=user-1"}
    assert call(pages[0]["app"], **request).starts[0][0] == "200 OK"


def test_the_rights_of_the_page_suffice_and_those_of_followers_set_no_mode(
    redis_server: RedisServer,
) -> None:
    follow, put = (rights.split() for rights in re.findall(r"`(~countermark[^`]+)`", PAGE))
    client: Any = redis_server.client()
    stores = {}
    for name, rights in (("follower", follow), ("admin", put)):
        client.execute_command("ACL", "SETUSER", name, "on", ">pw", *rights)
        url = redis_server.url.replace("redis://", f"redis://{name}:pw@")
        stores[name] = RedisStore(url)
    admin, follower = stores["admin"], stores["follower"]
    for mode, tenant in (("monitor", None), ("enforce", "acme"), (None, "acme"), ("off", None)):
        set_mode(admin, "stigg", mode, tenant=tenant, by="ann")  # type: ignore[arg-type]
    assert mode_history(admin, "stigg")[0].after == "off"
    assert ModeSwitch(follower, "stigg").stored == read_modes(admin, "stigg")
    with pytest.raises(StoreUnavailable):
        set_mode(follower, "stigg", "off", by="eve")
    script = "return redis.call('HSET', KEYS[1], 'mode', 'enforce')"
    with pytest.raises(StoreUnavailable):
        follower.run(script, [follower.key("stigg/", "modes")])

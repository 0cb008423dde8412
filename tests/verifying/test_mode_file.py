"""How strict to be: a text, a function, a file that is watched."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark import ConfigurationError, Keyring, Verifier
from countermark.verifying import Enforcement, ModeContext, ModeFile
from countermark.verifying._modes import checked_mode
from tests.conftest import SECRET, Events


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


Write = Callable[[str], ModeFile]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mode.toml"


def asked(modes: ModeFile, **question: Any) -> str:
    return str(modes(ModeContext({}, **question)))


RULES = """
mode = "monitor"
[tenants]
acme = "off"
[origins]
"https://new.example" = "enforce"
[environments]
live = "enforce"
"""


def test_the_mode_is_read_from_the_file(file: Path) -> None:
    for mode in ("off", "monitor", "enforce"):
        file.write_text(f'mode = "{mode}"')
        assert asked(ModeFile(file)) == asked(ModeFile(str(file)), tenant="x") == mode


def test_a_tenant_counts_before_an_origin_and_that_before_an_environment(file: Path) -> None:
    file.write_text(RULES)
    modes = ModeFile(file)
    new = "https://new.example"
    assert asked(modes, tenant="acme", origin=new, environment="live") == "off"
    assert asked(modes, tenant="other", origin=new, environment="test") == "enforce"
    assert asked(modes, origin="https://old.example", environment="live") == "enforce"
    assert asked(modes, origin="https://old.example", environment="test") == "monitor"
    assert asked(modes, scheme="live") == "monitor"
    file.write_text('mode = "enforce"\n[origins]\nnull = "monitor"')
    assert asked(ModeFile(file), origin="null") == "monitor"


def test_a_change_is_seen_after_the_interval(file: Path, clock: Clock) -> None:
    file.write_text('mode = "monitor"')
    modes = ModeFile(file, interval=2, clock=clock)
    before = file.stat()
    file.write_text('mode = "enforce"')  # of the same length,
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # and date
    clock.forward(1.9)
    assert asked(modes) == "monitor"
    clock.forward(0.2)
    assert asked(modes) == "enforce"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": value}, "interval= must be a number of seconds")
        for value in ("1", None, True, -1, math.nan, math.inf)  # the last two: never again
    ]
    + [({"on_event": "log"}, "on_event= must be a function"), ({"clock": 3}, "clock= must be")],
)
def test_an_invalid_option_is_refused(file: Path, options: dict[str, Any], message: str) -> None:
    file.write_text('mode = "monitor"')
    with pytest.raises(ConfigurationError, match=message):
        ModeFile(file, **options)


def test_an_interval_of_0_reads_at_each_request(file: Path) -> None:
    file.write_text('mode = "monitor"')
    modes = ModeFile(file, interval=0)
    file.write_text('mode = "enforce"')
    assert asked(modes) == "enforce"


def test_a_changed_symbolic_link_is_followed(tmp_path: Path, clock: Clock) -> None:
    """As Kubernetes does with the files of a ConfigMap."""
    for mode in ("monitor", "enforce"):
        (tmp_path / mode).mkdir()
        (tmp_path / mode / "mode.toml").write_text(f'mode = "{mode}"')
    data = tmp_path / "data"
    data.symlink_to("monitor")
    modes = ModeFile(data / "mode.toml", clock=clock)
    (tmp_path / "other").symlink_to("enforce")
    (tmp_path / "other").rename(data)
    clock.forward(1)
    assert asked(modes) == "enforce"


BROKEN = [
    "",
    "mode = monitor",
    'mode = "strict"',
    'mode = "ENFORCE"',
    "mode = true",
    "mode = ['monitor']",
    'mode = "monitor"\nenvironments = "live"',
    'mode = "monitor"\n[tenants]\nacme = "on"',
    'mode = "monitor"\n[tenants]\nacme = {}',
    'mode = "monitor"\n[schemes]\nstigg = "off"',
    '[environments]\nlive = "enforce"',
    'mode = "monitor"\n[origins]\n"https://App.example/" = "enforce"',
    'mode = "monitor"\n[origins]\n"*" = "off"',
    "a = " + "[" * 100_000,
    b'mode = "monitor" # \xff',
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_refused_at_the_start(file: Path, content: str | bytes) -> None:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match="the mode file"):
        ModeFile(file)


def test_a_missing_file_or_a_folder_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: FileNotFoundError"):
        ModeFile(tmp_path / "none.toml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ModeFile(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ModeFile(tmp_path / "pipe")


@pytest.mark.parametrize("content", BROKEN)
def test_a_file_that_breaks_changes_nothing_and_is_reported_once(
    file: Path, clock: Clock, events: Events, content: str | bytes
) -> None:
    file.write_text(RULES)
    modes = ModeFile(file, clock=clock, on_event=events)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    for _ in range(3):
        clock.forward(1)
        assert asked(modes) == "monitor"
        assert asked(modes, tenant="acme") == "off"
    assert [(event.name, event.reason) for event in events] == [("failed", "mode_file")]


def test_a_file_that_comes_back_counts_and_may_break_again(
    file: Path, clock: Clock, events: Events
) -> None:
    file.write_text('mode = "monitor"')
    modes = ModeFile(file, clock=clock, on_event=events)
    for mode in ("enforce", "off"):
        file.unlink()
        clock.forward(1)
        before = asked(modes)
        file.write_text(f'mode = "{mode}"')
        assert asked(modes) == before
        clock.forward(1)
        assert asked(modes) == mode
    assert [event.error for event in events] == ["FileNotFoundError"] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_that_was_forked_while_another_thread_looked_at_the_time_sees_changes(
    file: Path, clock: Clock
) -> None:
    file.write_text('mode = "monitor"')
    slow = _Waiting(clock)
    modes = ModeFile(file, clock=slow)
    clock.forward(1)
    slow.waits = True
    thread = threading.Thread(target=modes, args=(ModeContext({}),))
    thread.start()
    slow.reached.wait(30)
    slow.waits = False
    if (pid := os.fork()) == 0:
        file.write_text('mode = "enforce"')
        os._exit(modes(ModeContext({})) != "enforce")
    slow.go_on.set()
    thread.join(30)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


class _Waiting:
    """A clock that a thread waits for at its second look, when it has the lock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.waits = False
        self.looks = 0
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> float:
        if self.waits:
            self.looks += 1
            if self.looks == 2:
                self.reached.set()
                self.go_on.wait(30)
        return self._clock()


def test_one_thread_reads_and_the_others_go_on(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('mode = "monitor"')
    modes = ModeFile(file, clock=clock)
    reading, go_on = threading.Event(), threading.Event()
    read_text, reads = Path.read_text, []

    def slow(path: Path, **options: Any) -> str:
        reads.append(path)
        reading.set()
        assert go_on.wait(20)
        return read_text(path, **options)

    monkeypatch.setattr(Path, "read_text", slow)
    file.write_text('mode = "enforce"')
    clock.forward(1)
    thread = threading.Thread(target=asked, args=(modes,))
    thread.start()
    assert reading.wait(20)
    assert [asked(modes) for _ in range(10)] == ["monitor"] * 10
    go_on.set()
    thread.join(20)
    assert asked(modes) == "enforce"
    assert len(reads) == 1


def test_two_threads_that_find_it_due_read_once(file: Path) -> None:
    times = iter([0.0, 5.0, 0.5])  # at the start; due; another thread has been there since
    file.write_text('mode = "monitor"')
    modes = ModeFile(file, clock=lambda: next(times))
    file.write_text('mode = "enforce"')
    assert asked(modes) == "monitor"


@given(st.binary(max_size=60))
def test_arbitrary_content_raises_no_other_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(content)
    with contextlib.suppress(ConfigurationError):
        ModeFile(file)


async def coroutine(question: ModeContext) -> str:
    return "enforce"


class Coroutine:
    async def __call__(self, question: ModeContext) -> str:
        return "enforce"


@pytest.mark.parametrize("mode", ["on", "Enforce", "", None, True, b"off", coroutine, Coroutine()])
def test_an_invalid_mode_is_refused(mode: Any) -> None:
    with pytest.raises(ConfigurationError, match="mode= must be 'off', 'monitor' or 'enforce'"):
        checked_mode(mode)


def test_a_mode_or_a_function_is_accepted() -> None:
    def function(question: ModeContext) -> Any:
        return "off"

    assert checked_mode("monitor") == "monitor"
    assert checked_mode(function) is function


def test_representations_show_no_id(file: Path) -> None:
    file.write_text('mode = "monitor"\n[tenants]\nacme = "off"')
    assert repr(ModeFile(file)) == "<ModeFile mode=monitor>"
    question = ModeContext({}, scheme="stigg", environment="live", origin="o", tenant="acme")
    assert repr(question) == "<ModeContext scheme=stigg environment=live>"


@pytest.mark.parametrize("table", ["[tenants]\nacme", "[environments]\nlive"])
def test_a_mode_for_what_no_request_has_is_refused_at_the_start(table: str, file: Path) -> None:
    file.write_text(f'mode = "monitor"\n{table} = "enforce"')
    with pytest.raises(ConfigurationError, match="which would have no effect"):
        Enforcement(Verifier("stigg", Keyring(SECRET)), mode=ModeFile(file))
    Enforcement(
        Verifier("stigg", Keyring(SECRET), environment="live"),
        mode=ModeFile(file),
        tenant=lambda source: "acme",
    )


def test_a_mode_for_a_tenant_that_is_added_later_is_reported_once(
    file: Path, clock: Clock, events: Events
) -> None:
    file.write_text('mode = "monitor"')
    verifier = Verifier("stigg", Keyring(SECRET))
    modes = ModeFile(file, clock=clock)
    lacking = Enforcement(verifier, mode=modes, on_event=events)
    reading = Enforcement(verifier, mode=modes, tenant=lambda source: "acme", on_event=events)
    scope = {"type": "http", "headers": []}
    assert lacking.judge(scope).admitted_by == "monitor"  # type: ignore[union-attr]
    file.write_text('mode = "monitor"\n[tenants]\nacme = "enforce"')
    clock.forward(2)
    assert reading.judge(scope).admitted_by is None  # type: ignore[union-attr]
    for _ in range(2):
        assert lacking.judge(scope).admitted_by == "monitor"  # type: ignore[union-attr]
    assert [event.reason for event in events.named("failed")] == ["mode_ineffective"]

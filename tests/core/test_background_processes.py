"""The thread of the background when its process forks, gets signals and ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.core.background import LONG


def run(code: str, *options: str, before: str = "") -> list[str]:
    """Run *code* in an interpreter that must end soon; return the lines that it printed."""
    code = f"{before}\nfrom countermark._background import Job\n{code}"
    # From CPython 3.12 on a fork warns if there are threads.
    quiet = ("-W", "ignore:This process")
    ended = subprocess.run(
        [sys.executable, *quiet, *options, "-c", code],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert ended.stderr == ""
    assert ended.returncode == 0
    return ended.stdout.splitlines()


EXITING = """
Job(lambda: print("last"), 3600, name="last", at_exit=True).start()
Job(lambda: print("other"), 3600, name="other").start()
resting = Job(lambda: print("resting"), 3600, name="resting", at_exit=True)
resting.start()
resting.stop()
print("end")
"""


def test_jobs_do_not_keep_the_interpreter_and_run_a_last_time_at_exit() -> None:
    assert run(EXITING) == ["end", "last"]


HANGING = """
import threading
from countermark._background import _scheduler as background
background.LAST_SECONDS = 0.1
begun = threading.Semaphore(0)

def hang():
    begun.release()
    threading.Event().wait()

Job(hang, 0, name="slow", slow=True, at_exit=True).start()
begun.acquire()
"""
AND_ANOTHER = """
Job(hang, 0, name="quick", at_exit=True).start()
begun.acquire()
"""


def test_a_function_that_hangs_does_not_keep_the_interpreter() -> None:
    assert run(HANGING + AND_ANOTHER + "print('end')") == ["end"]


def test_a_slow_function_that_hangs_does_not_prevent_the_last_runs() -> None:
    last = "Job(lambda: print('last'), 3600, name='last', at_exit=True).start()\n"
    assert run(f"{HANGING}{last}print('end')") == ["end", "last"]


LATE = """
from countermark._background import _scheduler as background
Job(lambda: print("earlier"), 3600, name="earlier", at_exit=True).start()
background.scheduler.finish()
job = Job(lambda: print("late"), 0, name="late", at_exit=True)
job.start()
print(job.started)
"""


def test_no_job_begins_after_the_last_runs() -> None:
    assert run(LATE) == ["earlier", "False"]


SIGNALS = """
import signal, threading
seen = threading.Semaphore(0)
job = Job(seen.release, 3600, name="woken")
fired = True

def wake(number, frame):
    global fired
    job.wake()
    job.stop()
    job.start()
    fired = True

signal.signal(signal.SIGALRM, wake)
for _ in range(20_000):
    if fired:  # one signal after the other: they would interrupt their own handler without end
        fired = False
        signal.setitimer(signal.ITIMER_REAL, 0.0001)
    job.wake()
    job.stop()
signal.setitimer(signal.ITIMER_REAL, 0)
job.wake()
print(seen.acquire(timeout=10))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGALRM on Windows")
def test_a_signal_handler_can_wake_jobs_at_any_moment() -> None:
    assert run(SIGNALS) == ["True"]


FORKING = """
import os, threading
ran = threading.Event()
job = Job(ran.set, 0.001, name="job", at_exit=True)
job.start()
assert ran.wait(20)
if child := os.fork():
    os.waitpid(child, 0)
else:
    started = job.started
    own = threading.Event()
    Job(own.set, 0.001, name="own").start()
    names = [each.name for each in threading.enumerate()]
    print(started, own.wait(20), names.count("countermark-background"))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_a_child_has_no_started_job_and_starts_its_own() -> None:
    assert run(FORKING) == ["False True 1"]


FORKS = """
import os, signal, threading

jobs = [Job(lambda: None, 0.0001, name="busy", slow=number == 0) for number in range(4)]
ending = False

def busy(job):
    while not ending:
        job.wake()
        job.stop()
        job.start()

threads = [threading.Thread(target=busy, args=[job]) for job in jobs]
for thread in threads:
    thread.start()

def child():
    signal.alarm(10)
    if any(job.started for job in jobs):
        return 1
    ran = threading.Event()
    has_thread = Job(ran.set, 0.0001, name="own").start()
    jobs[0].start()
    return 0 if has_thread and ran.wait(10) else 2

ends = set()
for _ in range(30):
    pid = os.fork()
    if pid == 0:
        os._exit(child())
    ends.add(os.waitpid(pid, 0)[1])
print(ends)
ending = True
for thread in threads:
    thread.join()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_a_fork_at_any_moment_leaves_a_child_that_can_start_jobs() -> None:
    assert run(FORKS) == ["{0}"]


CHILDREN = """
import multiprocessing, threading

def child(connection):
    job = Job(lambda: connection.send("last"), 3600, name="child", at_exit=True)
    for _ in range(2):  # the second time after a rest
        job.start()
        job.stop()
    job.start()

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    Job(lambda: print("parent"), 3600, name="parent", at_exit=True).start()
    process = context.Process(target=child, args=[theirs])
    process.start()
    process.join()
    while ours.poll():
        print(ours.recv(), process.exitcode)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_jobs_run_a_last_time_in_a_child_of_multiprocessing() -> None:
    # Such a child ends without the handlers of atexit.
    assert run(CHILDREN, "-W", "ignore::DeprecationWarning") == ["last 0", "parent"]


CONTEXT = """
import sentry_sdk, threading

class NoTransport(sentry_sdk.transport.Transport):
    def capture_envelope(self, envelope): ...

# Its integration makes each new thread inherit the user of the request.
sentry_sdk.init("http://key@127.0.0.1:1/1", transport=NoTransport, auto_enabling_integrations=False)
seen = threading.Semaphore(0)

def look():
    print(sentry_sdk.get_isolation_scope()._user)
    seen.release()
    return False

for slow in (False, True):
    with sentry_sdk.isolation_scope() as scope:
        scope.set_user({"id": "user-1"})
        Job(look, 0, name="looking", slow=slow).start()
        seen.acquire()
"""


def test_runs_do_not_inherit_the_context_of_the_request_that_started_the_job() -> None:
    assert run(CONTEXT) == ["None", "None"]


GEVENT = """
import os, sys
PATCH
import gevent, threading
runs = 0

def run():
    global runs
    runs += 1

job = Job(run, 0.001, name="job")
last = Job(lambda: print("last", flush=True), 3600, name="last", at_exit=True)
job.start()
last.start()
for _ in range(1000):
    gevent.sleep(0.01)
    if runs >= 3:
        break
names = [thread.name for thread in threading.enumerate()]
print(runs >= 3, names.count("countermark-background"), flush=True)
pid = gevent.fork()
if pid == 0:
    print(job.started, flush=True)
    runs = 0
    gevent.sleep(0.1)  # for a copy of the parent's greenlet
    print(runs, flush=True)
    last.start()
    sys.exit()
gevent.os.waitpid(pid, 0)
"""
PATCHED = "from gevent import monkey; monkey.patch_all()"


@pytest.mark.skipif(sys.platform == "win32", reason="gevent does not fork on Windows")
@pytest.mark.parametrize("earlier", [True, False])
def test_jobs_run_in_a_greenlet_of_each_process_of_gevent(earlier: bool) -> None:
    # Patching before the import of countermark, or after it as gunicorn does with --preload.
    code = GEVENT.replace("PATCH", "" if earlier else PATCHED)
    lines = run(code, before=PATCHED if earlier else "")
    assert lines == ["True 1", "False", "0", "last", "last"]

"""What several files of tests use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from shutil import which

import pytest
from hypothesis import settings

from countermark import Event, Keyring, Signer
from countermark._background import Job
from countermark._background._scheduler import scheduler
from countermark._log_limit import log_limit
from tests.secret_watch import (  # noqa: F401  # the hooks of pytest
    pytest_configure,
    pytest_runtest_makereport,
    pytest_runtest_protocol,
)

settings.register_profile("default", deadline=None)  # machines are shared and slow at times
settings.register_profile("ci", deadline=None, max_examples=300)
settings.load_profile("ci" if os.environ.get("CI") else "default")

SECRET = "a-secret-of-the-tests-with-enough-bytes"


@pytest.fixture(autouse=True)
def log_without_a_past() -> None:
    """Let each test see its first events in the log, however many others have made."""
    log_limit().reset()


@pytest.fixture(autouse=True)
def no_last_runs_of_earlier_tests() -> Iterator[None]:
    """Stop the meters of a test when it ends: its Redis ends, and each flush would ask for it."""
    yield
    for job in list(scheduler._due):
        if job.at_exit and isinstance(job, Job):
            job.stop()


@pytest.fixture
def secret() -> str:
    return SECRET


@pytest.fixture
def stigg() -> Signer:
    return Signer("stigg", Keyring(SECRET))


@pytest.fixture
def flow() -> Signer:
    return Signer("cognito-flow", Keyring(SECRET))


class Events(list[Event]):
    """Collects events as an ``on_event`` hook."""

    __call__ = list.append

    def named(self, name: str) -> list[Event]:
        return [event for event in self if event.name == name]


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture(scope="session")
def need_binary() -> Callable[[str], str]:
    """Return the path of a program; skip without it, or fail where CI must have it."""

    def need(name: str) -> str:
        path = which(name)
        if path is None and os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return need

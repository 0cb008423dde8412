"""Watches the whole run of the tests for secrets: each key that a test makes is a canary.

The keys of a test, and those made while modules are imported, must not occur in log records,
messages of our exceptions, responses of the drivers, and the captured output of the test. It
cannot see the output of other processes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Generator
from typing import Any

import pytest

from countermark import errors, events
from countermark.keys import _private, _secret

# Shorter ones occur in other words.
_LEAST = 20
# In each kind of place: a test may emit a hundred thousand events.
_MOST_CHECKS = 2_000


class SecretWatch(logging.Handler):
    """Remembers secrets, and finds them in texts. As a log handler it looks at all records."""

    def __init__(self) -> None:
        super().__init__(level=logging.NOTSET)
        self.secrets: set[str] = set()
        self.places: list[str] = []
        self._checks: Counter[str] = Counter()

    def remember(self, secret: object) -> None:
        """Look for *secret* from now on, and for a line of it if it is a key in PEM."""
        text = secret.decode("latin-1") if isinstance(secret, bytes) else secret
        if not isinstance(text, str):
            return
        lines = text.strip().splitlines()
        line = lines[len(lines) // 2].strip() if lines else ""
        if len(line) >= _LEAST:
            self.secrets.add(line)

    def check(self, place: str, text: str) -> None:
        """Note *place* if *text* contains a secret."""
        self._checks[place] += 1
        if self._checks[place] > _MOST_CHECKS:
            return
        # A copy, as other threads of the test may make keys.
        if any(secret in text for secret in list(self.secrets)):
            self.places.append(place)

    def emit(self, record: logging.LogRecord) -> None:
        """Check a log record, with its attributes."""
        self.check(f"a log record of {record.name}", f"{record.getMessage()} {vars(record)}")

    def begin(self) -> set[str]:
        """Begin a test, and return the secrets from before it, for ``end``."""
        self._checks.clear()
        self.places.clear()
        return set(self.secrets)

    def end(self, before: set[str]) -> list[str]:
        """Forget the secrets of a test, and return the places in which one was found."""
        found = [*self.places]
        self.places.clear()
        self.secrets.intersection_update(before)
        return found


WATCH = SecretWatch()


def listen() -> None:
    """Let the watch see log records, also after a framework has replaced all handlers."""
    root = logging.getLogger()
    if WATCH not in root.handlers:
        root.addHandler(WATCH)


def after(function: Callable[..., Any], see: Callable[..., None]) -> Callable[..., Any]:
    """Return *function* with a call of *see* after it: no frame of it is in a traceback."""

    def call(*given: Any, **named: Any) -> Any:
        result = function(*given, **named)
        see(result, *given)
        return result

    return call


def pytest_configure(config: pytest.Config) -> None:
    """Watch for secrets in this process."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)

    def valid(problem: str | None, secret: object) -> None:
        if problem is None:
            WATCH.remember(secret)

    for module, name in ((_secret, "problem_with_secret"), (_private, "problem_with_pem")):
        patch.setattr(module, name, after(getattr(module, name), valid))
    logged = after(events._log, lambda _, event: WATCH.check("an event", repr(event)))
    patch.setattr(events, "_log", logged)
    made = after(
        errors.CountermarkError.__init__,
        lambda _, error, message, *more: WATCH.check(f"a {type(error).__name__}", str(message)),
    )
    made.__wrapped__ = errors.CountermarkError.__init__  # type: ignore[attr-defined]  # its signature
    patch.setattr(errors.CountermarkError, "__init__", made)
    read = after(
        pytest.CaptureFixture.readouterr,
        lambda result, *_: WATCH.check("the output", f"{result.out}{result.err}"),
    )
    patch.setattr(pytest.CaptureFixture, "readouterr", read)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Forget the secrets of a test after it, and the handlers of logs that it has added.

    Such a handler may write a record in a thread, during the next test.
    """
    listen()
    root = logging.getLogger()
    before, handlers = WATCH.begin(), [*root.handlers]
    result = yield
    WATCH.end(before)
    root.handlers[:] = handlers
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: object
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a phase of a test that has shown a secret."""
    report = yield
    for name, content in report.sections:
        if name.endswith(report.when):  # the report of a later phase has the earlier ones again
            WATCH.check(name, content)
    if WATCH.places and report.passed:
        report.outcome = "failed"
        report.longrepr = f"a secret of this test is in {', '.join(sorted({*WATCH.places}))}"
    WATCH.places.clear()
    return report

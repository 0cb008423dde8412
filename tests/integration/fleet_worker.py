"""Worker processes that verify, admit, count and receive, and note what they answered.

The command starts the workers with ``os.fork``, as a server with preloading does, and starts
another one in place of a killed one. Each worker notes its answers in a file of its own, line by
line, so that a killed one has noted all but its last. ``tests.integration.fleet`` reads them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from countermark import Event, Keyring, Signer, Verifier, WatchedKeyring
from countermark.redis import RedisStore
from countermark.rollout import Meter
from countermark.verifying import Allowance, ModeSwitch, from_cookie
from countermark.webhooks import WebhookVerifier
from countermark.wsgi import VerifyingMiddleware, WebhookMiddleware

SECRET = "a-secret-of-the-tests-with-enough-bytes"
#: The seconds between two turns of a worker.
PAUSE = 0.02
STRANGER = "another-secret-which-is-not-of-this-fleet"


class Worker:
    """The application of one process, and its clients."""

    def __init__(self, settings: dict[str, Any], number: int, life: int) -> None:
        self._name, self._number = f"{number}-{life}", number
        self._every: dict[str, int] = settings["every"]
        self._unavailable = False
        path = Path(settings["folder"]) / f"{number}-{life}-{os.getpid()}.answers"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        options = settings["store"]
        self.meter = Meter(store=RedisStore(settings["url"], **options), interval=0.25)
        allowance = Allowance(
            settings["allowance"],
            session=from_cookie("session"),
            store=RedisStore(settings["url"], **options),
        )
        keyring = _keyring_of(settings["secret_file"])
        self._signer = Signer("stigg", keyring, environment="live")
        verifier = Verifier("stigg", keyring, environment="live")
        self._page = VerifyingMiddleware(
            _page,
            verifier=verifier,
            mode=ModeSwitch(
                RedisStore(settings["url"], **options), "stigg", environment="live", interval=0.5
            ),
            allowance=allowance,
            meter=self.meter,
            on_event=self._note_event,
        )
        self._hook = WebhookMiddleware(
            self._handle,
            verifier=WebhookVerifier("stigg", Keyring(SECRET)),
            store=RedisStore(settings["url"], **options),
            when_unavailable="fail_closed",
            on_event=self._note_event,
        )
        self._valid = Signer("stigg", Keyring(SECRET)).sign(f"user-{number}")
        self._forged = Signer("stigg", Keyring(STRANGER)).sign(f"user-{number}")
        self._admitted: list[str] = []
        # Sessions and deliveries that got no answer: half of the clients try again.
        self._again: deque[tuple[Callable[[str], None], str]] = deque()

    def run(self, stopped: Callable[[], bool]) -> None:
        """Send requests of each kind in turn, until *stopped*."""
        kinds = {
            "valid": self._send_valid,
            "forged": self._send_forged,
            "session": self._send_session,
            "return": self._send_return,
            "delivery": self._send_delivery,
        }
        for turn in count():
            for kind, every in self._every.items():
                if turn % every == 0:
                    kinds[kind](turn // every)
            for _ in range(len(self._again)):
                send, key = self._again.popleft()
                send(key)
            if stopped():
                return
            time.sleep(PAUSE)

    def finish(self) -> None:
        """Write the last counts of the meter, as a server does at its end."""
        for _ in range(200):
            if self.meter.flush():
                break
            time.sleep(0.05)
        self._note("flushed", "", 0, 0)

    def _send_valid(self, number: int) -> None:
        """Send a token of the key of now, or one of the start of the fleet."""
        token = self._signer.sign(f"user-{self._number}") if number % 2 else self._valid
        self._ask("valid", "", HTTP_X_CUSTOMER_KEY=token)

    def _send_forged(self, number: int) -> None:
        self._ask("forged", "", HTTP_X_CUSTOMER_KEY=self._forged)

    def _send_session(self, number: int) -> None:
        self._send_key(f"{self._name}-{number}", tries_again=number % 2 == 1)

    def _send_key(self, key: str, tries_again: bool = True) -> None:
        status = self._ask("session", key, HTTP_COOKIE=f"session={key}")
        if status == 200:
            self._admitted.append(key)
        elif self._unavailable and tries_again:
            self._again.append((self._send_key, key))

    def _send_return(self, number: int) -> None:
        """Come back with a session that was admitted."""
        if self._admitted:
            key = self._admitted[number % len(self._admitted)]
            self._ask("return", key, HTTP_COOKIE=f"session={key}")

    def _send_delivery(self, number: int) -> None:
        # Two workers get each delivery at about the same time.
        self._deliver(f"{self._number // 2}-{number}")

    def _deliver(self, key: str) -> None:
        body = json.dumps({"messageId": key}).encode()
        status = self._call(
            self._hook,
            "delivery",
            key,
            REQUEST_METHOD="POST",
            CONTENT_LENGTH=str(len(body)),
            HTTP_STIGG_WEBHOOKS_SECRET=SECRET,
            **{"wsgi.input": io.BytesIO(body)},
        )
        if status == 503:
            self._again.append((self._deliver, key))

    def _handle(self, environ: Any, start_response: Any) -> list[bytes]:
        self._note("handled", json.loads(environ["wsgi.input"].read())["messageId"], 200, 0)
        start_response("200 OK", [])
        return [b""]

    def _ask(self, kind: str, key: str, **environ: Any) -> int:
        return self._call(self._page, kind, key, REQUEST_METHOD="GET", **environ)

    def _call(self, app: Any, kind: str, key: str, **environ: Any) -> int:
        statuses: list[int] = []

        def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
            statuses.append(int(status[:3]))

        self._unavailable = False
        began = time.monotonic()
        app({"PATH_INFO": "/", **environ}, start_response)
        self._note(kind, key, statuses[-1], time.monotonic() - began)
        return statuses[-1]

    def _note_event(self, event: Event) -> None:
        if event.name == "failed" and event.reason == "store_unavailable":
            self._unavailable = True

    def _note(self, kind: str, key: str, status: int, seconds: float) -> None:
        state = "unavailable" if self._unavailable else "ok"
        line = f"{time.monotonic():.6f} {kind} {key or '-'} {status} {state} {seconds:.6f}\n"
        os.write(self._file, line.encode())


def _keyring_of(secret_file: str | None) -> Keyring:
    if secret_file is None:
        return Keyring(SECRET)
    os.environ["FLEET_SECRET_FILE"] = secret_file
    os.environ["FLEET_SECRET_PREVIOUS_FILE"] = f"{secret_file}-previous"
    return WatchedKeyring("FLEET_SECRET", interval=0.05)


def _page(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b""]


def work(settings: dict[str, Any], number: int, life: int) -> None:
    """Be one worker, until SIGTERM."""
    signals: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: signals.append(number))
    worker = Worker(settings, number, life)
    worker.run(lambda: bool(signals))
    worker.finish()


def fork(settings: dict[str, Any], number: int, life: int) -> int:
    """Start a worker, and return its process."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(settings, number, life)
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    return child


def main(settings: dict[str, Any]) -> int:
    """Run the workers until SIGTERM; returns the number of those that failed."""
    failed, stopping = 0, False

    def stop(number: int, frame: Any) -> None:
        nonlocal stopping
        stopping = True
        for process in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)

    workers = {fork(settings, number, 0): (number, 0) for number in range(settings["workers"])}
    signal.signal(signal.SIGTERM, stop)
    while workers:
        process, status = os.wait()
        number, life = workers.pop(process)
        if os.WIFSIGNALED(status) and not stopping:
            workers[fork(settings, number, life + 1)] = (number, life + 1)
        elif status:
            failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))

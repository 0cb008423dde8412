"""Secrets that are replaced 1,000 times under 50,000 requests through the real middlewares.

Half of them as files, and half by a link. ``COUNTERMARK_SWAPS`` and ``COUNTERMARK_REQUESTS`` set
other numbers for a long run.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from countermark import Keyring, Signer, Verifier, WatchedKeyring, asgi, wsgi
from tests.drivers import call
from tests.keys.watching import NAME, secret
from tests.verifying.protocols import run_dry

SWAPS = int(os.environ.get("COUNTERMARK_SWAPS", "500"))
REQUESTS = int(os.environ.get("COUNTERMARK_REQUESTS", "25000"))
THREADS = 4


class Response(NamedTuple):
    """What a request got, and the numbers of the keys that were current in its time."""

    began: int
    ended: int
    token: str
    fields: dict[str, Any]
    key_id: str
    marker: str | None


def replace_file(folder: Path, number: int) -> None:
    """Replace the current key and then the previous one, or the other way round."""
    for role in ("", "_PREVIOUS")[:: 1 if number % 2 else -1]:
        (folder / "new").write_text(secret(number if role == "" else number - 1))
        os.replace(folder / "new", folder / f"key{role}")  # noqa: PTH105


def swap_link(folder: Path, number: int) -> None:
    """Point the link ``..data`` to another folder, as Kubernetes does."""
    data = folder / f"..{number % 2}"
    data.mkdir(exist_ok=True)
    (data / "key").write_text(secret(number))
    (data / "key_PREVIOUS").write_text(secret(number - 1))
    (folder / "..new").symlink_to(data.name)
    os.replace(folder / "..new", folder / "..data")  # noqa: PTH105


class Load:
    """Threads that send requests until the keys have been replaced often enough."""

    def __init__(self, keyring: Keyring, refresh: Callable[[int], None]) -> None:
        signer = Signer("stigg", keyring)
        options: dict[str, Any] = {"signers": signer, "principal": lambda source: "user-1"}
        self._seen = threading.local()
        self._asgi = asgi.SigningMiddleware(self._view, **options)
        self._wsgi = wsgi.SigningMiddleware(self._wsgi_view, **options)
        self._verifying = asgi.VerifyingMiddleware(
            self._verified, verifier=Verifier("stigg", keyring), mode="enforce"
        )
        self._refresh = refresh
        self.started = self.applied = 1
        self.responses: list[Response] = []
        self.verdicts: list[tuple[int, str, int]] = []
        self.errors: list[BaseException] = []

    def run(self) -> None:
        threads = [threading.Thread(target=self._send, args=[at]) for at in range(THREADS)]
        for thread in threads:
            thread.start()
        for number in range(2, SWAPS + 2):
            self.started = number
            self._refresh(number)
            self.applied = number
        for thread in threads:
            thread.join()

    def _is_ahead(self) -> bool:
        """Tell whether enough requests were sent for the changes so far, and some more."""
        return len(self.responses) > (self.applied + 1) * REQUESTS / SWAPS

    def _send(self, at: int) -> None:
        try:
            while len(self.responses) < REQUESTS or self.applied <= SWAPS:
                if self._is_ahead():
                    time.sleep(0.0005)
                    continue
                began = self.applied
                token = self._signed(early=at % 2 == 0, over_wsgi=at == 3)
                identity = self._seen.identity
                issued = identity["stigg"]
                self.responses.append(
                    Response(
                        began, self.started, token, issued.fields, issued.key_id, identity.marker
                    )
                )
                if len(self.responses) % 8 == 0:
                    self._verify(token)
        except BaseException as error:  # it belongs to the test, not to the thread
            self.errors.append(error)

    def _signed(self, *, early: bool, over_wsgi: bool) -> str:
        self._seen.early = early
        if over_wsgi:
            return str(call(self._wsgi).header("stigg-customer-token"))
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "state": {}}
        run_dry(self._asgi(scope, None, send))  # type: ignore[arg-type]
        return str(dict(sent[0]["headers"])[b"stigg-customer-token"].decode())

    async def _view(self, scope: Any, receive: Any, send: Any) -> None:
        self._read(scope["countermark"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    def _wsgi_view(self, environ: Any, start_response: Any) -> list[bytes]:
        self._read(environ[wsgi.IDENTITY_KEY])
        start_response("200 OK", [])
        return []

    def _read(self, identity: Any) -> None:
        self._seen.identity = identity
        if self._seen.early:
            identity.payload()

    def _verify(self, token: str) -> None:
        statuses: list[int] = []

        async def send(message: Any) -> None:
            statuses.append(message.get("status", 0))

        headers = [(b"x-customer-key", token.encode())]
        scope = {"type": "http", "method": "GET", "state": {}, "headers": headers}
        began = self.applied
        run_dry(self._verifying(scope, None, send))  # type: ignore[arg-type]
        self.verdicts.append((began, token, statuses[0] * 10**6 + self.started))

    async def _verified(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})


def expected(number: int) -> tuple[str, str, str]:
    signer = Signer("stigg", Keyring(secret(number)))
    return signer.sign("user-1"), signer.key_id, signer.marker("id\nuser-1\n\n")


def check(load: Load) -> None:
    if load.errors:
        raise load.errors[0]  # with the traceback of its thread
    assert len(load.responses) >= REQUESTS
    of_number = {number: expected(number) for number in range(SWAPS + 2)}
    numbers = {token: number for number, (token, _, _) in of_number.items()}
    for began, ended, token, fields, key_id, marker in load.responses:
        number = numbers[token]  # made with no other secret
        assert began <= number <= ended
        assert fields["customerToken"] == token
        assert (token, key_id, marker) == of_number[number]
    for began, token, outcome in load.verdicts:
        status, ended = divmod(outcome, 10**6)
        of_time = {number for at in range(began, ended + 1) for number in (at, at - 1)}
        # Accepted: a key of the time of the check made it. Refused: not all of them have it.
        at_all_times = numbers[token] in {began, began - 1} & {ended, ended - 1}
        assert numbers[token] in of_time if status == 200 else not at_all_times


@pytest.mark.parametrize("change", [replace_file, swap_link])
def test_each_token_is_of_a_key_that_was_current_during_its_request(
    change: Callable[[Path, int], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = "..data" if change is swap_link else "."
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / inside / "key"))
    monkeypatch.setenv(f"{NAME}_PREVIOUS_FILE", str(tmp_path / inside / "key_PREVIOUS"))
    change(tmp_path, 1)
    keyring = WatchedKeyring(NAME, interval=9999)

    def refresh(number: int) -> None:
        change(tmp_path, number)
        assert keyring.refresh()

    load, before = Load(keyring, refresh), sys.getswitchinterval()
    sys.setswitchinterval(0.0002)  # so that changes fall into requests
    try:
        load.run()
    finally:
        sys.setswitchinterval(before)
    check(load)

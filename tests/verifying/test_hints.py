"""Outside live, the middleware names the mistake that explains a refused token."""

from __future__ import annotations

import asyncio
import hmac
import logging
from threading import get_ident
from typing import Any

import pytest

from countermark import ConfigurationError, Keyring, Signer, Verifier
from countermark.asgi import VerifyingMiddleware
from countermark.verifying import Enforcement, from_header
from countermark.verifying._refusals import HINTS
from tests.conftest import SECRET, Events
from tests.drivers import answer
from tests.verifying.protocols import HEADER, OTHER, TOKEN, WSGI, environ_of, scope_of, stigg


def signed_with(key: bytes) -> tuple[bytes, bytes]:
    return HEADER, b"HMAC-SHA256 user-1:" + hmac.digest(key, b"user-1", "sha256").hex().encode()


NEWLINE = signed_with(SECRET.encode() + b"\n")
QUOTED = signed_with(b'"' + SECRET.encode() + b'"')
HINT = "The signing side has a newline at the end in its secret."


def enforcement(environment: str | None = "test", **options: Any) -> Enforcement:
    verifier = Verifier("stigg", Keyring(SECRET), environment=environment)
    return Enforcement(verifier, **{"mode": "monitor", **options})


def hint_of(judge: Enforcement, *headers: tuple[bytes, bytes]) -> str | None:
    verdict = judge.judge(scope_of(headers))
    assert verdict is not None
    return verdict.hint


def test_in_monitor_the_verdict_and_the_event_have_the_hint(
    events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "countermark")
    hint = hint_of(enforcement(on_event=events), NEWLINE)
    assert hint is not None
    assert hint.startswith(HINT)
    assert events[-1].hint == hint
    assert f"; hint: {HINT}" in caplog.text


@pytest.mark.parametrize(
    ("environment", "options"),
    [
        ("live", {}),
        (None, {}),
        ("live", {"explain": True}),
        ("test", {"explain": False}),
        ("test", {"mode": "enforce"}),
    ],
)
def test_no_hint_is_looked_for_in_live_or_if_it_is_switched_off(
    environment: str | None, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Verifier, "explain", None)
    assert hint_of(enforcement(environment, **options), NEWLINE) is None


def test_in_enforce_the_response_has_the_hint_if_it_is_switched_on() -> None:
    verifier = Verifier("stigg", Keyring(SECRET), environment="test")
    visit = WSGI(NEWLINE, verifier=verifier, explain=True)
    assert visit.problem["hint"].startswith(HINT)
    assert WSGI(NEWLINE, verifier=verifier).problem["hint"] == HINTS["mismatch"]
    assert (
        WSGI(stigg(secret=OTHER), verifier=verifier, explain=True).problem["hint"]
        == (HINTS["mismatch"])
    )


def test_one_token_a_minute_is_explained_for_each_code(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    judge = enforcement()
    monkeypatch.setattr("countermark.verifying._hints.time.monotonic", lambda: now[0])
    assert hint_of(judge, NEWLINE) is not None
    assert hint_of(judge, QUOTED) is None
    assert hint_of(judge, (HEADER, NEWLINE[1].lower())) is not None  # malformed
    now[0] += 60
    assert hint_of(judge, QUOTED) is not None


def test_the_kinds_that_are_remembered_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("countermark.verifying._hints._MOST_KINDS", 1)
    judge = enforcement()
    for headers in (NEWLINE, (HEADER, b"x"), QUOTED):
        judge.judge(scope_of([headers]))
    assert len(judge._hints._seen) == 1


def test_tokens_without_an_explanation_have_no_hint() -> None:
    judge = enforcement()
    assert hint_of(judge, TOKEN) is None
    assert hint_of(judge) is None
    assert hint_of(judge, stigg(secret=OTHER)) is None


def test_a_token_that_cannot_be_read_again_has_no_hint() -> None:
    answers = iter(["user-2"])

    def claimed_id(source: object) -> str:
        return next(answers)  # it raises the second time

    assert hint_of(enforcement(claimed_id=claimed_id), TOKEN) is None


def test_a_failing_search_gives_no_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Verifier, "explain", None)
    assert hint_of(enforcement(), NEWLINE) is None


def test_the_claimed_id_is_part_of_the_search() -> None:
    judge = enforcement(claimed_id=from_header("X-Id"))
    hint = hint_of(judge, TOKEN, (b"x-id", b"USER-1"))
    assert hint is not None
    assert hint.startswith("The id was signed in lower case.")


def test_under_asgi_the_search_runs_outside_the_event_loop() -> None:
    threads = []

    class Watched(Verifier):
        def explain(self, *given: Any) -> Any:
            threads.append(get_ident())
            return super().explain(*given)

    verdicts: list[Any] = []
    app = VerifyingMiddleware(
        answer([], before=lambda scope: verdicts.append(scope["state"]["countermark_verdict"])),
        verifier=Watched("stigg", Keyring(SECRET), environment="test"),
        mode="monitor",
    )

    async def receive() -> Any: ...

    async def send(message: object) -> None: ...

    asyncio.run(app(scope_of([NEWLINE]), receive, send))
    assert verdicts[0].hint.startswith(HINT)
    assert threads
    assert get_ident() not in threads


def test_without_asyncio_a_request_has_no_hint() -> None:
    coroutine = enforcement().ajudge(scope_of([NEWLINE]))
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    assert ended.value.value.code == "mismatch"
    assert ended.value.value.hint is None


def test_wsgi_has_the_hint_too() -> None:
    verdict = enforcement().judge(environ_of([NEWLINE]))
    assert verdict is not None
    assert verdict.hint is not None


@pytest.mark.parametrize("wrong", [1, "yes", Signer])
def test_the_option_is_checked(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="explain="):
        enforcement(explain=wrong)

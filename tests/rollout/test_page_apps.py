"""The applications that serve the page of a rollout."""

from __future__ import annotations

import asyncio
import sys
import time
from threading import Barrier, Thread
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from countermark import ConfigurationError, StoreUnavailable, asgi, wsgi
from countermark.redis import RedisStore
from countermark.rollout import Meter, _page_source
from countermark.verifying import Allowance
from tests.drivers import asend, call, http_scope
from tests.rollout.pages import Page
from tests.rollout.verdicts import Clock, unverified, verified

of_both_kinds = pytest.mark.parametrize(
    "kind", [asgi.RolloutPage, wsgi.RolloutPage], ids=["asgi", "wsgi"]
)


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


def ask(app: Any, method: str = "GET") -> Reply:
    """Return the response of an application of either kind."""
    if isinstance(app, wsgi.RolloutPage):
        answer = call(app, REQUEST_METHOD=method)
        pairs = answer.headers
        status = int(answer.starts[-1][0][:3])
        body = b"".join(answer.body)
    else:
        start, end = asyncio.run(asend(app, http_scope(method=method)))
        pairs = [(name.decode(), value.decode()) for name, value in start["headers"]]
        status, body = start["status"], end["body"]
    headers = {name.lower(): value for name, value in pairs}
    assert len(headers) == len(pairs)
    return Reply(status, headers, body.decode())


def yes(source: Any) -> bool:
    return True


def filled() -> Meter:
    meter = Meter()
    meter(verified("canary-1"))
    return meter


@of_both_kinds
def test_an_authorized_request_gets_the_page(kind: Any) -> None:
    reply = ask(kind(filled(), authorize=yes, refresh=7, least=99.5, allowance=Allowance(5)))
    assert reply.status == 200
    page = Page(reply.body)
    assert "Not ready to enforce" in page.text
    assert "1 of 1" in page.text
    assert "allowance left 5" in page.text
    assert "Updated every 7 s" in page.text
    assert "canary" not in reply.body
    policy = reply.headers.pop("content-security-policy")
    (of_page,) = page.all("meta", http_equiv="Content-Security-Policy")
    assert policy == f"{of_page['content']}; frame-ancestors 'none'"
    assert reply.headers == {
        "content-type": "text/html; charset=utf-8",
        "content-length": str(len(reply.body.encode())),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "x-robots-tag": "noindex",
    }


@of_both_kinds
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_request_that_is_not_authorized_gets_nothing(kind: Any, method: str) -> None:
    reply = ask(kind(filled(), authorize=lambda source: False), method)
    assert reply.status == 403
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["cache-control"] == "no-store"
    assert "verified" not in reply.body
    assert bool(reply.body) is (method != "HEAD")


@of_both_kinds
def test_the_page_cannot_be_made_without_authorize(kind: Any) -> None:
    with pytest.raises(TypeError, match="authorize"):
        kind(Meter())
    for wrong in (None, True, "yes"):
        with pytest.raises(ConfigurationError, match="authorize= must be a function"):
            kind(Meter(), authorize=wrong)


@of_both_kinds
@pytest.mark.parametrize("answer", [None, 1, "admin", object()])
def test_an_answer_that_is_not_a_bool_is_an_error(kind: Any, answer: object) -> None:
    with pytest.raises(TypeError, match="authorize= must return True or False, not"):
        ask(kind(filled(), authorize=lambda source: answer))


@of_both_kinds
def test_an_error_of_authorize_is_not_hidden(kind: Any) -> None:
    def fail(source: Any) -> bool:
        raise LookupError

    with pytest.raises(LookupError):
        ask(kind(filled(), authorize=fail))


def test_authorize_gets_the_scope_or_the_environ() -> None:
    seen: list[Any] = []

    def note(source: Any) -> bool:
        seen.append(source)
        return True

    ask(asgi.RolloutPage(filled(), authorize=note))
    ask(wsgi.RolloutPage(filled(), authorize=note))
    assert [seen[0]["type"], seen[1]["wsgi.url_scheme"]] == ["http", "http"]


@pytest.mark.parametrize(("allowed", "status"), [(True, 200), (False, 403)])
def test_authorize_may_be_async_under_asgi_only(allowed: bool, status: int) -> None:
    async def authorize(source: Any) -> bool:
        await asyncio.sleep(0)
        return allowed

    assert ask(asgi.RolloutPage(filled(), authorize=authorize)).status == status
    wrong: Any = authorize
    with pytest.raises(ConfigurationError, match="not async"):
        wsgi.RolloutPage(filled(), authorize=wrong)


@of_both_kinds
def test_head_has_the_headers_of_get_and_other_methods_are_refused(kind: Any) -> None:
    app = kind(filled(), authorize=yes)
    get, head, post = ask(app), ask(app, "HEAD"), ask(app, "POST")
    assert (head.status, head.headers, head.body) == (200, get.headers, "")
    assert (post.status, post.headers["allow"]) == (405, "GET, HEAD")


def test_a_websocket_is_closed_and_other_scopes_are_left_alone() -> None:
    app = asgi.RolloutPage(filled(), authorize=yes)
    assert asyncio.run(asend(app, {"type": "websocket"})) == [{"type": "websocket.close"}]
    assert asyncio.run(asend(app, {"type": "lifespan"})) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"days": 0}, "days= must be"),
        ({"days": 31}, "days= must be"),
        ({"least": 101}, "least= must be"),
        ({"least": "99"}, "least= must be"),
        ({"refresh": 0}, "refresh= must be"),
        ({"refresh": 3_601}, "refresh= must be"),
        ({"refresh": None}, "refresh= must be"),
    ],
)
@of_both_kinds
def test_an_invalid_option_is_an_error_at_once(
    kind: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        kind(Meter(), authorize=yes, **options)


@of_both_kinds
def test_the_counts_are_a_meter_without_a_store_or_a_store(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in (None, "redis://127.0.0.1:1/0", Meter):
        with pytest.raises(ConfigurationError, match="takes a Meter or a countermark"):
            kind(wrong, authorize=yes)
    store = RedisStore("redis://127.0.0.1:1/0")
    with pytest.raises(ConfigurationError, match="another RedisStore with the same URL"):
        kind(Meter(store=store), authorize=yes)
    monkeypatch.delitem(sys.modules, "countermark.redis")
    with pytest.raises(ConfigurationError, match="takes a Meter"):
        kind(object(), authorize=yes)


class Counting(Meter):
    """A meter that counts its snapshots."""

    snapshots = 0

    def snapshot(self, days: int = 7) -> Any:
        self.snapshots += 1
        time.sleep(0.05)
        return super().snapshot(days)


@of_both_kinds
def test_the_page_is_made_once_in_an_interval(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(1_000)
    monkeypatch.setattr(_page_source, "time", SimpleNamespace(monotonic=clock))
    meter = Counting()
    app = kind(meter, authorize=yes, refresh=20)
    first = ask(app)
    meter(unverified())
    clock.now += 19.9
    assert ask(app).body == first.body
    assert meter.snapshots == 1
    clock.now += 0.1
    assert "0 of 1" in Page(ask(app).body).text
    assert meter.snapshots == 2


def test_simultaneous_requests_make_the_page_once() -> None:
    meter, start = Counting(), Barrier(4)
    app = wsgi.RolloutPage(meter, authorize=yes)
    replies: list[Reply] = []

    def read() -> None:
        start.wait()
        replies.append(ask(app))

    threads = [Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.status for reply in replies] == [200] * 4
    assert meter.snapshots == 1


def test_the_event_loop_does_not_wait_for_the_counts() -> None:
    app = asgi.RolloutPage(Counting(), authorize=yes)

    async def ticks() -> int:
        page = asyncio.create_task(asend(app, http_scope()))
        count = 0
        while not page.done():
            await asyncio.sleep(0.001)
            count += 1
        return count

    assert asyncio.run(ticks()) > 3


@of_both_kinds
def test_without_redis_the_response_is_503(kind: Any) -> None:
    app = kind(RedisStore("redis://127.0.0.1:1/0"), authorize=yes)
    reply = ask(app)
    assert reply.status == 503
    assert "urn:countermark:problem:store_unavailable" in reply.body
    assert ask(app, "HEAD").body == ""


@of_both_kinds
def test_an_unavailable_allowance_is_left_out(kind: Any) -> None:
    class Gone(Allowance):
        def left(self, group: str) -> int:
            raise StoreUnavailable("it is away")

    reply = ask(kind(filled(), authorize=yes, allowance=Gone(5)))
    assert reply.status == 200
    assert "allowance left" not in reply.body

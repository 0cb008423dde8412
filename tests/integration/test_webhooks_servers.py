"""Webhooks behind uvicorn and gunicorn: odd bodies, many workers, and a Redis that dies."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.redis_server import RedisServer
from tests.integration.servers import free_port, python, running
from tests.integration.webhook_apps import MAX_BODY
from tests.webhooks.challenges import TEXT, TOKEN, meta
from tests.webhooks.samples import SECRET, Delivery, base64, cognito, mac, stigg, twilio

APPS = "tests.integration.webhook_apps"
FRAMEWORKS = "tests.integration.webhook_frameworks"


class Receiver(NamedTuple):
    """A server that runs, and the folder where it notes what was handled."""

    port: int
    folder: Path

    def post(self, path: str, delivery: Delivery) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", path, delivery.body, delivery.headers)
        response = connection.getresponse()
        response.body = response.read()  # type: ignore[attr-defined]
        connection.close()
        return response

    def status(self, delivery: Delivery, path: str = "/stigg") -> int:
        return self.post(path, delivery).status

    def whole(self, request: bytes) -> bytes:
        """Send exact bytes, and return all that is answered until the server closes."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), 20) as connection:
            connection.sendall(request)
            with suppress(ConnectionResetError):
                while part := connection.recv(4096):
                    answer += part
        return answer

    def raw(self, request: bytes, *, finish: bool = True) -> bytes:
        """Send exact bytes, and return the first line of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as connection:
            connection.sendall(request)
            if not finish:
                return b""
            answer = b""
            while b"\r\n" not in answer and (part := connection.recv(4096)):
                answer += part
            return answer.partition(b"\r\n")[0]

    @property
    def handled(self) -> list[str]:
        noted = self.folder / "handled"
        return noted.read_text().splitlines() if noted.exists() else []

    def wait_for(self, name: str) -> None:
        for _ in range(400):
            if (self.folder / name).exists():
                return
            time.sleep(0.025)
        raise AssertionError(f"{name} did not come")


Serve = Callable[..., AbstractContextManager[Receiver]]
COMMANDS = {
    "uvicorn": ("uvicorn", f"{APPS}:asgi_app", "--port", "{port}"),
    "gunicorn": ("gunicorn", f"{APPS}:wsgi_app", "-b", "127.0.0.1:{port}", "--threads", "4"),
    "gunicorn with a log": (
        "gunicorn", f"{APPS}:wsgi_app", "-b", "127.0.0.1:{port}", "--access-logfile", "-"
    ),
    "gunicorn with two workers": (
        "gunicorn", f"{APPS}:wsgi_app", "-b", "127.0.0.1:{port}", "-w", "2", "--threads", "4"
    ),
    "Flask behind gunicorn": ("gunicorn", f"{FRAMEWORKS}:wsgi_app", "-b", "127.0.0.1:{port}"),
    "Flask behind Werkzeug": ("flask", "--app", f"{FRAMEWORKS}:wsgi_app", "run", "-p", "{port}"),
    "Quart behind uvicorn": (
        "uvicorn", f"{FRAMEWORKS}:asgi_app", "--port", "{port}", "--http", "h11"
    ),
    "Quart behind hypercorn": ("hypercorn", f"{FRAMEWORKS}:asgi_app", "-b", "127.0.0.1:{port}"),
}  # fmt: skip
TARGETS = [
    "/hooks/stigg", "hooks/stigg", "x:hooks/stigg", "http://x/hooks/stigg", "http:hooks/stigg",
    "//hooks/stigg", "/hooks//stigg", "/hooks/stigg%0A", "%0A/hooks/stigg", "/hooks/stig%67",
    "/hooks%2Fstigg", "/x/../hooks/stigg", "/./hooks/stigg", "\\hooks\\stigg", "/hooks/stigg;x",
    "/%FFhooks/stigg", "/hooks/stigg#x", "/hooks/stigg/",
]  # fmt: skip


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    @contextmanager
    def serve(server: str, **environment: str | None) -> Iterator[Receiver]:
        monkeypatch.setenv("WEBHOOKS_FOLDER", str(tmp_path))
        for name, value in environment.items():
            monkeypatch.delenv(f"WEBHOOKS_{name.upper()}", raising=False)
            if value is not None:
                monkeypatch.setenv(f"WEBHOOKS_{name.upper()}", value)
        port = free_port()
        command = [part.format(port=port) for part in COMMANDS[server]]
        with running(python("-m", *command), port, tmp_path / "server.log"):
            yield Receiver(port, tmp_path)

    return serve


def head(path: str, headers: Mapping[str, str], **more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: a.example", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))


def wish(number: int = 1, **wishes: bool) -> Delivery:
    """Return a delivery of Stigg whose handler is asked for something."""
    return stigg(json.dumps({"messageId": f"evt-{number}", **wishes}).encode())


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn with a log"])
def test_a_verification_request_is_answered_and_its_token_is_not_logged(
    serve: Serve, server: str, tmp_path: Path
) -> None:
    target = meta().path.replace("/hooks", "/meta")
    with serve(server) as receiver:
        answer = receiver.whole(f"GET {target} HTTP/1.0\r\nHost: a.example\r\n\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b" 200 " in head
        assert body.decode() == TEXT
        wrong = target.replace(TOKEN, f"{TOKEN}-wrong").encode()
        assert b" 401 " in receiver.raw(b"GET " + wrong + b" HTTP/1.0\r\n\r\n")
    log = (tmp_path / "server.log").read_text()
    assert log.count("GET /meta") == 2
    assert TOKEN not in log
    assert receiver.handled == []


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_each_server_passes_on_valid_deliveries_and_refuses_others(
    serve: Serve, server: str
) -> None:
    with serve(server) as receiver:
        good = stigg()
        assert receiver.status(good._replace(headers={})) == 401
        assert receiver.status(stigg(secret="wrong")) == 401
        assert receiver.handled == []

        response = receiver.post("/stigg", good)
        assert (response.status, response.body) == (200, b"stigg")  # type: ignore[attr-defined]
        assert receiver.status(good) == 200
        assert len(receiver.handled) == 1

        # In chunks, and whole to the application.
        chunked = {"Transfer_Encoding": "chunked"}
        parts = wish(2).body[:7], wish(2).body[7:]
        request = head("/stigg", good.headers, **chunked) + chunks(*parts)
        assert b" 200 " in receiver.raw(request)
        assert receiver.handled[-1] == f"{len(wish(2).body)} {wish(2).body.decode()}"

        # Too large: announced, and found out.
        announced = head("/stigg", good.headers, Content_Length=str(MAX_BODY + 1))
        assert b" 413 " in receiver.raw(announced)
        endless = head("/stigg", good.headers, **chunked) + chunks(*[b"a" * 50_000] * 3)[:-5]
        assert b" 413 " in receiver.raw(endless)

        # The sender disconnects after half a body.
        receiver.raw(
            head("/stigg", good.headers, Content_Length="500") + b'{"messageId":"half"',
            finish=False,
        )
        assert receiver.status(wish(3)) == 200

        # Two headers: one server joins them, the other does not.
        twice = head("/stigg", good.headers, Content_Length="2", stigg_webhooks_secret=SECRET)
        assert b" 401 " in receiver.raw(twice + b"{}")
    # Only now: the server notices a disconnect with a delay.
    assert [line.split(maxsplit=1)[0] for line in receiver.handled] == ["45", "22", "22"]


@pytest.mark.parametrize("server", [name for name in COMMANDS if " behind " in name])
def test_no_target_leads_around_the_middleware(serve: Serve, server: str) -> None:
    requests = [head(target, {}, Content_Length="0") for target in TARGETS]
    requests += [head(target, {"SCRIPT_NAME": "/"}, Content_Length="0") for target in TARGETS[:2]]

    def handled(receiver: Receiver) -> list[bytes]:
        return [request for request in requests if b"handled" in receiver.whole(request)]

    with serve(server, bare="1") as receiver:
        assert requests[0] in handled(receiver)
        assert handled(receiver) != requests[:1]
    with serve(server, bare=None) as receiver:
        assert handled(receiver) == []
        assert b" 401 " in receiver.raw(requests[0])
        assert b" 401 " in receiver.raw(requests[7])


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_the_signed_path_is_the_one_that_was_sent(serve: Serve, server: str) -> None:
    path = "/cognito/caf%c3%a9%2Fa?x=%20+1&y"
    now = time.time()
    plain = cognito(at=now)
    lines = [f"(request-target): post {path}", f"date: {plain.headers['Date']}"]
    lines += [f"digest: {plain.headers['Digest']}"]
    signature = base64(mac(SECRET.encode(), "\n".join(lines).encode()))
    signed = cognito(at=now, signature=signature)
    with serve(server) as receiver:
        assert receiver.status(signed, path) == 200
        assert receiver.status(signed, path.replace("%c3", "%C3")) == 401
        assert receiver.status(signed, path[:-2]) == 401
        assert receiver.status(signed._replace(body=b"{}"), path) == 401
        assert len(receiver.handled) == 1


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_a_signed_url_is_valid_for_no_other_target(serve: Serve, server: str) -> None:
    path = "/twilio/a%2Fb;c?x=%20+1&y"
    delivery = twilio(path=path)
    with serve(server) as receiver:
        assert receiver.status(delivery, path) == 200
        for other in (
            "/twilio/a/b;c?x=%20+1&y", "/twilio/a%2fb;c?x=%20+1&y", "/twilio/a%2Fb;c%3Fx=%20+1&y",
            f"/{path}", f"/x/..{path}", f"{path}&", path.replace("%20", "+"),
            f"/twilio{path}", "/twilio/a%2Fb;c", path.upper(), path.replace(";", "%3B"),
        ):  # fmt: skip
            request = head(other, delivery.headers, Content_Length=str(len(delivery.body)))
            assert b" 200 " not in receiver.raw(request + delivery.body), other
        # Another host in the target or in a header changes nothing.
        claims = {**delivery.headers, "X-Forwarded-Host": "b.example", "X-Forwarded-Prefix": "/b"}
        assert receiver.status(delivery._replace(headers=claims), path) == 200
        assert len(receiver.handled) == 2


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn with two workers"])
def test_a_delivery_is_handled_once_however_often_it_comes(
    serve: Serve, redis_server: RedisServer, server: str
) -> None:
    with serve(server, redis=redis_server.url) as receiver, ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: receiver.status(wish(n // 16)), range(160)))
        assert set(statuses) <= {200, 503}
        # Who was told to come again does, and is told that all is well.
        assert {receiver.status(wish(number)) for number in range(10)} == {200}
        assert len(receiver.handled) == 10


def test_of_two_workers_one_handles_a_delivery_and_its_failure_is_not_lost(
    serve: Serve, redis_server: RedisServer
) -> None:
    server = "gunicorn with two workers"
    with serve(server, redis=redis_server.url) as receiver, ThreadPoolExecutor(1) as pool:
        first = pool.submit(receiver.status, wish(wait=True, fail=True))
        receiver.wait_for("waiting")
        for _ in range(8):  # to either worker
            response = receiver.post("/stigg", wish(wait=True, fail=True))
            assert (response.status, response.headers["Retry-After"]) == (503, "5")
        (receiver.folder / "go").touch()
        assert first.result(20) == 500
        assert receiver.status(wish(wait=True, fail=True)) == 500
        (receiver.folder / "repaired").touch()
        assert {receiver.status(wish(wait=True, fail=True)) for _ in range(8)} == {200}
        assert len(receiver.handled) == 3


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn with two workers"])
def test_redis_dies_in_mid_run_and_no_delivery_is_lost(
    serve: Serve, redis_server: RedisServer, server: str
) -> None:
    with serve(server, redis=redis_server.url) as receiver, ThreadPoolExecutor(8) as pool:
        assert receiver.status(wish(1)) == 200
        redis_server.kill()
        assert [receiver.status(wish(number)) for number in (1, 2, 2)] == [200, 200, 200]
        assert len(receiver.handled) == 4  # including those during the outage
        redis_server.start()
        for _ in range(400):  # a server that has failed is left alone for a moment
            receiver.status(wish(1))
            handled = len(receiver.handled)
            # So many at a time that each worker has some.
            statuses = {*pool.map(receiver.status, [wish(1)] * 40)}
            if statuses == {200} and len(receiver.handled) == handled:
                break
            time.sleep(0.05)
        before = len(receiver.handled)
        assert [receiver.status(wish(number)) for number in (1, 3, 3)] == [200, 200, 200]
        assert len(receiver.handled) == before + 1


def test_the_vendor_gets_a_503_while_redis_is_down(serve: Serve, redis_server: RedisServer) -> None:
    redis_server.kill()
    with serve("uvicorn", redis=redis_server.url, policy="fail_closed") as receiver:
        assert [receiver.status(wish(1)) for _ in range(3)] == [503] * 3
        assert receiver.handled == []
        redis_server.start()
        found = 503
        for _ in range(400):
            found = receiver.status(wish(1))
            if found == 200:
                break
            time.sleep(0.05)
        assert (found, len(receiver.handled)) == (200, 1)

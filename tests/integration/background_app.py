"""An application with several jobs in the background, for ASGI and WSGI.

It responds with the id of the process, the number of threads for the background, and the least
number of runs of a job. The last run of a job writes the id of the process to a file.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from functools import partial
from typing import Any

from countermark import Keyring, Signer
from countermark._background import Job
from countermark.asgi import Receive, Scope, Send, SigningMiddleware
from tests.conftest import SECRET

runs: Counter[int] = Counter({0: 0, 1: 0, 2: 0})


def run(number: int) -> None:
    runs[number] += 1


def write() -> bool:
    with open(os.environ["LAST_RUNS_OF_TEST"], "a") as file:  # noqa: PTH123  # it is appended to
        file.write(f"{os.getpid()}\n")
    return False


jobs = [Job(partial(run, number), 0.01, name=f"job-{number}") for number in runs]
jobs.append(Job(write, 3600, name="writer", at_exit=True))


def answer() -> bytes:
    for job in jobs:
        if not job.started:
            job.start()
    names = [thread.name for thread in threading.enumerate()]
    count = names.count("countermark-background")
    return f"{os.getpid()} {count} {min(runs.values())}".encode()


def wsgi_app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = answer()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": f"{(await receive())['type']}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer()})


asgi_app = SigningMiddleware(
    page, signers=Signer("stigg", Keyring(SECRET)), principal=lambda scope: None
)

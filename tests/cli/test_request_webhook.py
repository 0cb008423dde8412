"""``countermark request``: deliveries of webhooks that get the statuses that it announces."""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from countermark import BadWebhook, Keyring
from countermark.webhooks import WebhookScheme, WebhookVerifier
from countermark.webhooks._parts import SecretHeader
from countermark.webhooks._signed_url import signs_url
from countermark.wsgi import WebhookMiddleware
from tests.cli.commands import Command, pipe_with
from tests.webhooks.samples import BASE_URL, FORM, KEY_ID, SECRET, WHSEC, twilio
from tests.webhooks.signing import body_for, named, secret_for, signed_slugs, verifier_for

URL = "http://127.0.0.1:8000/hooks?x=1"


class Sample(NamedTuple):
    """A command for curl, and the comment above it."""

    expected: str
    words: list[str]

    @property
    def headers(self) -> dict[str, str]:
        pairs = zip(self.words, self.words[1:], strict=False)
        lines = [value for option, value in pairs if option == "--header" and value != "@-"]
        return dict(line.split(": ", 1) for line in lines)


def samples_in(out: str) -> dict[str, Sample]:
    _, *blocks = out.strip().split("\n\n")
    found = {}
    for block in blocks:
        comment, _, line = block.partition("\n")
        title, _, expected = comment.removeprefix("# ").partition(": ")
        found[title] = Sample(expected, shlex.split(line))
    assert list(found) == ["valid", "expired", "tampered with", "signed with another secret"]
    return found


@pytest.fixture
def body(tmp_path: Path) -> Callable[[bytes], str]:
    """Return a function that writes a body to a file, and returns its name."""

    def write(content: bytes) -> str:
        path = tmp_path / "it's an event.json"
        path.write_bytes(content)
        return str(path)

    return write


@pytest.fixture
def curl(need_binary: Callable[[str], str]) -> str:
    return need_binary("curl")


@pytest.mark.parametrize("slug", signed_slugs())
def test_each_format_gets_the_codes_that_the_titles_promise(
    command: Command, monkeypatch: pytest.MonkeyPatch, body: Callable[[bytes], str], slug: str
) -> None:
    scheme = WebhookScheme.load(slug)
    secret, content, given = secret_for(scheme), body_for(scheme), list[str]()
    if scheme.signing_variable:
        monkeypatch.setenv(scheme.signing_variable, secret)
    else:
        given = ["--secret-fd", pipe_with(secret.encode())]
    if scheme.secret.key_id_variable:
        monkeypatch.setenv(scheme.secret.key_id_variable, KEY_ID)
    if signs_url(scheme):
        given = ["--base-url", BASE_URL]
    out = command.output("request", f"webhook:{slug}", URL, "--body", body(content), *given)
    assert secret not in out
    samples, timestamp = samples_in(out), scheme.timestamp
    if timestamp is not None and timestamp.body:  # the body of the tests is an old one
        assert samples["valid"].expected == "401, expired"
        assert samples["expired"].expected.startswith("its time is the member")
    else:
        assert samples["valid"].expected.startswith("200, or another status of the service")
        assert samples["expired"].expected == (
            "401, expired" if timestamp else "the deliveries of this format have no signed time"
        )
    has_signature = not isinstance(scheme.signature, SecretHeader)
    assert samples["tampered with"].expected == (
        "401, mismatch" if has_signature else "the deliveries of this format have no signature"
    )
    assert samples["signed with another secret"].expected == "401, mismatch"
    if not has_signature:
        return
    for sample in samples.values():
        if sample.words:
            is_expected = sample.expected.startswith("200")
            assert is_expected is (code_of(scheme, secret, sample, content) == "verified")


def code_of(scheme: WebhookScheme, secret: str, sample: Sample, body: bytes) -> str:
    verifier = verifier_for(scheme, Keyring(secret), time.time())
    try:
        verifier.verify(headers=sample.headers, body=body, path="/hooks?x=1")
    except BadWebhook as refused:
        return refused.code
    return "verified"


@contextmanager
def served(scheme: WebhookScheme, secret: str) -> Iterator[str]:
    """Yield the URL of a service on a port of its own."""

    def service(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["CONTENT_TYPE"].encode()]

    class Quiet(WSGIRequestHandler):
        def log_message(self, *given: object) -> None:
            pass

    with make_server("127.0.0.1", 0, service, handler_class=Quiet) as server:
        base_url = f"http://127.0.0.1:{server.server_port}"
        verifier = WebhookVerifier(
            scheme,
            named(scheme, Keyring(secret)),
            base_url=base_url if signs_url(scheme) else None,
        )
        server.set_app(WebhookMiddleware(service, verifier=verifier))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"{base_url}/hooks/../a%20b?c=d"
        finally:
            server.shutdown()
            thread.join()


BODIES = {
    "standard-webhooks": b'{"a": "\xc3\xa9"}\n',
    "slack": b"a=1&b=@c\r\n",
    "cognito": b"\x00\xff",
    "stigg": b"{}",
    "square": b"[]",
    "twilio": b"a=1&b=%40c",
}


@pytest.mark.usefixtures("curl")
@pytest.mark.parametrize("slug", BODIES)
def test_a_shell_gets_the_expected_statuses_of_a_service(
    command: Command, monkeypatch: pytest.MonkeyPatch, body: Callable[[bytes], str], slug: str
) -> None:
    scheme, content = WebhookScheme.load(slug), BODIES[slug]
    secret = WHSEC if scheme.secret.prefix else SECRET
    monkeypatch.setenv(scheme.secret.variable, secret)
    monkeypatch.setenv("COGNITO_API_KEY", KEY_ID)
    with served(scheme, secret) as url:
        out = command.output("request", f"webhook:{slug}", url, "--body", body(content))
        lines = [line for line in out.splitlines() if line and not line.startswith("#")]
        samples = [sample for sample in samples_in(out).values() if sample.words]
        assert len(lines) == len(samples) >= 2
        for line, sample in zip(lines, samples, strict=True):
            ran = subprocess.run(
                ["/bin/sh", "-c", line], check=False, capture_output=True, text=True, timeout=60
            )
            status, code = ran.stdout.split(" ")[1], sample.expected.split(", ")
            assert (ran.returncode, ran.stderr, status) == (0, "", code[0])
            assert status == "200" or f'error="{code[1]}"' in ran.stdout
            kind = "json" if content[:1] in b"[{" else "x-www-form-urlencoded"
            assert status != "200" or ran.stdout.endswith(f"application/{kind}")


@pytest.mark.parametrize("url", ["/hooks?", "/hooks?#part", "/hooks#part?", "/hooks??"])
def test_an_empty_query_is_not_sent_as_some_servers_drop_it(
    command: Command, monkeypatch: pytest.MonkeyPatch, body: Callable[[bytes], str], url: str
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", SECRET)
    out = command.output(
        "request", "webhook:twilio", f"{BASE_URL}{url}", "--body", body(FORM)
    )  # fmt: skip
    valid, sent = samples_in(out)["valid"], "/hooks??" if url == "/hooks??" else "/hooks"
    assert valid.words[-1] == f"{BASE_URL}{sent}"
    assert valid.headers["x-twilio-signature"] == twilio(path=sent).headers["X-Twilio-Signature"]


def test_all_keys_of_the_environment_sign(
    command: Command, monkeypatch: pytest.MonkeyPatch, body: Callable[[bytes], str]
) -> None:
    monkeypatch.setenv("WEBHOOKS_SECRET", WHSEC)
    monkeypatch.setenv("WEBHOOKS_SECRET_NEXT", "whsec_" + "B" * 32)
    out = command.output("request", "standard-webhooks", URL, "--body", body(b"{}"))
    samples = samples_in(out)
    assert samples["valid"].headers["webhook-signature"].count("v1,") == 2
    # One valid signature would be enough.
    assert samples["tampered with"].expected == "401, mismatch"


def test_the_secret_may_come_from_a_descriptor(
    command: Command, body: Callable[[bytes], str]
) -> None:
    fd = pipe_with(SECRET.encode())
    out = command.output(
        "request", "webhook:stigg", URL, "--body", body(b"{}"), "--secret-fd", fd
    )  # fmt: skip
    valid = samples_in(out)["valid"]
    assert valid.expected.endswith("if $STIGG_WEBHOOK_SECRET is the secret")
    assert valid.words[:2] == ["printf", "stigg-webhooks-secret: %s\\n"]
    assert SECRET not in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["webhook:github"], "a webhook needs a body: pass --body FILE"),
        (["webhook:github", "--body", "-"], "a webhook needs a body: pass --body FILE"),
        (["webhook:github", "--body", "canary"], "the file of --body cannot be read"),
        (["webhook:canary", "--body", "FILE"], "unknown webhook scheme"),
        (["webhook:github", "--body", "FILE", "--id", "canary"],
         "--id is an option for tokens; a webhook takes --body"),
        (["webhook:github", "--body", "FILE", "--claimed-id", "query:canary"],
         "--claimed-id is an option for tokens; a webhook takes --body"),
        (["webhook:jira", "--body", "FILE"],
         "the environment variable JIRA_WEBHOOK_SECRET is not set"),
        (["webhook:cognito", "--body", "FILE"],
         "the environment variable COGNITO_API_KEY is not set; set it to the id of the key"),
        (["webhook:discord", "--body", "FILE"],
         "discord: only the vendor has its private key; to try the service, give it the public"),
        (["webhook:mailgun", "--body", "FILE"], "mailgun: the signature is in the body"),
        (["stigg", "--body", "FILE"], "--body is an option for webhooks; pass webhook:NAME"),
        (["stigg", "--base-url", "canary"], "--base-url is an option for webhooks; pass webhook"),
        (["webhook:github", "--body", "FILE", "--base-url", "canary"],
         "github does not sign a URL; leave base_url= out"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    body: Callable[[bytes], str],
    arguments: list[str],
    problem: str,
) -> None:
    for variable in ("GITHUB_WEBHOOK_SECRET", "MAILGUN_WEBHOOK_SIGNING_KEY"):
        monkeypatch.setenv(variable, SECRET)
    name, given = body(b"{}"), [arguments[0], URL, *arguments[1:]]
    line = command.problem("request", *[name if each == "FILE" else each for each in given])
    assert line.startswith(problem)
    assert "canary" not in line


def test_a_body_that_is_too_large_is_refused(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    body: Callable[[bytes], str],
) -> None:
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", SECRET)
    monkeypatch.setattr("countermark.cli._request_webhook._MOST", 2)
    assert command("request", "webhook:github", URL, "--body", body(b"{}")).code == 0
    line = command.problem("request", "webhook:github", URL, "--body", body(b"{} "))
    assert line.startswith("the file of --body has more than")

"""``countermark request``: commands for curl that get the statuses that they announce."""

from __future__ import annotations

import shlex
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json import dumps
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from countermark import ConfigurationError, Keyring, Scheme, Verifier
from countermark.schemes import scheme_slugs
from countermark.verifying import from_cookie, from_header, from_query
from countermark.wsgi import VerifyingMiddleware
from tests.cli.commands import Command
from tests.conftest import SECRET
from tests.samples import ANN, private_key

TITLES = ["valid", "expired", "tampered with", "signed with another secret"]
URL = "http://127.0.0.1:8000/a?b=1"


class Sample(NamedTuple):
    """A command for curl, and the comment above it."""

    title: str
    expected: str
    words: list[str]


def samples_in(out: str) -> list[Sample]:
    _, *blocks = out.strip().split("\n\n")
    found = []
    for block in blocks:
        comment, _, line = block.partition("\n")
        title, _, expected = comment.removeprefix("# ").partition(": ")
        found.append(Sample(title, expected, shlex.split(line)))
    return found


def environ_of(words: list[str]) -> dict[str, Any]:
    """Return the environ of the request that curl would make."""
    environ = {"REQUEST_METHOD": "GET", "QUERY_STRING": urlsplit(words[-1]).query}
    options = [word for word in words[1:-1] if word not in PLAIN]
    for option, value in zip(options[::2], options[1::2], strict=True):
        if option == "--cookie":
            environ["HTTP_COOKIE"] = value
        else:
            assert option == "--header"
            name, _, text = value.partition(": ")
            environ["HTTP_" + name.upper().replace("-", "_")] = text
    return environ


PLAIN = ("--silent", "--show-error", "--include", "--globoff")


def test_the_commands_of_a_scheme_without_expiry(command: Command) -> None:
    out = command.output("request", "stigg", URL, "--id", "it's 1")
    heading, _ = out.split("\n", 1)
    assert heading == (
        "# Stigg customer token: the expected statuses of a service in the mode enforce"
    )
    valid, expired, tampered, foreign = samples_in(out)
    assert [each.title for each in (valid, expired, tampered, foreign)] == TITLES
    assert valid.words[:4] == ["curl", *PLAIN[:3]]
    assert valid.words[-1] == URL
    assert valid.expected == "200, or another status of the service"
    assert expired == ("expired", "the tokens of this scheme do not expire", [])
    assert tampered.expected == foreign.expected == "401, mismatch"
    verifier = Verifier("stigg", Keyring(SECRET))
    codes = [
        verifier.check(environ_of(each.words)["HTTP_X_CUSTOMER_KEY"]).code
        for each in (valid, tampered, foreign)
    ]
    assert codes == ["verified", "mismatch", "mismatch"]


@pytest.mark.parametrize(
    ("place", "location"),
    [
        ("header:X-Token", from_header("X-Token")),
        ("query:the token", from_query("the token")),
        ("cookie:token", from_cookie("token")),
    ],
)
def test_the_token_and_the_claimed_id_are_in_the_places_of_the_options(
    command: Command, place: str, location: Callable[[Any], str | None]
) -> None:
    out = command.output(
        "request", "cognito-flow", f"{URL}#fragment", "--id", "Zoë+ &1",
        "--token", place, "--claimed-id", "query:ref",
    )  # fmt: skip
    verifier = Verifier("cognito-flow", Keyring(f"live_{SECRET}"))
    codes = []
    for sample in samples_in(out):
        if sample.words:
            environ = environ_of(sample.words)
            assert from_query("ref")(environ) == "Zoë+ &1"
            codes.append(verifier.check(location(environ), from_query("ref")(environ)).code)
    assert codes == ["verified", "mismatch", "mismatch"]


def key_of(scheme: Scheme) -> str:
    algorithm = scheme.jwt.algorithm if scheme.jwt else ""
    return private_key(algorithm)[0] if algorithm[:2] in {"RS", "ES"} else SECRET.encode().hex()


def max_age(scheme: Scheme) -> int | None:
    return 60 if scheme.slug in {"chameleon", "disqus"} else None


def verifier_of(scheme: Scheme) -> Verifier | None:
    settings = dict.fromkeys(scheme.settings, "the-setting")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Verifier(
                scheme, Keyring(key_of(scheme)), settings=settings, max_age=max_age(scheme)
            )
        except ConfigurationError:
            return None


def values_of(scheme: Scheme) -> list[str]:
    """Return options with all values that the scheme signs."""
    found = [f"--setting={name}=the-setting" for name in scheme.settings]
    for name, rule in scheme.values.items():
        if name in ANN.attributes:
            value = ANN.attributes[name]
            found.append(f"--attribute={name}={value if rule.kind == 'text' else dumps(value)}")
    if scheme.jwt and scheme.jwt.attributes:
        found += ["--attribute=plan=pro", "--claim=plan"]
    if max_age(scheme):
        found.append("--max-age=60")
    return [*found, "--email=Ann@B.example", "--phone=+15550100", "--name=Ann"]


@pytest.mark.parametrize("slug", scheme_slugs())
def test_each_scheme_that_can_be_verified_gets_the_codes_that_the_titles_promise(
    command: Command, monkeypatch: pytest.MonkeyPatch, slug: str
) -> None:
    scheme = Scheme.load(slug)
    monkeypatch.setenv(scheme.variable, key_of(scheme))
    verifier, more = verifier_of(scheme), values_of(scheme)
    if verifier is not None and verifier.needs_principal:
        more.append("--claimed-id=query:id")
    ran = command("request", slug, URL, "--id", "user-1", "--token", "header:X-Token", *more)
    if verifier is None:
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith(f"{slug}: its tokens cannot be")
        return
    assert (ran.code, ran.err.count("\n")) == (0, 1 if scheme.ambiguous else 0), ran.err
    expected = [sample.expected for sample in samples_in(ran.out)]
    assert expected[0].startswith("200")
    assert expected[1] == (
        "401, expired"
        if scheme.expires or max_age(scheme)
        else "the tokens of this scheme do not expire"
    )
    assert expected[2:] == ["401, mismatch", "401, mismatch"]


@contextmanager
def served(verifier: Verifier) -> Iterator[str]:
    """Yield the URL of a service on a port of its own."""

    def service(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    class Quiet(WSGIRequestHandler):
        def log_message(self, *given: object) -> None:
            pass

    app = VerifyingMiddleware(service, verifier=verifier, mode="enforce")
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/[a]?b={{c}}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("path", "expected"), [("/a/./b", True), ("/a/%2E%2e/b", True), ("/a.b/c?d=..", False)]
)
def test_curl_requests_the_path_as_it_is(command: Command, path: str, expected: bool) -> None:
    out = command.output("request", "stigg", f"http://127.0.0.1:8000{path}", "--id", "u")
    assert ("--path-as-is" in samples_in(out)[0].words) is expected


def test_curl_gets_the_expected_statuses_of_a_service(
    command: Command, need_binary: Callable[[str], str]
) -> None:
    need_binary("curl")
    with served(Verifier("stigg", Keyring(SECRET))) as url:
        out = command.output("request", "stigg", url, "--id", 'it\'s "1" $HOME')
        for sample in samples_in(out):
            if sample.words:
                ran = subprocess.run(
                    sample.words, check=False, capture_output=True, text=True, timeout=60
                )
                status, code = ran.stdout.split(" ")[1], sample.expected.split(", ")
                assert (ran.returncode, ran.stderr, status) == (0, "", code[0])
                assert status == "200" or f'error="{code[1]}"' in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["cognito-flow", URL, "--id", "u", "--token", "header:X"],
         "cognito-flow: its tokens do not contain the id; pass --claimed-id PLACE"),
        (["cognito-flow", URL, "--id", "u"], "cognito-flow has no request header; pass --token"),
        (["stigg", "https://canary:canary@a.example", "--id", "u"], "URL must begin with http"),
        (["stigg", "canary", "--id", "u"], "URL must begin with http"),
        (["stigg", "http://[canary/", "--id", "u"], "URL must begin with http"),
        (["stigg", "http:///canary", "--id", "u"], "URL must begin with http"),
        (["stigg", URL], "a principal needs an id"),
        (["stigg", URL, "--id", "u", "--token", "canary"],
         "countermark request: error: argument --token: give header:NAME, query:NAME or cookie"),
        (["stigg", URL, "--id", "u", "--token", "header:canary x"],
         "countermark request: error: argument --token: the name is not valid for a header"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(command: Command, arguments: list[str], problem: str) -> None:
    line = command.problem("request", *arguments)
    assert line.startswith(problem)
    assert "canary" not in line


def test_an_environment_is_that_of_the_valid_tokens(command: Command) -> None:
    for slug, secret in (("stigg", SECRET), ("cognito-flow", f"live_{SECRET}")):
        more = ["--token", "header:X", "--claimed-id", "header:Y", "--environment", "live"]
        samples = samples_in(command.output("request", slug, URL, "--id", "u", *more))
        expected = [each.expected.partition(",")[0] for each in samples if each.words]
        assert expected == ["200", "401", "401"]
        environ = environ_of(samples[0].words)
        identity = Verifier(slug, Keyring(secret)).verify(environ["HTTP_X"], environ["HTTP_Y"])
        assert identity.principal_id == "u"


def test_the_tokens_last_as_long_as_the_option(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANNY_PRIVATE_KEY", SECRET)
    arguments = ["request", "canny-sso", URL, "--id", "u", "--email", "a@b.example",
                 "--name", "Ann", "--token", "header:X-Token"]  # fmt: skip
    for more in ((), ("--lifetime", "30")):
        expected = [each.expected for each in samples_in(command.output(*arguments, *more))]
        assert expected[1] == "401, expired"

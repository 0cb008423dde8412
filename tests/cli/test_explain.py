"""``countermark explain``: the mistake, what was signed on a terminal, and the exit code."""

from __future__ import annotations

import hmac
import json
import sys
from pathlib import Path

import pytest

from countermark import Keyring, Signer
from tests.cli.commands import Command, pipe_with
from tests.conftest import SECRET
from tests.webhooks.planted import COGNITO
from tests.webhooks.samples import BASE_URL, twilio

TOKEN = Signer("stigg", Keyring(SECRET)).sign("user-1")
QUOTED = f'"{TOKEN}"'.encode()
EXPLAINED = """\
explained: token_quoted
  The token is in quotation marks.
  Send the text itself, not its JSON or its representation.
  See docs/explain.md#the-token
signed: shown on a terminal only
"""


def code(text: str, key: str = SECRET) -> str:
    return hmac.digest(key.encode(), text.encode(), "sha256").hex()


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_valid_token_is_confirmed(command: Command, end: str) -> None:
    assert command.output("explain", "stigg", stdin=f"{TOKEN}{end}".encode()) == "good\n"


def test_a_mistake_is_printed_with_what_to_change(command: Command) -> None:
    assert command("explain", "stigg", stdin=QUOTED) == (1, EXPLAINED, "")


def test_what_was_signed_is_shown_on_a_terminal(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert command("explain", "stigg", stdin=QUOTED).out.endswith("\nsigned: user-1\n")
    token = f"HMAC-SHA256 a\x1b[2J:{code(chr(97) + chr(27) + '[2J' + chr(10))}".encode()
    assert command("explain", "stigg", stdin=token).out.endswith("\nsigned: a\\x1b[2J\\n\n")


def test_an_unexplained_token_has_remarks_alone(command: Command) -> None:
    assert command("explain", "stigg", stdin=b"HMAC-SHA256 user-1:00").out == (
        "unexplained\n"
        "  No known mistake explains it, alone or with another one.\n"
        "  The length of the code is 2; codes of this scheme have 64 characters.\n"
        "  Look for a limit that cuts the token, or for text that was joined to it.\n"
    )


def test_another_secret_is_the_next_thing_to_try(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = Signer("stigg", Keyring("x" + SECRET)).sign("user-1").encode()
    printed = command("explain", "stigg", stdin=token).out
    assert printed.splitlines()[2:] == [
        "  It may be signed with a secret that this command does not have.",
        "  Give those of other environments: --other-environment staging=STAGING_SECRET.",
    ]
    monkeypatch.setenv("STAGING_SECRET", "y" + SECRET)
    given = ("--other-environment", "staging=STAGING_SECRET")
    assert command("explain", "stigg", *given, stdin=token).out == "\n".join(
        [*printed.splitlines()[:3], ""]
    )
    monkeypatch.setenv("STAGING_SECRET", "x" + SECRET)
    assert "environment staging." in command("explain", "stigg", *given, stdin=token).out


def test_alternatives_are_printed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ONE_SECRET", "TWO_SECRET"):
        monkeypatch.setenv(name, "x" + SECRET)
    others = ("--other-environment", "one=ONE_SECRET", "--other-environment", "two=TWO_SECRET")
    token = Signer("stigg", Keyring("x" + SECRET)).sign("user-1").encode()
    out = command("explain", "stigg", *others, stdin=token).out
    assert "secret of the environment one." in out
    assert "or: other_environment\n  It was signed with the secret of the environment two." in out


def test_the_same_is_an_object(command: Command) -> None:
    found = json.loads(command("explain", "stigg", "--json", stdin=QUOTED).out)
    (mistake,) = found["mistakes"]
    assert (found["outcome"], mistake["code"]) == ("explained", "token_quoted")
    assert (found["alternatives"], found["remarks"]) == ([], [])
    assert "user-1" not in json.dumps(found)


def test_the_token_is_found_in_a_request(command: Command) -> None:
    curl = f"curl https://api.example -H 'X-Customer-Key: {TOKEN}'".encode()
    assert command.output("explain", "stigg", stdin=curl) == "good\n"
    har = {"log": {"entries": [{"request": {"url": "https://a.example/"}}]}}
    header = {"name": "x-customer-key", "value": TOKEN}
    har["log"]["entries"].append({"request": {"url": "https://b.example/", "headers": [header]}})  # type: ignore[dict-item]
    assert command.output("explain", "stigg", stdin=json.dumps(har).encode()) == "good\n"
    assert command.problem("explain", "stigg", stdin=b"curl https://a.example").startswith(
        "stigg: the request has no token where this scheme has it"
    )


def test_the_principal_is_found_in_a_request(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERCOM_IDENTITY_SECRET", SECRET)
    body = f"user_id=u1&email=a%40b.example&user_hash={code('a@b.example')}"
    curl = f"curl https://api.example -d '{body}'".encode()
    assert command("explain", "intercom-hmac", stdin=curl).out.startswith("explained: other_value")
    other = command("explain", "intercom-hmac", "--email", "A@b.example", stdin=curl)
    assert other.out.startswith("explained: other_value value_case")
    good = command("explain", "intercom-hmac", "--id", "a@b.example", stdin=curl)
    assert good.out.startswith("explained: value_refused")


def test_the_options_are_those_of_verifiers(command: Command, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(code("user-1-1000") + "-1000")
    options = ("--input", str(tmp_path / "token"), "--secret-fd", pipe_with(SECRET.encode()))
    limits = ("--max-age", "60", "--now", "5000", "--id", "user-1")
    (tmp_path / "dated.toml").write_text(
        'mac = {algorithm = "sha256", message = "{id}", encoding = "hex"}\n'
        'token = {template = "{mac}"}\n'
    )
    ran = command("explain", "chameleon", *options, *limits)
    assert ran.out.startswith("explained: expired\n  The token expired 65 minutes ago.")
    scheme = str(tmp_path / "dated.toml")
    (tmp_path / "token").write_text(code("USER-1"))
    fd = pipe_with(SECRET.encode())
    ran = command("explain", scheme, *options[:2], "--secret-fd", fd, "--id", "user-1")
    assert ran.out.startswith("explained: value_case")


def test_a_verification_request_is_compared_with_the_verify_token(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "our-own-verify-token"
    monkeypatch.setenv("META_APP_SECRET", "a-webhook-secret-for-tests-only-01")
    monkeypatch.setenv("META_VERIFY_TOKEN", token)
    query = f"hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}"
    request = f"GET /hooks?{query} HTTP/1.1\r\nHost: app.example\r\n\r\n".encode()
    printed = command.output("explain", "webhook:meta", stdin=request)
    assert "The request verifies the URL" in printed
    monkeypatch.setenv("META_VERIFY_TOKEN", f"another-{token}")
    ran = command("explain", "webhook:meta", stdin=request)
    assert ran.code == 1
    assert "Set META_VERIFY_TOKEN" in ran.out
    assert token not in printed + ran.out


def test_a_webhook_is_a_whole_request(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", SECRET)
    head = f"POST /hooks HTTP/1.1\r\nX-Hub-Signature-256: sha256={code('{}')}\r\n\r\n"
    for name in ("github", "webhook:github"):
        assert command.output("explain", name, stdin=f"{head}{{}}".encode()) == "good\n"
    ran = command("explain", "github", stdin=f"{head}{{}}\n".encode())
    assert ran.out.startswith("explained: body_white_space")
    other = b"curl https://a.example"
    assert command("explain", "github", stdin=other).out.startswith("explained: header_missing")
    assert command.problem("explain", "github", stdin=b"abc").startswith("github: a webhook is a")


def test_a_body_in_a_file_is_not_read(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the commands of countermark request."""
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", SECRET)
    header = f"X-Hub-Signature-256: sha256={code('{}')}"
    for option in ("--data-binary", "-d", "--json"):
        curl = f"curl --header '{header}' {option} @event.json https://a.example/hooks".encode()
        assert command.problem("explain", "webhook:github", stdin=curl) == (
            "github: the body begins with @, with which curl names a file, and that is not read;"
            " give the request as text, with its body"
        )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("webhook:github", "--other-environment", "a=B"), "tokens; to try another secret of a"),
        (("webhook:github", "--id", "user-1"), "tokens; to try another secret of a webhook"),
        (("stigg", "--base-url", BASE_URL), "webhooks; pass webhook:NAME as SCHEME"),
    ],
)
def test_options_of_the_other_kind_are_refused(
    command: Command, given: tuple[str, ...], reason: str
) -> None:
    said = command.problem("explain", *given, stdin=TOKEN.encode())
    assert said.startswith(f"{given[1]} is an option for {reason}")


def test_a_webhook_whose_url_is_signed_needs_its_base(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", SECRET)
    delivery = twilio(secret=SECRET)
    signature = delivery.headers["X-Twilio-Signature"]
    head = f"POST {delivery.path} HTTP/1.1\r\nX-Twilio-Signature: {signature}\r\n\r\n".encode()
    seen = head + delivery.body
    explain = ("explain", "webhook:twilio")
    assert command.output(*explain, "--base-url", BASE_URL, stdin=seen) == "good\n"
    other = BASE_URL.replace("https", "http")
    assert command(*explain, "--base-url", other, stdin=seen).out.splitlines()[:2] == [
        "explained: url_changed", "  The signed URL differs: it begins with https."
    ]  # fmt: skip
    assert command.problem(*explain, stdin=seen).startswith("twilio signs the URL: give base_url=")


def test_a_slug_of_both_kinds_is_a_token(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STIGG_WEBHOOK_SECRET", SECRET)
    curl = f"curl https://a.example -d '{{}}' -H 'Stigg-Webhooks-Secret: {SECRET}'".encode()
    assert command.output("explain", "webhook:stigg", stdin=curl) == "good\n"
    assert command.output("explain", "stigg", stdin=TOKEN.encode()) == "good\n"


def test_an_http_signature_needs_the_id_of_its_key(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGNITO_API_SECRET", COGNITO.secret)
    lines = [f"{name}: {value}" for name, value in COGNITO.headers.items()]
    text = "\r\n".join([f"{COGNITO.method} {COGNITO.path} HTTP/1.1", *lines, "", COGNITO.body])
    now = ("--now", str(COGNITO.now))
    problem = command.problem("explain", "cognito", *now, stdin=text.encode())
    assert problem.startswith("the environment variable COGNITO_API_KEY is not set")
    monkeypatch.setenv("COGNITO_API_KEY", COGNITO.key_id)
    assert command.output("explain", "cognito", *now, stdin=text.encode()) == "good\n"
    changed = text.replace(" HTTP/1.1", "/ HTTP/1.1").encode()
    assert command("explain", "cognito", *now, stdin=changed).out.startswith(
        "explained: path_changed"
    )


def test_no_output_contains_the_secret_or_an_expected_code(command: Command) -> None:
    for token in (QUOTED, code("user-1", SECRET + "\n").encode(), SECRET.encode(), b"x"):
        ran = command("explain", "stigg", "--id", "user-1", stdin=token)
        for canary in (SECRET, code("user-1"), "user-1"):
            assert canary not in ran.out + ran.err


def test_misuse_is_one_line(command: Command) -> None:
    assert command.problem("explain", "webhook:none").startswith("unknown webhook scheme")
    assert command.problem("explain", "stig").startswith("unknown scheme 'stig'")
    wrong = command.problem("explain", "stigg", "--other-environment", "x=NOT_SET_SECRET")
    assert "NOT_SET_SECRET is not set" in wrong

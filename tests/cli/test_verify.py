"""``countermark verify``: the identity of a token, or the reason for refusing it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from countermark import Keyring, Principal, Signer
from countermark.cli import main
from countermark.testing import tampered
from tests.cli.commands import Command, Ran, pipe_with
from tests.conftest import SECRET

TOKEN = Signer("stigg", Keyring(SECRET)).sign("user-1")
CODE = Signer("cognito-flow", Keyring(f"live_{SECRET}")).sign("user-1")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_valid_token_gives_its_id(command: Command, end: str) -> None:
    assert command.output("verify", "stigg", stdin=f"{TOKEN}{end}".encode()) == "user-1\n"


def test_the_token_may_be_in_a_file(command: Command, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    file = ("--token-file", str(tmp_path / "token"))
    assert command.output("verify", "stigg", *file) == "user-1\n"
    fd = pipe_with(b"another-secret-of-the-tests-with-enough-bytes")
    assert command("verify", "stigg", *file, "--secret-fd", fd).code == 1


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (tampered(TOKEN), "mismatch: the signature does not match"),
        (TOKEN[:-1], "malformed: the token is malformed"),
        (TOKEN + "\n\n", "malformed: the token is malformed"),
        ("", "missing: the request has no token"),
        ("\udcff", "malformed: the token is malformed"),
        ("x" * 100_000, "malformed: the token is malformed"),
    ],
)
def test_an_invalid_token_is_a_finding_with_its_reason(
    command: Command, token: str, reason: str
) -> None:
    ran = command("verify", "stigg", stdin=token.encode("utf-8", "surrogateescape"))
    assert ran == Ran(1, "", f"{reason}\n")


def test_a_token_without_an_id_needs_the_claimed_one(command: Command) -> None:
    token = CODE.encode()
    assert command.output("verify", "cognito-flow", "--id", "user-1", stdin=token) == "user-1\n"
    for given, code in (((), "principal_missing"), (("--id", "user-2"), "mismatch")):
        ran = command("verify", "cognito-flow", *given, stdin=token)
        assert (ran.code, ran.err.partition(":")[0]) == (1, code)
    assert command.problem("verify", "cognito-flow", "--id", "", stdin=token).startswith(
        "the id is empty"
    )


def test_the_claimed_id_is_compared_with_the_one_in_the_token(command: Command) -> None:
    assert command("verify", "stigg", "--id", "user-2", stdin=TOKEN.encode()).code == 1


def test_a_token_for_an_address_gives_the_address(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELPSCOUT_BEACON_SECRET", SECRET)
    address = "ann@b.example"
    token = Signer("helpscout", Keyring(SECRET)).sign(Principal(email=address)).encode()
    assert command.output("verify", "helpscout", "--email", address, stdin=token) == f"{address}\n"


def test_a_token_for_neither_gives_an_empty_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METABASE_EMBEDDING_SECRET_KEY", SECRET)
    principal = Principal("u", attributes={"resource": {"dashboard": 7}, "params": {}})
    token = Signer("metabase-static", Keyring(SECRET)).sign(principal).encode()
    assert command.output("verify", "metabase-static", stdin=token) == "\n"


def test_json_has_the_identity_of_a_valid_token(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_SECRET", SECRET)
    signer = Signer("stream-chat", Keyring(SECRET), lifetime=60)
    signed = signer.issue("user-1")
    found = json.loads(
        command.output("verify", "stream-chat", "--json", stdin=signed.token.encode())
    )
    assert found.pop("claims")["user_id"] == "user-1"
    assert found.pop("expires_at") == pytest.approx(time.time() + 60, abs=30)
    assert found == {
        "scheme": "stream-chat",
        "valid": True,
        "code": "verified",
        "reason": None,
        "principal_id": "user-1",
        "key_id": signer.key_id,
        "role": "current",
    }


def test_json_has_the_reason_for_an_invalid_token(command: Command) -> None:
    ran = command("verify", "stigg", "--json", stdin=tampered(TOKEN).encode())
    assert (ran.code, ran.err) == (1, "")
    assert json.loads(ran.out) == {
        "scheme": "stigg",
        "valid": False,
        "code": "mismatch",
        "reason": "the signature does not match",
        "principal_id": None,
        "claims": None,
        "key_id": None,
        "role": None,
        "expires_at": None,
    }


def test_leeway_and_maximum_age_are_those_of_the_options(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_SECRET", SECRET)
    signer = Signer("stream-chat", Keyring(SECRET), lifetime=60, clock=lambda: time.time() - 90)
    old, arguments = signer.sign("u").encode(), ["verify", "stream-chat"]
    assert command(*arguments, stdin=old) == Ran(1, "", "expired: the token has expired\n")
    assert command.output(*arguments, "--leeway", "600", stdin=old) == "u\n"
    assert command.problem("verify", "stigg", "--max-age", "5").endswith("leave max_age= out")


def test_a_short_secret_is_accepted_on_request_with_a_warning_of_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", "only-20-bytes-of-key")
    ran = command("sign", "stigg", "--id", "user-1")
    assert ran.code == 0
    assert ran.err.startswith("warning: stigg: the secret in STIGG_SIGNING_SECRET has fewer")
    assert len(ran.err.splitlines()) == 1
    token = ran.out.encode()
    assert "32 bytes" in command.problem("verify", "stigg", stdin=token)
    ran = command("verify", "stigg", "--allow-short-secret", stdin=token)
    assert (ran.code, ran.out) == (0, "user-1\n")
    assert ran.err.startswith("warning: stigg: the secret has fewer than 32 bytes")


def test_the_token_and_the_secret_cannot_both_be_on_standard_input(command: Command) -> None:
    assert command.problem("verify", "stigg", "--secret-fd", "0") == (
        "--secret-fd 0 and --token-file both read standard input; use another descriptor"
    )


def test_a_token_is_not_an_argument(command: Command) -> None:
    line = command.problem("verify", "stigg", TOKEN)
    assert line.startswith("countermark verify: error: unrecognized arguments")
    assert TOKEN[-20:] not in line


def test_an_input_that_cannot_be_read_is_a_mistake(command: Command, tmp_path: Path) -> None:
    assert command.problem("verify", "stigg", "--token-file", str(tmp_path)) == (
        "the file of --token-file cannot be read: Is a directory; give a file of UTF-8 text"
    )


def test_a_closed_standard_input_is_a_mistake() -> None:
    ran = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m countermark verify stigg <&-"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("the file of --token-file cannot be read: there is no such input")


def test_a_standard_input_that_fails_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            raise OSError

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(Broken())))
    assert main(["verify", "stigg"]) == 2
    assert "the input is not readable" in capsys.readouterr().err

"""``countermark sign``: one token, or many."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest

from countermark import Keyring, Signer
from tests.cli.commands import Command, pipe_with
from tests.conftest import SECRET
from tests.samples import private_key


def stigg_token(id: str, secret: str = SECRET) -> str:
    return f"HMAC-SHA256 {id}:{hmac.new(secret.encode(), id.encode(), hashlib.sha256).hexdigest()}"


def test_the_token_is_alone_on_its_line(command: Command) -> None:
    assert command.output("sign", "stigg", "--id", "user-1") == f"{stigg_token('user-1')}\n"


def test_json_has_the_header_the_fields_and_the_expiry(command: Command) -> None:
    assert json.loads(command.output("sign", "stigg", "--id", "user-1", "--json")) == {
        "scheme": "stigg",
        "token": stigg_token("user-1"),
        "header": "Stigg-Customer-Token",
        "key_id": Signer("stigg", Keyring(SECRET)).key_id,
        "fields": {"customerId": "user-1", "customerToken": stigg_token("user-1")},
        "expires_at": None,
    }


def test_ids_from_standard_input_are_signed_one_in_each_line(command: Command) -> None:
    ids = ["user-1", "user-2", "a b"]
    sent = "\n".join(ids).encode()
    expected = [stigg_token(id) for id in ids]
    forms = (sent, sent + b"\n", sent.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + sent)
    for stdin in forms:
        assert command.output("sign", "stigg", "--ids", "-", stdin=stdin).splitlines() == expected


def test_ids_may_be_in_a_file_and_the_result_in_json_lines(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "ids").write_text("user-1\nuser-2\n")
    out = command.output("sign", "stigg", "--ids", str(tmp_path / "ids"), "--json")
    assert [json.loads(line)["fields"]["customerId"] for line in out.splitlines()] == [
        "user-1",
        "user-2",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "--ids, line 2: the id is empty"),
        (b"canary \xff", "--ids, line 2: the id is not UTF-8 text"),
        (b"canary\x00", "--ids, line 2: the id holds a control character"),
    ],
)
def test_an_id_that_cannot_be_signed_ends_the_command_with_its_line_number(
    command: Command, line: bytes, problem: str
) -> None:
    ran = command("sign", "stigg", "--ids", "-", stdin=b"user-1\n" + line + b"\nuser-3\n")
    assert ran.code == 2
    assert ran.out == f"{stigg_token('user-1')}\n"
    assert ran.err.startswith(problem)
    assert len(ran.err.splitlines()) == 1
    assert "canary" not in ran.err


def test_settings_and_other_values_are_signed(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERCOM_IDENTITY_SECRET", SECRET)
    token = command.output(
        "sign", "intercom-jwt", "--id", "u1", "--email", "a@b.example", "--phone", "+15550100",
        "--name", "Ann Lee", "--created", "1700000000", "--attribute", "plan=pro",
        "--attribute", "seats=3", "--claim", "plan", "--claim", "seats", "--lifetime", "60",
    ).strip()  # fmt: skip
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert claims.pop("exp") == pytest.approx(time.time() + 60, abs=30)
    assert claims == {
        "user_id": "u1",
        "email": "a@b.example",
        "name": "Ann Lee",
        "created_at": 1_700_000_000,
        "plan": "pro",
        "seats": "3",
    }


def test_values_that_are_not_texts_in_the_scheme_are_json(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METABASE_EMBEDDING_SECRET_KEY", SECRET)
    arguments = ["sign", "metabase-static", "--id", "u1", "--attribute"]
    token = command.output(*arguments, 'resource={"dashboard": 7}', "--attribute", "params={}")
    claims = jwt.decode(token.strip(), SECRET, algorithms=["HS256"])
    assert claims["resource"] == {"dashboard": 7}
    assert command.problem(*arguments, "resource=canary") == (
        "--attribute: this value is of type object in metabase-static; give JSON"
    )


def test_a_setting_is_taken_from_the_option_before_the_environment(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGMA_EMBED_SECRET", SECRET)
    monkeypatch.setenv("SIGMA_EMBED_CLIENT_ID", "from-the-environment")
    for given, expected in (((), "from-the-environment"), (("--setting", "client_id=a=b"), "a=b")):
        token = command.output("sign", "sigma", "--id", "u1", "--email", "a@b.example", *given)
        assert jwt.get_unverified_header(token.strip())["kid"] == expected


def test_a_secret_from_a_descriptor_replaces_the_one_of_the_environment(command: Command) -> None:
    other = "another-secret-of-the-tests-with-enough-bytes"
    for content in (other, f"{other}\n", f"{other}\r\n"):
        fd = pipe_with(content.encode())
        token = command.output("sign", "stigg", "--id", "user-1", "--secret-fd", fd)
        assert token.strip() == stigg_token("user-1", other)


def test_a_descriptor_may_hold_a_private_key(command: Command) -> None:
    private, public = private_key("RS256")
    fd = pipe_with(private.encode())
    token = command.output("sign", "knock", "--id", "user-1", "--secret-fd", fd).strip()
    assert jwt.decode(token, public, algorithms=["RS256"])["sub"] == "user-1"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the current key is blank"),
        (b"canary\ncanary\n", "the current key has several lines"),
        (b"canary\xff", "it is not UTF-8 text"),
        (b"canary" * 10_000 + b"canary", None),
        (b"canary" * 11_000, "it has more than 64 kB"),
    ],
)
def test_a_descriptor_with_an_invalid_secret_is_refused(
    command: Command, tmp_path: Path, content: bytes, problem: str | None
) -> None:
    (tmp_path / "secret").write_bytes(content)
    fd = os.open(tmp_path / "secret", os.O_RDONLY)
    ran = command("sign", "stigg", "--id", "user-1", "--secret-fd", str(fd))
    assert (problem or "") in ran.err
    assert ran.code == (2 if problem else 0)
    assert "canary" not in ran.err


def test_a_descriptor_that_is_not_open_is_refused(command: Command) -> None:
    line = command.problem("sign", "stigg", "--id", "user-1", "--secret-fd", "65535")
    assert line.startswith("--secret-fd: the file descriptor cannot be read: Bad file descriptor")


def test_two_inputs_cannot_both_be_standard_input(command: Command) -> None:
    assert command.problem("sign", "stigg", "--ids", "-", "--secret-fd", "0") == (
        "--secret-fd 0 and --ids both read standard input; use another descriptor"
    )


def test_the_secret_can_be_on_standard_input() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "countermark", "sign", "stigg", "--id", "u", "--secret-fd", "0"],
        input=SECRET, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ran.stdout.strip() == stigg_token("u")


OWN = """
[secret]
{secret}

[mac]
algorithm = "sha256"
message = "{{id}}"
encoding = "hex"

[fields]
token = "{{token}}"
"""


def test_a_scheme_can_be_a_file(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(OWN.format(secret='variable = "STIGG_SIGNING_SECRET"'))
    token = stigg_token("u").rpartition(":")[2]
    assert command.output("sign", str(path), "--id", "u") == f"{token}\n"
    path.write_text(OWN.format(secret=""))
    assert command.problem("sign", str(path), "--id", "u") == (
        "acme names no environment variable for its secret; pass --secret-fd N"
    )
    fd = pipe_with(SECRET.encode())
    assert command.output("sign", str(path), "--id", "u", "--secret-fd", fd) == f"{token}\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["sign", "nowhere.toml", "--id", "u"], "the file of the scheme cannot be read: No such"),
        (["sign", "a\0.toml", "--id", "u"], "the file of the scheme cannot be read: the path is"),
        (["sign", "stig", "--id", "u"], "unknown scheme 'stig'"),
        (["sign", "stigg"], "a principal needs an id, an e-mail address or a phone number"),
        (["sign", "stigg", "--ids", "nowhere"], "the file of --ids cannot be read: No such file"),
        (["sign", "stigg", "--ids", "a\0"], "the file of --ids cannot be read: there is"),
        (["sign", "stigg", "--id", "a\nb"], "the id holds a control character"),
        (["sign", "stigg", "--id", "u", "--lifetime", "9"], "stigg: its tokens do not expire"),
        (["sign", "stigg", "--id", "u", "--setting", "a=b"], "stigg has no setting"),
        (["sign", "cognito-flow", "--id", "u", "--environment", "sandbox"],
         "cognito-flow: the key in COGNITO_API_SECRET belongs to the environment 'live'"),
        (["sign", "stigg", "--id", "u", "--ids", "-"],
         "countermark sign: error: argument --ids: not allowed with argument --id"),
        (["sign", "stigg", "--setting", "canary"],
         "countermark sign: error: argument --setting: give NAME=VALUE"),
        (["sign", "stigg", "--attribute", "=canary"],
         "countermark sign: error: argument --attribute: give NAME=VALUE"),
        (["sign", "stigg", "--secret-fd", "canary"],
         "countermark sign: error: argument --secret-fd: give a whole number from 0 to 65535"),
        (["sign", "stigg", "--secret-fd", "2"],
         "countermark sign: error: argument --secret-fd: standard output and standard error"),
        (["sign", "stigg", "--created", "canary"],
         "countermark sign: error: argument --created: give a number of seconds since the epoch"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_2(
    command: Command, arguments: list[str], problem: str
) -> None:
    line = command.problem(*arguments)
    assert line.startswith(problem)
    assert "canary" not in line

"""Commands take the files of schemes and of webhook schemes."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from countermark import Keyring
from countermark.cli import main
from countermark.webhooks import WebhookScheme, WebhookSigner

SECRET = "an-acme-secret-of-the-tests-with-enough-bytes"
SIGNING = """
name = "Own"
secret = { variable = "OWN_SECRET" }
mac = { algorithm = "sha256", message = "{id}", encoding = "hex" }
fields = { hash = "{token}" }
"""
WEBHOOK = """
kind = "hmac"
secret = { variable = "ACME_WEBHOOK_SECRET" }
timestamp = { header = "X-Acme-Time", tolerance = 300 }

[signature]
header = "X-Acme-Sig"
algorithm = "sha256"
encoding = "hex"
prefix = "sha256="
message = "{timestamp}.{body}"
"""


class Commands:
    """Runs commands in a folder with both files."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *arguments: str, code: int = 0) -> str:
        assert main(list(arguments)) == code
        return self._capsys.readouterr()[code == 2]


@pytest.fixture
def commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Commands:
    (tmp_path / "own.toml").write_text(SIGNING)
    (tmp_path / "acme.toml").write_text(WEBHOOK)
    (tmp_path / "event.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACME_WEBHOOK_SECRET", SECRET)
    return Commands(capsys)


def test_the_details_of_a_file_have_the_line_that_loads_it(commands: Commands) -> None:
    own, acme = commands.run("schemes", "own.toml"), commands.run("schemes", "webhook:acme.toml")
    assert 'signer = Signer.from_env(Scheme.from_toml("own.toml"))' in own
    assert 'WebhookVerifier.from_env(WebhookScheme.from_toml("acme.toml"))' in acme
    for text in (own, acme):
        assert "compared" not in text
        assert "read  " not in text


def test_a_request_of_a_webhook_scheme_in_a_file(commands: Commands) -> None:
    url = "http://127.0.0.1:1/hooks"
    text = commands.run("request", "webhook:acme.toml", url, "--body", "event.json")
    assert "# acme: the expected statuses" in text
    assert "x-acme-sig: sha256=" in text


def test_a_delivery_is_explained_by_a_file(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = WebhookSigner(WebhookScheme.from_toml("acme.toml"), Keyring(SECRET))
    headers = "".join(f"{name}: {value}\r\n" for name, value in signer.sign(b"{}").items())
    delivery = f"POST /hooks HTTP/1.1\r\n{headers}\r\n{{}}".encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(delivery)))
    assert "good" in commands.run("explain", "webhook:acme.toml", "--now", str(int(time.time())))


def test_the_steps_of_a_rotation_and_a_secret_for_tests(commands: Commands) -> None:
    assert "ACME_WEBHOOK_SECRET_NEXT" in commands.run("rotate", "webhook:acme.toml")
    assert len(commands.run("keygen", "webhook:acme.toml", "--for-tests").strip()) >= 32


@pytest.mark.parametrize("command", ["schemes", "rotate", "keygen", "explain"])
def test_a_file_of_the_other_kind_is_named(command: str, commands: Commands) -> None:
    said = commands.run(command, "acme.toml", code=2)
    assert said == "the file is a webhook scheme; put webhook: before its path\n"
    assert "kind is missing" in commands.run(command, "webhook:own.toml", code=2)


@pytest.mark.parametrize("path", ["webhook:gone.toml", "gone.toml", "webhook:a\0.toml"])
def test_a_file_that_cannot_be_read_is_misuse(path: str, commands: Commands) -> None:
    said = commands.run("schemes", path, code=2)
    assert said.startswith("the file of the scheme cannot be read: ")


def test_a_file_of_neither_kind_is_an_invalid_scheme(commands: Commands) -> None:
    Path("bad.toml").write_text('name = "Bad"')
    assert "add one of [mac] and [jwt]" in commands.run("schemes", "bad.toml", code=2)
    assert "kind is missing" in commands.run("schemes", "webhook:bad.toml", code=2)

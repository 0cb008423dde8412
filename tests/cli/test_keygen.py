"""``countermark keygen``: secrets in the form of their scheme."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from countermark import Keyring, Scheme, Signer
from countermark.schemes import scheme_slugs
from countermark.webhooks import WebhookSigner, WebhookVerifier
from tests.cli.commands import Command, pipe_with

ED25519 = "standard-webhooks-ed25519"


def test_a_secret_is_64_hexadecimal_digits_on_one_line(command: Command) -> None:
    first, second = (command.output("keygen", "discourse") for _ in range(2))
    assert first != second
    assert len(bytes.fromhex(first.strip())) == 32
    assert first == f"{first.strip()}\n"


@pytest.mark.parametrize("slug", scheme_slugs())
def test_a_new_secret_is_accepted_by_its_scheme_without_a_warning(
    command: Command, slug: str
) -> None:
    scheme = Scheme.load(slug)
    secret = command.output("keygen", slug, "--for-tests").strip()
    if not scheme.ambiguous:
        Signer(
            scheme,
            Keyring(secret),
            settings=dict.fromkeys(scheme.settings, "a"),
            claims=["plan"] if scheme.jwt and scheme.jwt.attributes else (),
        )


def test_a_secret_that_the_vendor_issues_is_refused(command: Command) -> None:
    assert command.problem("keygen", "stigg") == (
        "the vendor of stigg issues its secret; copy it from there, or pass --for-tests"
    )
    assert command.problem("keygen", "webhook:stigg").startswith("the vendor of webhook:stigg")
    assert command.output("keygen", "webhook:stigg", "--for-tests").strip().isalnum()


def test_a_webhook_secret_has_its_prefix_and_encoding(command: Command) -> None:
    line = command.output("keygen", "webhook:standard-webhooks", "--format", "env").strip()
    name, _, secret = line.partition("=")
    assert name == "WEBHOOKS_SECRET"
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    WebhookVerifier("standard-webhooks", Keyring(secret))
    assert len(command.output("keygen", "webhook:github").strip()) == 64


def test_a_webhook_secret_is_not_longer_than_the_vendor_takes(command: Command) -> None:
    secret = command.output("keygen", "webhook:lemonsqueezy").strip()
    assert len(secret) == 40
    WebhookVerifier("lemonsqueezy", Keyring(secret))


def test_a_secret_shows_its_environment_which_is_live_only_on_request(command: Command) -> None:
    arguments = ["keygen", "cognito-flow", "--for-tests"]
    assert command.output(*arguments).startswith("sandbox_")
    assert command.output(*arguments, "--environment", "live").startswith("live_")
    assert command.problem(*arguments, "--environment", "canary") == (
        "cognito-flow has no environment of that name; it has live and sandbox"
    )
    assert command.problem("keygen", "discourse", "--environment", "live") == (
        "discourse has no environment of that name; its secrets show none"
    )
    assert command.problem("keygen", "webhook:github", "--environment", "live") == (
        "secrets of webhooks show no environment; leave --environment out"
    )


def test_a_secret_of_an_own_scheme_has_the_prefix_of_its_environment(
    command: Command, tmp_path: Path
) -> None:
    path, scheme = tmp_path / "acme.toml", (
        '[secret]\nchosen = true\n[mac]\nalgorithm = "sha256"\nmessage = "{id}"\n'
        'encoding = "hex"\n[fields]\ntoken = "{token}"\n[secret.environments]\n'
    )  # fmt: skip
    path.write_text(f'{scheme}test = []\nlive = ["live_", "prod_"]\n')
    assert len(command.output("keygen", str(path)).strip()) == 64
    assert command.output("keygen", str(path), "--environment", "live").startswith("live_")
    path.write_text(f'{scheme}live = ["live_"]\n')
    assert len(command.output("keygen", str(path)).strip()) == 64


@pytest.mark.parametrize(
    ("slug", "kind"),
    [
        ("aws-ivs", ec.EllipticCurvePrivateKey),
        ("braze", rsa.RSAPrivateKey),
        ("onesignal-jwt", ec.EllipticCurvePrivateKey),
    ],
)
def test_a_private_key_is_in_pem_or_on_one_line_for_the_environment(
    command: Command, slug: str, kind: type
) -> None:
    pem = command.output("keygen", slug, "--for-tests")
    assert isinstance(load_pem_private_key(pem.encode(), None), kind)
    Signer(slug, Keyring(pem), settings=dict.fromkeys(Scheme.load(slug).settings, "x"))
    line = command.output("keygen", slug, "--for-tests", "--format", "env")
    name, _, secret = line.strip().partition("=")
    assert name == Scheme.load(slug).variable
    assert isinstance(load_pem_private_key(base64.b64decode(secret), None), kind)


def test_private_keys_need_the_extra(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        __import__("sys").modules, "cryptography.hazmat.primitives.asymmetric", None
    )
    assert command.problem("keygen", "braze").endswith("pip install 'countermark[jwt]'")


def test_the_line_for_the_environment_needs_a_variable(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(
        '[secret]\nchosen = true\n[mac]\nalgorithm = "sha256"\nmessage = "{id}"\n'
        'key = "base64"\nencoding = "hex"\n[fields]\ntoken = "{token}"\n'
    )
    assert command.problem("keygen", str(path), "--format", "env") == (
        "acme names no environment variable for its secret; leave --format out"
    )
    secret = command.output("keygen", str(path)).strip()
    assert len(base64.b64decode(secret, validate=True)) == 32
    fd = pipe_with(secret.encode())
    assert len(command.output("sign", str(path), "--id", "u", "--secret-fd", fd)) == 65


def test_an_unknown_webhook_scheme_is_refused(command: Command) -> None:
    assert "webhook" in command.problem("keygen", "webhook:nowhere")


def test_a_private_key_for_webhooks_is_in_the_form_of_its_format(command: Command) -> None:
    line = command.output("keygen", f"webhook:{ED25519}", "--format", "env").strip()
    name, _, secret = line.partition("=")
    assert name == "WEBHOOKS_PRIVATE_KEY"
    assert len(base64.b64decode(secret.removeprefix("whsk_"), validate=True)) == 64
    assert WebhookSigner(ED25519, Keyring(secret)).public_keys
    assert command.problem("keygen", "webhook:discord").startswith("the vendor of webhook:discord")
    pem = command.output("keygen", "webhook:discord", "--for-tests")
    assert WebhookSigner("discord", Keyring(pem.strip())).public_keys


@pytest.mark.parametrize("slug", [ED25519, "wise"])
def test_the_public_key_is_that_of_the_private_key(command: Command, slug: str) -> None:
    secret = command.output("keygen", f"webhook:{slug}", "--for-tests")
    fd = pipe_with(secret.encode())
    public = command.output("keygen", f"webhook:{slug}", "--public", "--secret-fd", fd)
    assert WebhookSigner(slug, Keyring(secret.strip())).public_keys[0].strip() == public.strip()
    assert public.count("\n") == (1 if slug == ED25519 else len(public.splitlines()))


def test_the_public_key_may_be_of_a_key_in_the_environment(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = command.output("keygen", f"webhook:{ED25519}").strip()
    monkeypatch.setenv("WEBHOOKS_PRIVATE_KEY", secret)
    assert command.output("keygen", f"webhook:{ED25519}", "--public").startswith("whpk_")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["webhook:github", "--public"], "--public is for webhooks that receivers verify with a"),
        (["discourse", "--public"], "--public is for webhooks that receivers verify with a"),
        (["discourse", "--secret-fd", "0"], "--secret-fd gives the key of --public; leave it out"),
        ([f"webhook:{ED25519}", "--public"], "the environment variable WEBHOOKS_PRIVATE_KEY is"),
    ],
)
def test_a_mistake_about_public_keys_is_one_line(
    command: Command, arguments: list[str], problem: str
) -> None:
    assert command.problem("keygen", *arguments).startswith(problem)

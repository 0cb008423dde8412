"""``countermark rotate``: the steps of replacing a secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from countermark import Scheme
from tests.cli.commands import Command


def steps(command: Command, *arguments: str) -> list[str]:
    """Return the steps, each on one line."""
    head, rest, *_ = command.output("rotate", *arguments).split("\n\n")
    assert head.startswith("A new ")
    joined = re.sub(r"\n {3}", " ", rest)
    found = re.findall(r"^(\d+)\. (.+)$", joined, re.MULTILINE)
    assert [int(number) for number, _ in found] == [*range(1, len(found) + 1)]
    return [text for _, text in found]


def place(found: list[str], text: str) -> int:
    [index] = [index for index, step in enumerate(found) if text in step]
    return index


@pytest.mark.parametrize("watched", [[], ["--watched"]])
@pytest.mark.parametrize("slug", ["stigg", "knock", "discourse", "intercom-jwt", "cognito-flow"])
def test_the_new_key_is_accepted_before_it_signs_and_the_old_one_until_it_is_unused(
    command: Command, slug: str, watched: list[str]
) -> None:
    found, name = steps(command, slug, *watched), Scheme.load(slug).variable
    file = "_FILE" if watched else ""
    accept = place(found, f"{name}_NEXT{file}{' with one' if watched else ' to the new'}")
    vendor = place(found, "Make the vendor accept")
    sign = place(found, "Services that sign")
    promote = place(
        found, "then the new one into" if watched else f"{name}_PREVIOUS to the old one"
    )
    wait, removed = (
        place(found, "Wait "),
        place(found, f"remove {'the file of ' * bool(file)}{name}_PREVIOUS"),
    )
    assert accept < vendor < sign < promote < wait < removed < place(found, "Withdraw the old")
    assert ("restart" in " ".join(found)) is not bool(watched)


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["stigg"], ["Let the vendor issue a new secret", "do not expire", "stigg prints"]),
        (["intercom-jwt"], ["for the lifetime= that your signers give"]),
        (["discourse"], ["Make a new secret: countermark keygen discourse."]),
        (["knock"], ["Make a new private key: countermark keygen knock", "3,600 seconds"]),
        (["knock"], ["KNOCK_SIGNING_KEY_NEXT to the new public key", "the new private key"]),
        (
            ["cognito-flow", "--environment", "live"],
            ["It begins with live_", "--scheme cognito-flow --environment live prints"],
        ),
        (["webhook:github"], ["countermark keygen webhook:github", "Make the vendor sign with"]),
        (["webhook:discord"], ["a new public key", "DISCORD_PUBLIC_KEY_NEXT to the new public"]),
        (["webhook:stigg"], ["Let the vendor issue a new secret", "no VerifiedWebhook has"]),
    ],
)  # fmt: skip
def test_the_steps_follow_the_scheme(
    command: Command, arguments: list[str], texts: list[str]
) -> None:
    text = " ".join(steps(command, *arguments))
    for each in texts:
        assert each in text


ROTATIONS = {
    "ably": "The old one stays valid until you remove it",
    "launchdarkly": "Choose a time after the last step until which the old one stays valid",
    "discourse": "Make the vendor accept the new secret. The old one is invalid from then on",
    "appy-sdk": "Let the vendor issue a new secret. The old one is invalid from then on",
    "pylon": "The vendor shows it a single time",
    "stigg": "The catalogue does not say how long the old one stays valid",
}


@pytest.mark.parametrize("slug", ROTATIONS)
def test_the_steps_follow_what_the_catalogue_says_of_the_vendor(
    command: Command, slug: str
) -> None:
    out = command.output("rotate", slug)
    assert ROTATIONS[slug] in " ".join(out.split())
    for page in Scheme.load(slug).rotation.source:
        assert f"How the vendor replaces secrets: {page}\n" in out


def test_the_name_of_a_webhook_scheme_alone_is_refused_with_a_hint(command: Command) -> None:
    problem = command.problem("rotate", "github")
    assert problem.rstrip().endswith("; webhook:github is a webhook scheme")


def test_a_public_key_is_not_called_a_secret(command: Command) -> None:
    assert "secret" not in command.output("rotate", "webhook:discord")


def test_the_receiver_of_webhooks_signs_nothing(command: Command) -> None:
    assert "Services that sign" not in command.output("rotate", "webhook:github")


@pytest.mark.parametrize("watched", [[], ["--watched"]])
def test_services_that_sign_and_verify_accept_the_old_key_when_they_sign_with_the_new_one(
    command: Command, watched: list[str]
) -> None:
    """Both use one variable, so the next step later would refuse all open pages."""
    found = steps(command, "stigg", *watched)
    step = found[place(found, "Services that sign")]
    assert "Those that verify too take the next step instead of this one" in step


def test_the_ids_of_keys_change_with_them(command: Command) -> None:
    found = steps(command, "webhook:cognito")
    for key, id in [
        ("COGNITO_API_SECRET_NEXT to", "set COGNITO_API_KEY_NEXT to its id"),
        ("COGNITO_API_SECRET_PREVIOUS to", "set COGNITO_API_KEY to the new id"),
        ("remove COGNITO_API_SECRET_PREVIOUS", "remove COGNITO_API_KEY_PREVIOUS"),
    ]:
        assert id in found[place(found, key)]
    assert "as ids are not watched" in command.output("rotate", "webhook:cognito", "--watched")


ACME = """\
name = "Acme"

[secret]
chosen = true
SECRET

[mac]
algorithm = "sha256"
message = "{id}"
encoding = "hex"

[token]
header = "Acme-Hash"

[fields]
hash = "{token}"
"""


def acme(folder: Path, secret: str) -> str:
    """Return the path of a scheme."""
    path = folder / "acme.toml"
    path.write_text(ACME.replace("SECRET", secret))
    return str(path)


def test_a_scheme_of_your_own_has_the_same_steps(command: Command, tmp_path: Path) -> None:
    path = acme(tmp_path, 'variable = "ACME_SECRET"\nenvironments = { live = ["live_"] }')
    found = command.output("rotate", path, "--environment", "live")
    assert "ACME_SECRET_NEXT" in found
    assert "countermark keygen acme --environment live." in found


def test_a_scheme_without_a_variable_is_refused(command: Command, tmp_path: Path) -> None:
    path = acme(tmp_path, "")
    assert "names no environment variable" in command.problem("rotate", path)


def test_an_environment_that_no_secret_is_of_is_refused(command: Command) -> None:
    problem = command.problem("rotate", "cognito-flow", "--environment", "prod")
    assert "which is one of live, sandbox" in problem

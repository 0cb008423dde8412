"""``countermark check`` of a TOML file: a scheme, a webhook scheme, or a file of modes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.check.conftest import ROOT, Check

CATALOGUE = ROOT / "src" / "countermark" / "schemes" / "catalogue"
WEBHOOKS = ROOT / "src" / "countermark" / "webhooks" / "catalogue"


def changed(folder: Path, source: Path, old: str, new: str) -> str:
    """Write a file with one change, and return its path."""
    text = source.read_text(encoding="utf-8")
    assert old in text
    path = folder / source.name
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("path", [CATALOGUE / "stigg.toml", WEBHOOKS / "cognito.toml"])
def test_a_valid_scheme_has_no_finding(path: Path, check: Check) -> None:
    outcome = check(str(path))
    assert (outcome.code, outcome.findings, outcome.err) == (0, [], "")


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        (CATALOGUE / "stigg.toml", "customer-demo-01:87", "customer-demo-01:88"),
        (WEBHOOKS / "cognito.toml", 'signature="Pk', 'signature="Qk'),
    ],
)
def test_an_example_that_differs_is_found(
    source: Path, old: str, new: str, check: Check, tmp_path: Path
) -> None:
    path = changed(tmp_path, source, old, new)
    outcome = check(path)
    assert (outcome.code, outcome.found) == (1, [("example_differs", path)])
    assert outcome.findings[0]["file"] == path
    assert outcome.findings[0]["problem"].startswith("1 of ")


def test_examples_that_cannot_be_computed_differ(check: Check, tmp_path: Path) -> None:
    path = changed(tmp_path, CATALOGUE / "stigg.toml", 'id = "customer-demo-01"', 'id = "é"')
    (found,) = check(path).findings
    assert found["problem"].startswith("2 of 2 published examples of stigg differ")


def test_a_scheme_that_lacks_something_is_found(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector = '[[vectors]]\nsecret = "s"\nid = "1"\ntoken = "t"\norigin = "o"\n\n[fields]'
    path = changed(tmp_path, CATALOGUE / "changelogfy.toml", "[fields]", vector)
    monkeypatch.setitem(sys.modules, "jwt", None)
    (found,) = check(path).findings
    assert (found["code"], found["where"]) == ("misconfigured", path)
    assert "pip install 'countermark[jwt]'" in found["problem"]


def test_a_deprecated_scheme_and_an_ambiguous_one_are_found(check: Check) -> None:
    assert [code for code, _ in check(str(CATALOGUE / "talkjs-signature.toml")).found] == [
        "deprecated_scheme"
    ]
    assert [code for code, _ in check(str(CATALOGUE / "customerly.toml")).found] == [
        "ambiguous_scheme"
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('slug = "acme"', "add one of [mac] and [jwt]"),
        ("[mac", "invalid TOML at its end"),
        ('mode = "monitr"', "must be 'off', 'monitor', 'enforce', or a percentage"),
        ('mode = "off"\n[origins]\n"app.example" = "off"', "[origins]"),
        ('kind = "hmacs"', "kind must be one of secret, hmac, body-hmac"),
    ],
)
def test_an_invalid_file_is_found(content: str, problem: str, check: Check, tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text(content, encoding="utf-8")
    (found,) = check(str(path)).findings
    assert (found["code"], found["where"]) == ("misconfigured", str(path))
    assert problem in found["problem"]


def test_a_valid_file_of_modes_has_no_finding(check: Check, tmp_path: Path) -> None:
    path = tmp_path / "modes.toml"
    path.write_text('mode = "monitor"\n[tenants]\nacme = "enforce"\n', encoding="utf-8")
    assert check(str(path)).code == 0


def test_a_file_that_cannot_be_read_is_a_misuse(check: Check) -> None:
    outcome = check("/nowhere/file.toml")
    assert outcome.code == 2
    assert (
        outcome.err == "the file file.toml cannot be read (FileNotFoundError); correct its path\n"
    )

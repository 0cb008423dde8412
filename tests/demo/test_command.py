"""The command of the demo."""

from __future__ import annotations

import re
import runpy
import sys
from typing import Any

import pytest

from countermark import Signer
from countermark.cli import main
from countermark.demo import asgi_app, demo_keyring, vendors
from countermark.demo.parts import parts_of

COGNITO = "yw0hqBPOIWcHPFZBsaMPnxktOrWwWkZcWP+TneV5D48="


def cells_in(text: str) -> list[list[str]]:
    return [re.split(r"  +", line) for line in text.splitlines()]


def test_once_prints_a_table_of_equal_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--once"]) == 0
    printed = capsys.readouterr()
    heading, *cells = cells_in(printed.out.partition("\n\n")[0])
    assert heading == ["vendor", "principal", "read from", "value", "equal?"]
    assert len(cells) == 12
    assert {row[4] for row in cells} == {"yes"}
    (value,) = {row[3] for row in cells if row[0] == "cognito-flow"}
    start, end = value.split("...")
    assert COGNITO.startswith(start)
    assert COGNITO.endswith(end)
    assert len({row[2] for row in cells}) == 6
    assert printed.err == ""


@pytest.mark.parametrize(("columns", "widest"), [(None, 100), (80, 80), (240, 100)])
def test_once_is_at_most_as_wide_as_the_terminal_and_100_columns(
    columns: int | None,
    widest: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["demo", "--once"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert widest - 20 < max(map(len, lines)) <= widest


def test_once_prints_the_answers_of_the_vendors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["demo", "--once"]) == 0
    heading, *cells = cells_in(capsys.readouterr().out.partition("\n\n")[2])
    assert heading == ["vendor", "sent", "not enforced", "enforced", "expected?"]
    accepted, refused = "accepted", "refused"
    assert cells == [
        ["cognito-flow", "the page's own token", accepted, accepted, "yes"],
        ["cognito-flow", "no token", accepted, refused, "yes"],
        ["cognito-flow", "a tampered token", refused, refused, "yes"],
        ["cognito-flow", "another user's token", refused, refused, "yes"],
        ["stigg", "the page's own token", accepted, accepted, "yes"],
        ["stigg", "no token", accepted, refused, "yes"],
        ["stigg", "a tampered token", accepted, refused, "yes"],
        ["stigg", "another user's token", accepted, refused, "yes"],
    ]


def test_once_fails_if_a_vendor_accepts_an_invalid_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendors, "tampered", lambda token: token)
    assert main(["demo", "--once"]) == 1
    wrong = [line for line in capsys.readouterr().out.splitlines() if line.endswith("NO")]
    assert [re.split(r"  +", line)[1] for line in wrong] == ["a tampered token"] * 2


def test_once_fails_if_a_token_differs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = Signer("stigg", demo_keyring("stigg"), header=None)
    found = parts_of("stigg")._replace(signer=signer)
    monkeypatch.setattr(
        asgi_app, "parts_of", lambda slug: found if slug == "stigg" else parts_of(slug)
    )
    assert main(["demo", "--once"]) == 1
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.endswith("NO")]
    assert "ASGI response header" in row
    assert "none" in row


def test_the_error_names_a_missing_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["demo"]) == 2
    assert "pip install 'countermark[demo]'" in capsys.readouterr().err


def test_a_missing_module_of_the_package_is_not_reported_as_an_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "countermark.demo.once", None)
    with pytest.raises(ModuleNotFoundError, match=r"countermark\.demo\.once"):
        main(["demo", "--once"])


def test_it_serves_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[dict[str, Any]] = []
    monkeypatch.setattr("uvicorn.run", lambda app, **options: served.append(options))
    assert main(["demo", "--port", "1234"]) == 0
    assert [(options["host"], options["port"]) for options in served] == [("127.0.0.1", 1234)]


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_an_invalid_port_is_refused(port: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["demo", "--port", port])
    assert stopped.value.code == 2


def test_python_m_countermark_runs_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["countermark", "demo", "--once"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("countermark", run_name="__main__")
    assert stopped.value.code == 0

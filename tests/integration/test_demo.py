"""The demo and its command: in process, as a program, and in a browser."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from starlette.testclient import TestClient

from countermark.cli import main
from countermark.demo import USERS, asgi_app, demo_signers
from tests.integration.servers import free_port, python, running

COGNITO = "yw0hqBPOIWcHPFZBsaMPnxktOrWwWkZcWP+TneV5D48="


def test_once_prints_a_table_in_which_all_is_equal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--once"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert re.split(r"  +", heading) == ["vendor", "principal", "read from", "value", "equal?"]
    cells = [re.split(r"  +", row) for row in rows]
    assert len(cells) == 12
    assert {row[4] for row in cells} == {"yes"}
    assert {row[3] for row in cells if row[0] == "cognito-flow"} == {COGNITO}
    assert len({row[2] for row in cells}) == 6


def test_once_fails_where_anything_differs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    signers = demo_signers()
    signers[1].header = None
    monkeypatch.setattr(asgi_app, "demo_signers", lambda: signers)
    assert main(["demo", "--once"]) == 1
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.endswith("NO")]
    assert "ASGI response header" in row
    assert "none" in row


def test_a_missing_extra_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["demo"]) == 2
    assert "pip install 'countermark[demo]'" in capsys.readouterr().err


def test_an_error_of_our_own_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "countermark.demo.once", None)
    with pytest.raises(ModuleNotFoundError, match=r"countermark\.demo\.once"):
        main(["demo", "--once"])


def test_without_a_browser_it_serves_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[dict[str, Any]] = []
    monkeypatch.setattr("uvicorn.run", lambda app, **options: served.append(options))
    assert main(["demo", "--port", "1234"]) == 0
    assert [(options["host"], options["port"]) for options in served] == [("127.0.0.1", 1234)]


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["demo", "--port", port])
    assert stopped.value.code == 2


def test_the_module_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["countermark", "demo", "--once"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("countermark", run_name="__main__")
    assert stopped.value.code == 0


def test_signing_in_and_out() -> None:
    with TestClient(asgi_app.create_app()) as client:
        assert "nobody" in client.get("/").text
        page = client.post("/sign-in/0")
        assert f'"signature": "{COGNITO}"' in page.text
        assert page.headers["cognito-flow-signature"] == COGNITO
        assert "nobody" in client.post("/sign-out").text


@pytest.fixture
def browser(need_binary: Callable[[str], str], tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = need_binary("chromium")
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):  # fmt: skip
        options.add_argument(argument)
    driver = webdriver.Chrome(options, Service(need_binary("chromedriver")))
    yield driver
    driver.quit()


def test_in_a_browser_all_three_places_agree(browser: webdriver.Chrome, tmp_path: Path) -> None:
    port = free_port()
    command = python("-m", "countermark", "demo", "--port", str(port))

    def read(user: str) -> tuple[str, list[str], str]:
        wait = WebDriverWait(browser, 20, ignored_exceptions=[WebDriverException])
        wait.until(lambda driver: driver.find_element(By.ID, "who").text == user)
        wait.until(lambda driver: driver.find_element(By.ID, "verdict").text not in ("", "…"))
        cells = [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, "#rows td")]
        verdict = browser.find_element(By.ID, "verdict").text
        return verdict, cells, browser.find_element(By.ID, "snippet").text

    with running(command, port, tmp_path / "log") as url:
        browser.get(url)
        assert read("nobody") == (
            "All equal.",
            cells_of(None, None),
            "Nothing: nobody is signed in.",
        )
        flow, stigg = demo_signers()
        for user in (*USERS, USERS[0]):
            browser.find_element(By.XPATH, f"//button[text()='{user}']").click()
            verdict, cells, snippet = read(user)
            assert verdict == "All equal."
            assert cells == cells_of(flow.sign(user), stigg.sign(user))
            assert f'"customerReference": "{user}"' in snippet
            assert f'stigg.setCustomerId("{user}", "{stigg.sign(user)}")' in snippet
        browser.find_element(By.XPATH, "//button[text()='Sign out']").click()
        assert read("nobody")[1] == cells_of(None, None)


def cells_of(flow: str | None, stigg: str | None) -> list[str]:
    cells = []
    for vendor, header, value in (
        ("cognito-flow", "Cognito-Flow-Signature", flow),
        ("stigg", "Stigg-Customer-Token", stigg),
    ):
        for place in ("request state", f"response header {header}", "endpoint"):
            cells += [vendor, place, value or "none", "yes"]
    return cells

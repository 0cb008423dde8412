"""The demo and its command: in the process of the tests, as a program, in a browser."""

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
from countermark.demo import USERS, asgi_app, demo_signers, vendors
from tests.integration.servers import free_port, python, running

WITHOUT_TAMPERING = """
from countermark.cli import main
from countermark.demo import vendors
vendors.tampered = lambda token: token
main()
"""
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
    signers = demo_signers()
    signers[1].header = None
    monkeypatch.setattr(asgi_app, "demo_signers", lambda: signers)
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


def test_signing_in_and_out() -> None:
    with TestClient(asgi_app.create_app()) as client:
        assert "no user" in client.get("/").text
        page = client.post("/sign-in/0")
        assert f'"signature": "{COGNITO}"' in page.text
        assert page.headers["cognito-flow-signature"] == COGNITO
        assert "no user" in client.post("/sign-out").text


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


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    """The address of the running demo."""
    port = free_port()
    command = python("-m", "countermark", "demo", "--port", str(port))
    with running(command, port, tmp_path / "log") as url:
        yield url


class Page:
    """The page of the demo in a browser, after its script has finished."""

    def __init__(self, browser: webdriver.Chrome, user: str, switch: str = "enforced") -> None:
        self._browser = browser
        wait = WebDriverWait(browser, 20, ignored_exceptions=[WebDriverException])
        wait.until(lambda driver: (self.text("who"), self.text("switch")) == (user, switch))
        wait.until(lambda driver: self.text("answers-verdict") not in ("", "…"))

    def text(self, id: str) -> str:
        return self._browser.find_element(By.ID, id).text

    def rows(self, id: str) -> list[list[str]]:
        found = self._browser.find_elements(By.CSS_SELECTOR, f"#{id} tr")
        return [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in found]

    def press(self, button: str) -> None:
        self._browser.find_element(By.XPATH, f"//button[normalize-space()='{button}']").click()


def test_in_a_browser_the_tokens_of_all_three_places_are_equal(
    browser: webdriver.Chrome, demo: str
) -> None:
    browser.get(demo)
    page = Page(browser, "no user")
    assert page.text("verdict") == "All equal."
    assert page.rows("rows") == rows_of(None, None)
    assert page.text("snippet") == "No code: no user is signed in."
    flow, stigg = demo_signers()
    for user in (*USERS, USERS[0]):
        page.press(user)
        page = Page(browser, user)
        assert page.text("verdict") == "All equal."
        assert page.rows("rows") == rows_of(flow.sign(user), stigg.sign(user))
        assert f'"customerReference": "{user}"' in page.text("snippet")
        assert f'stigg.setCustomerId("{user}", "{stigg.sign(user)}")' in page.text("snippet")
    page.press("Sign out")
    assert Page(browser, "no user").rows("rows") == rows_of(None, None)


def test_in_a_browser_vendors_accept_valid_and_refuse_invalid_tokens(
    browser: webdriver.Chrome, demo: str
) -> None:
    browser.get(demo)
    page = Page(browser, "no user")
    assert (page.rows("answers"), page.text("answers-verdict")) == ([], "No user is signed in.")
    refused = "refused (403)"
    for user in USERS:
        page.press(user)
        page = Page(browser, user)
        assert page.rows("answers") == [
            ["cognito-flow", "the page's own token", "accepted (201)", "yes"],
            ["cognito-flow", "no token", refused, "yes"],
            ["cognito-flow", "a tampered token", refused, "yes"],
            ["cognito-flow", "another user's token", refused, "yes"],
            ["stigg", "the page's own token", "accepted (200)", "yes"],
            ["stigg", "no token", refused, "yes"],
            ["stigg", "a tampered token", refused, "yes"],
            ["stigg", "another user's token", refused, "yes"],
        ]
        assert page.text("answers-verdict") == "All as expected."
    page.press("Do not enforce")
    page = Page(browser, USERS[-1], "not enforced")
    assert [row[2] for row in page.rows("answers")] == [
        *("accepted (200)", "accepted (200)", refused, refused),
        *["accepted (200)"] * 4,
    ]
    assert page.text("answers-verdict") == "All as expected."
    page.press("Enforce")
    assert Page(browser, USERS[-1]).rows("answers")[-1][2] == refused


def test_in_a_browser_the_page_shows_that_a_vendor_accepts_an_invalid_token(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    port = free_port()
    command = python("-c", WITHOUT_TAMPERING, "demo", "--port", str(port))
    with running(command, port, tmp_path / "log") as url:
        browser.get(url)
        Page(browser, "no user").press(USERS[1])
        page = Page(browser, USERS[1])
        assert [row[1] for row in page.rows("answers") if row[3] == "NO"] == 2 * [
            "a tampered token"
        ]
        assert page.text("answers-verdict") == "An answer is not as expected."


def rows_of(flow: str | None, stigg: str | None) -> list[list[str]]:
    return [
        [vendor, place, value or "none", "yes"]
        for vendor, header, value in (
            ("cognito-flow", "Cognito-Flow-Signature", flow),
            ("stigg", "Stigg-Customer-Token", stigg),
        )
        for place in ("request state", f"response header {header}", "endpoint")
    ]

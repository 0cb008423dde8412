"""The page of the demo in a real browser."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from selenium.common import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from countermark.demo import vendors
from countermark.demo.parts import parts_of
from countermark.demo.people import PEOPLE
from tests.demo.spilled import spilled
from tests.integration.browser import Browser
from tests.integration.demo_site import Page, Site, until

#: Collects the texts that a script of the page can reach from its global object.
REACHABLE = """
const seen = new Set(), texts = [], queue = [globalThis];
while (queue.length && seen.size < 50000) {
  const object = queue.shift();
  if (seen.has(object)) continue;
  seen.add(object);
  for (const key of Reflect.ownKeys(object)) {
    let value;
    try { value = object[key]; } catch { continue; }
    texts.push(String(key));
    if (typeof value === "string") texts.push(value);
    else if (value && /object|function/.test(typeof value)) queue.push(value);
  }
}
return texts.join("\\n");
"""


@pytest.fixture
def page(browser: Browser, demo_site: Site) -> Page:
    demo_site.reset()
    return Page(browser, demo_site)


def fields_of(slug: str, number: int) -> tuple[str, dict[str, Any]]:
    signed = parts_of(slug).signer.issue(PEOPLE[number].principal)
    return signed.token, signed.fields


def test_the_tokens_of_all_places_are_equal_for_each_user(page: Page) -> None:
    page.open("stigg")
    assert page.text("#verdict") == "No token anywhere."
    for person in PEOPLE:
        page.press(person.name)
        assert page.driver.find_element(By.ID, "who").get_attribute("textContent") == person.name
        token, fields = fields_of("stigg", person.number)
        state, header, endpoint, template = page.rows("#rows")
        assert state == header == [token, "yes"]
        assert [json.loads(row[0]) for row in (endpoint, template)] == [fields, fields]
        assert page.text("#verdict") == "All equal."
    page.press("Sign out")
    assert [row[0] for row in page.rows("#rows")] == ["none"] * 4


def test_tokens_with_a_time_are_new_in_each_response(page: Page) -> None:
    page.open("sigma", "Ada Moreno")
    state, header, endpoint, template = page.rows("#rows")
    assert [row[1] for row in (state, endpoint, template)] == ["yes", "new", "yes"]
    assert header[0].startswith("This scheme has no header")
    assert page.text("#verdict").endswith("each response has a new token.")


def test_the_vendor_and_the_service_accept_valid_and_refuse_invalid_tokens(page: Page) -> None:
    page.open("stigg", "Ben Okafor")
    refused = ["refused (403)", "refused (401)", "yes"]
    accepted = ["accepted (200)", "accepted (200)", "yes"]
    assert page.rows("#answers") == [accepted, refused, refused, refused]
    page.press("monitor")
    assert page.text("#switch") == "monitor"
    assert page.rows("#answers") == [accepted] * 4
    assert page.text("#answers-verdict") == "All as expected."


def test_flow_refuses_wrong_signatures_even_if_they_are_not_required(page: Page) -> None:
    page.open("cognito-flow", "Cleo Lind")
    assert page.text("#verdict") == "All equal."
    accepted, refused = "accepted", "refused"
    assert [row[0].split()[0] for row in page.rows("#answers")] == [accepted, *[refused] * 3]
    page.press("monitor")
    assert [row[0].split()[0] for row in page.rows("#answers")] == [
        accepted, accepted, refused, refused,
    ]  # fmt: skip
    assert [row[1] for row in page.rows("#answers")] == ["accepted (200)"] * 4
    assert page.text("#answers-verdict") == "All as expected."


def test_the_page_shows_that_an_invalid_token_is_accepted(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendors, "tampered", lambda token: token)
    page.open("stigg", "Ben Okafor")
    assert [row[2] for row in page.rows("#answers")] == ["yes", "yes", "NO", "yes"]
    assert page.text("#answers-verdict") == "An answer is not as expected."


def test_an_edited_token_and_a_planted_mistake_are_explained(page: Page) -> None:
    page.open("stigg", "Ben Okafor")
    editor = page.driver.find_element(By.ID, "token")
    assert editor.get_attribute("value") == fields_of("stigg", 1)[0]
    editor.send_keys(Keys.END, Keys.BACKSPACE * 4)
    page.press("Explain")
    assert "truncated" in page.text("#explanation")
    page.press("The secret of staging")
    assert "It was signed with the secret of the environment" in page.text("#explanation")
    page.press("The token itself")
    assert page.text("#explanation h3") == "Accepted"


def test_the_counts_of_requests_are_live(page: Page, demo_site: Site) -> None:
    page.open("crisp", "Ada Moreno")
    before = int(page.text("[data-count=requests]"))
    page.press("Send requests of all users")
    after = int(page.text("[data-count=requests]"))
    assert after >= before + 12
    token = fields_of("crisp", 0)[0]
    fetch = "fetch(arguments[0], {headers: {'X-Demo-Token': arguments[1]}})"
    address = f"service/?user={PEOPLE[0].principal.id}"
    page.driver.execute_script(fetch, address, token)
    until(lambda: int(page.text("[data-count=requests]")) == after + 1)
    page.driver.get(f"{demo_site.url}/rollout")
    assert "crisp" in page.text("main")


def test_a_switch_of_the_user_in_one_tab_reaches_the_other(page: Page) -> None:
    page.open("crisp", "Ada Moreno")
    driver = page.driver
    first = driver.current_window_handle
    until(lambda: page.text("#widget") == "The widget runs for Ada Moreno.")
    driver.find_element(By.PARTIAL_LINK_TEXT, "second tab").click()
    until(lambda: len(driver.window_handles) == 2)
    (second,) = set(driver.window_handles) - {first}
    try:
        driver.switch_to.window(second)
        page.wait()
        page.press("Ben Okafor")
        driver.switch_to.window(first)
        until(lambda: page.text("#widget") == "The widget runs for Ben Okafor.")
        assert page.text("#changed").startswith("Ben Okafor is signed in now, in another tab.")
        driver.switch_to.window(second)
        page.press("Sign out")
        driver.switch_to.window(first)
        until(lambda: page.text("#widget") == "The widget is stopped.")
        assert page.text("#changed").startswith("The user has signed out, in another tab.")
        calls = [line.split("  ", 1)[1] for line in page.text("#log").splitlines()]
        assert calls == ["start for Ada Moreno", "stop", "start for Ben Okafor", "stop"]
    finally:
        driver.switch_to.window(second)
        driver.close()
        driver.switch_to.window(first)


def test_the_table_of_caches_shows_the_headers_that_the_browser_gets(page: Page) -> None:
    page.open("stigg", "Ben Okafor")
    token = f"stigg-customer-token: {fields_of('stigg', 1)[0]}"
    plain, private, no_store, public, etag = [
        cells[1].splitlines() for cells in page.rows("#kinds")
    ]
    assert plain == ["cache-control: private, no-store", "vary: Cookie, Authorization", token]
    assert private[0] == "cache-control: private, no-store"
    assert no_store[0] == "cache-control: no-store, private"
    assert token in private
    assert token in no_store
    assert public[0] == "cache-control: public, max-age=60"
    assert etag[-1] == 'etag: "v1"'
    assert token not in public + etag


def test_a_page_of_another_origin_reads_the_header_only_if_it_is_exposed(page: Page) -> None:
    page.open("stigg", "Ben Okafor")
    page.driver.switch_to.frame(page.driver.find_element(By.TAG_NAME, "iframe"))
    try:
        assert page.driver.execute_script("return origin") == "null"
        until(lambda: page.text("#exposed") == fields_of("stigg", 0)[0])
        assert page.text("#hidden") == "The script sees no header."
    finally:
        page.driver.switch_to.default_content()


@pytest.mark.parametrize("slug", ["stigg", "cognito-flow", "onesignal-jwt"])
def test_no_secret_is_reachable_from_the_page(page: Page, slug: str) -> None:
    page.open(slug, "Ada Moreno")
    page.driver.get_log("performance")
    page.press("The secret of staging" if slug != "cognito-flow" else "The secret of sandbox")
    command, driver = page.driver.execute_cdp_cmd, page.driver
    document = command("DOM.getDocument", {"depth": -1, "pierce": True})
    texts = [driver.page_source, json.dumps(document), driver.execute_script(REACHABLE)]
    answers = 0
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        texts.append(entry["message"])
        if message["method"] == "Network.loadingFinished":
            request = {"requestId": message["params"]["requestId"]}
            # The browser has forgotten the responses to the page before.
            with contextlib.suppress(WebDriverException):
                texts.append(json.dumps(command("Network.getResponseBody", request)))
                answers += 1
    assert answers > 10
    token = fields_of(slug, 0)[0]
    assert any(token[:60] in text for text in texts)
    assert [form for text in texts for form in spilled(slug, text)] == []


def test_without_javascript_the_forms_and_the_texts_work(page: Page, demo_site: Site) -> None:
    page.open("stigg", "Ada Moreno")
    command, driver = page.driver.execute_cdp_cmd, page.driver
    command("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.find_element(By.CSS_SELECTOR, "option[value=crisp]").click()
        page.click("Show")
        assert driver.current_url == f"{demo_site.url}/schemes/crisp/"
        page.click("Ben Okafor")
        assert page.text("[data-place=state] td") == fields_of("crisp", 1)[0]
        assert "JavaScript requests this." in driver.page_source
        assert "Adds no token: a shared cache" in page.text("[data-kind=public]")
        page.click("monitor")
        assert page.text("#switch") == "monitor"
        page.click("The end is cut off")
        assert "truncated" in page.text("#explanation")
        assert page.text("#widget") == "The widget needs JavaScript."
    finally:
        command("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_page_runs_no_script_but_its_own_and_logs_no_error(page: Page) -> None:
    page.open("crisp", "Ada Moreno")
    page.driver.get_log("browser")
    page.press("Ben Okafor")
    messages = [entry["message"] for entry in page.driver.get_log("browser")]
    assert [one for one in messages if "status of 40" not in one] == []
    inject = "const one = document.createElement('script'); one.textContent = 'window.ran = 1';"
    page.driver.execute_script(f"{inject} document.body.append(one)")
    assert page.driver.execute_script("return window.ran") is None
    assert "Content Security Policy" in page.driver.get_log("browser")[0]["message"]


def test_typing_in_the_chooser_finds_a_scheme(page: Page, demo_site: Site) -> None:
    page.open("stigg")
    page.driver.find_element(By.ID, "scheme").send_keys("crisp")
    time.sleep(0.1)
    page.press("Show")
    assert page.driver.current_url == f"{demo_site.url}/schemes/crisp/"

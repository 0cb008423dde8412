"""The page on testing: the tests that it shows pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request, session

from countermark import Keyring, Signer
from countermark.flask import Countermark
from countermark.testing import assert_own_identity_only
from tests.conftest import SECRET

pytest_plugins = "pytester"

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
TESTS = [(code, code.count("\ndef test_")) for code in BLOCKS]


@pytest.mark.parametrize(("code", "count"), [pair for pair in TESTS if pair[1]], ids=range(7))
def test_the_tests_of_the_page_pass(code: str, count: int, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(code)
    ran = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:asyncio")
    ran.assert_outcomes(passed=count)


def test_the_page_has_tests_of_all_parts_and_a_server() -> None:
    assert [count for _, count in TESTS] == [2, 1, 0, 1, 2, 1, 4, 2, 0]
    namespace: dict[str, Any] = {"__name__": "page"}
    exec(compile(BLOCKS[-1], PAGE.name, "exec", dont_inherit=True), namespace)
    assert callable(namespace["edge"])


def test_the_page_shows_a_message_of_the_assertion() -> None:
    app, signer = Flask(__name__), Signer("stigg", Keyring(SECRET))
    app.secret_key = SECRET
    app.config["COUNTERMARK_SIGNERS"] = [signer]

    def principal(environ: Any) -> str | None:
        return session.get("user") and request.args.get("customer", session["user"])

    Countermark(app, principal=principal)

    def sign_in(user: str) -> str:
        session["user"] = user
        return ""

    app.add_url_rule("/billing", "billing", lambda: "page")
    app.add_url_rule("/in/<user>", "in", sign_in, methods=["POST"])
    users = {"ann": "user-1", "ben": "user-2"}
    with pytest.raises(AssertionError) as caught:
        assert_own_identity_only(
            app.test_client,
            lambda client, user: client.post(f"/in/{users[user]}"),
            users,
            ["/billing"],
            signers=signer,
        )
    assert f"```text\n{caught.value}\n```" in PAGE.read_text("utf-8")


def test_the_page_names_all_fixtures() -> None:
    import _countermark_pytest

    fixtures = [name for name in vars(_countermark_pytest) if name.startswith("countermark_")]
    assert len(fixtures) == 6
    assert [name for name in fixtures if f"| `{name}` |" not in PAGE.read_text("utf-8")] == []

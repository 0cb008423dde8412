"""The lines about login and logout, run in Node against an endpoint that changes its mind."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "session-life.md"
FOLLOW, STIGG, INTERCOM = re.findall(
    r"^```js\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)

NODE = """
const calls = [];
const stigg = {
  setCustomerId: (...values) => calls.push(["set", ...values]),
  clearCustomer: () => calls.push(["clear"]),
};
const Intercom = (...values) => calls.push(["intercom", ...values]);
const answer = (user) => user === null ? { ok: false } : { ok: true, json: async () => ({
  marker: `m-${user}`,
  stigg: { customerId: user, customerToken: `t-${user}` },
  "intercom-jwt": { intercom_user_jwt: `j-${user}` },
}) };
const answers = [null, "1", "1", "2", null, null].map(answer);
const fetch = async () => answers.shift();
"""


def run(node: str, code: str, call: str) -> list[list[object]]:
    script = (
        f"{NODE}\n{code}\n(async () => {{ for (let i = 0; i < 6; i++) await {call}();"
        " console.log(JSON.stringify(calls)); })();"
    )
    ran = subprocess.run(
        [node, "-e", script], capture_output=True, text=True, check=True, timeout=60
    )
    calls: list[list[object]] = json.loads(ran.stdout)
    return calls


def test_stigg_follows_the_session(need_binary: Callable[[str], str]) -> None:
    assert run(need_binary("node"), FOLLOW + STIGG, "follow_stigg") == [
        ["set", "1", "t-1"],
        ["clear"],
        ["set", "2", "t-2"],
        ["clear"],
    ]


def test_intercom_follows_the_session(need_binary: Callable[[str], str]) -> None:
    boot = {"app_id": "APP_ID"}
    assert run(need_binary("node"), FOLLOW + INTERCOM, "follow_intercom") == [
        ["intercom", "boot", boot | {"intercom_user_jwt": "j-1"}],
        ["intercom", "shutdown"],
        ["intercom", "boot", boot | {"intercom_user_jwt": "j-2"}],
        ["intercom", "shutdown"],
    ]

"""The code of the page about login and logout, run in Node with stand-ins for the vendors."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from countermark.frontend import module

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs/session-life.md").read_text(encoding="utf-8")
CODE = "\n".join(re.findall(r"^```js\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))

STAND_INS = """
import { open, page, response, settle } from "./page.mjs";
const calls = [];
globalThis.stigg = {
  setCustomerId: (...values) => calls.push(["set", ...values]),
  clearCustomer: () => calls.push(["clear"]),
};
globalThis.Ably = {
  Realtime: class {
    constructor({ authCallback }) {
      globalThis.ask = () => authCallback({}, (error, request) =>
        calls.push(["ably", error?.message ?? request.clientId]));
    }
    close() { calls.push(["close"]); }
  },
};
const signedIn = (user) => response(200, {
  marker: `m-${user}`,
  stigg: { customerId: user, customerToken: `t-${user}` },
  ably: { clientId: user },
});
open();
page.answer = () => signedIn("1");
const { refresh } = await import("./code.js");
await settle();
await ask();
for (const answer of [signedIn("1"), signedIn("2"), response(401)]) {
  page.answer = () => answer;
  await refresh();
  await settle();
}
await ask();
console.log(JSON.stringify(calls));
"""


def test_stigg_and_ably_follow_the_session(
    need_binary: Callable[[str], str], tmp_path: Path
) -> None:
    shutil.copy(HERE / "page.mjs", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "countermark.js").write_text(module(), encoding="utf-8")
    code = CODE.replace('"/signatures/countermark.js"', '"./countermark.js"')
    (tmp_path / "code.js").write_text(f"{code}\nexport {{ refresh }};")
    (tmp_path / "main.js").write_text(STAND_INS)
    ran = subprocess.run(
        [need_binary("node"), "main.js"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(ran.stdout) == [
        ["set", "1", "t-1"],
        ["ably", "1"],
        ["clear"],
        ["close"],
        ["set", "2", "t-2"],
        ["clear"],
        ["close"],
        ["ably", "countermark: no token, or another user"],
    ]

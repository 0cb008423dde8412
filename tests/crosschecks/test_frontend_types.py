"""TypeScript's own opinion of the module's types, where Node and the packages are there."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from countermark.frontend import declarations
from countermark.schemes import scheme_slugs
from tests.samples import ANN, signer_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent / "node"
PAGE = (ROOT / "docs/session-life.md").read_text(encoding="utf-8")

Compile = Callable[..., str]

USES = """
import { follow, refresh, type Identities } from "./countermark.js";
declare module "./countermark.js" {
  interface Identities { acme: { hash: string } }
}
const end: () => void = follow("acme", ({ hash }) => hash.length, () => {});
const done: Promise<void> = refresh();
follow("knock", async (identity, fresh) => {
  const user: string = (await fresh()).user.id;
  return [user, identity.userToken, end, done];
}, async () => {}, {
  url: "/me/tokens",
  renew: ({ userToken }) => userToken.trim(),
  request: () => ({ credentials: "include" }),
});
// @ts-expect-error: no scheme has this name
follow("stig", () => {}, () => {});
// @ts-expect-error: no field of the scheme has this name
follow("stigg", ({ customerID }) => customerID, () => {});
// @ts-expect-error: there is no such option
follow("stigg", () => {}, () => {}, { retries: 3 });
"""


@pytest.fixture
def compile_(need_binary: Callable[[str], str], tmp_path: Path) -> Compile:
    """Return a function that type-checks a file next to the types, and returns the errors."""
    need_binary("node")
    program = FOLDER / "node_modules" / ".bin" / "tsc"
    assert program.exists(), f"run npm install in {FOLDER.name}"
    (tmp_path / "countermark.d.ts").write_text(declarations(), encoding="utf-8")
    options = "--strict --noEmit --target es2022 --module esnext --moduleResolution bundler"

    def check(code: str, name: str = "page.ts", *more: str) -> str:
        (tmp_path / name).write_text(code, encoding="utf-8")
        ran = subprocess.run(
            [program, *options.split(), *more, name],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return ran.stdout + ran.stderr

    return check


def test_the_fields_of_all_schemes_have_their_types(compile_: Compile) -> None:
    issued = {slug: signer_of(slug).issue(ANN).fields for slug in scheme_slugs()}
    start = 'import type { Identities } from "./countermark.js";\n'
    assert compile_(f"{start}const issued: Identities = {json.dumps(issued)};") == ""
    del issued["stigg"]["customerToken"]
    errors = compile_(f"{start}const issued: Identities = {json.dumps(issued)};")
    assert "'customerToken' is missing" in errors


def test_uses_that_are_right_and_wrong(compile_: Compile) -> None:
    assert compile_(USES) == ""


def test_the_code_of_the_page(compile_: Compile, tmp_path: Path) -> None:
    code = "\n".join(re.findall(r"^```js\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
    (tmp_path / "vendors.d.ts").write_text("declare const stigg: any, Ably: any;")
    code = code.replace("/signatures/countermark.js", "./countermark.js")
    options = ["vendors.d.ts", "--allowJs", "--checkJs", "--noImplicitAny", "false"]
    assert compile_(code, "page.js", *options) == ""
    errors = compile_(code.replace("customerToken", "token"), "page.js", *options)
    assert "'token' does not exist" in errors

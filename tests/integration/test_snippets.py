"""The lines for the front end, run in Node with stand-ins for the vendors' scripts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

from countermark import Scheme
from countermark.schemes import scheme_slugs
from countermark.schemes._descriptions import snippet
from tests.samples import ANN, signer_of

# Whatever a snippet names that JavaScript does not have is a stand-in: it can be called,
# constructed, indexed and assigned to, and it notes all texts that reach it. Functions that
# it is given are called, as the vendor would.
NODE = """
const vm = require("node:vm");
const jobs = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const note = (seen, value, depth = 0) => {
  if (depth > 6 || value === null || value === undefined) return;
  if (typeof value === "string") seen.push(value);
  else if (typeof value === "function" && !value.standIn) {
    let result;
    try { result = value.call(standIn(seen), standIn(seen), standIn(seen)); }
    catch (error) { seen.errors.push(String(error)); }
    if (result instanceof Promise) result.then((value) => note(seen, value, depth + 1));
    else note(seen, result, depth + 1);
  } else if (typeof value === "object") {
    Object.values(value).forEach((part) => note(seen, part, depth + 1));
  }
};
const standIn = (seen) => {
  const target = function () {};
  return new Proxy(target, {
    get: (_, name) =>
      name === "standIn" ? true
      : name === "then" || name === Symbol.toPrimitive || name === Symbol.iterator ? undefined
      : standIn(seen),
    set: (_, name, value) => { note(seen, value); return true; },
    apply: (_, self, values) => {
      values.forEach((value) => note(seen, value));
      const thenable = standIn(seen);
      return new Proxy(thenable, {
        get: (t, name) => name === "then" ? (go) => { if (!go.name) note(seen, go); } : t[name],
      });
    },
    construct: (_, values) => {
      values.forEach((value) => note(seen, value));
      return standIn(seen);
    },
  });
};
(async () => {
  const results = {};
  for (const { slug, lines, payload } of jobs) {
    const seen = []; seen.errors = [];
    const known = { fetch: async (url, options) => {
        if (seen.fetched) return note(seen, [url, options]);
        seen.fetched = [url, options.credentials];
        return { json: async () => payload };
      }, URLSearchParams, Object, Promise, encodeURIComponent };
    const page = new Proxy(known, {
      has: () => true,
      get: (_, name) =>
        typeof name === "symbol" ? undefined : name in known ? known[name] : standIn(seen),
      set: (_, name, value) => { known[name] = value; note(seen, value); return true; },
    });
    try {
      const run = new vm.Script(
        `(async (page) => { with (page) { ${lines.join("\\n")}\n } })`).runInThisContext();
      await run(page);
      await new Promise((done) => setTimeout(done, 0));
    } catch (error) { seen.errors.push(String(error)); }
    results[slug] = { texts: [...seen], errors: seen.errors, fetched: seen.fetched };
  }
  console.log(JSON.stringify(results));
})();
"""


def parts_of(fields: Any) -> set[str]:
    """Return the texts in nested fields."""
    if isinstance(fields, str):
        return {fields}
    values = fields.values() if isinstance(fields, dict) else fields
    return {
        text for value in values if isinstance(value, str | dict | list) for text in parts_of(value)
    }


def test_each_hands_the_token_to_its_vendor(need_binary: Callable[[str], str]) -> None:
    node = need_binary("node")
    issued = {slug: signer_of(slug).issue(ANN) for slug in scheme_slugs()}
    jobs = [
        {
            "slug": slug,
            "lines": snippet(Scheme.load(slug)),
            "payload": {slug: signed.fields},
        }
        for slug, signed in issued.items()
    ]
    ran = subprocess.run(
        [node, "-e", NODE],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    results = json.loads(ran.stdout)
    assert set(results) == set(issued)
    for slug, signed in issued.items():
        result = results[slug]
        assert result["errors"] == [], slug
        assert result["fetched"] == ["/signatures", "same-origin"]
        arrived = "\n".join(result["texts"])
        handed_over = {
            text for text in parts_of(signed.fields) if len(text) > 26 and "https" not in text
        } or {signed.token}
        for text in handed_over:
            assert text in arrived or encoded(text) in arrived, (slug, text)


def encoded(text: str) -> str:
    from urllib.parse import quote_plus

    return quote_plus(text)

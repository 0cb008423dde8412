"""Reads a command of curl, as browsers and vendors' pages show it. Nothing is run or opened."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

from countermark.explain._seen_request import SeenRequest, basic_credentials, split_header

#: The options that are read, by all of their names.
_READ: Final = {
    **dict.fromkeys(("-H", "--header"), "header"),
    **dict.fromkeys(("-X", "--request"), "method"),
    **dict.fromkeys(("-b", "--cookie"), "cookie"),
    **dict.fromkeys(("-u", "--user"), "user"),
    **dict.fromkeys(("-d", "--data", "--data-raw", "--data-binary", "--data-ascii"), "data"),
    **dict.fromkeys(("--json", "--data-urlencode"), "data"),
    "--url": "url",
}
# Other options that take a value. The rest are switches.
_SKIPPED: Final = frozenset(
    {"-A", "--user-agent", "-e", "--referer", "-o", "--output", "-x", "--proxy", "-m", "--max-time",
     "--connect-timeout", "-w", "--write-out", "-c", "--cookie-jar", "-F", "--form", "--cacert",
     "-E", "--cert", "--key", "--resolve", "-K", "--config", "--retry", "-T", "--upload-file"}
)  # fmt: skip


def read_curl(text: str) -> SeenRequest | None:
    """Return the request that a command would send, or None if it is not one of curl."""
    try:
        text = re.sub(r"\\\r?\n", " ", text)
        words = shlex.split(re.sub(r"\$'((?:\\.|[^'\\])*)'", _of_ansi_quotes, text))
    except ValueError:
        return None
    if words[:1] == ["$"]:
        del words[0]
    if not words or words[0].rpartition("/")[2] != "curl":
        return None
    given: dict[str, list[str]] = {}
    for name, value in _options(words[1:]):
        given.setdefault(name, []).append(value)
    headers = [split_header(line) for line in given.get("header", ())]
    headers += [("Cookie", value) for value in given.get("cookie", ())]
    headers += [("Authorization", basic_credentials(user)) for user in given.get("user", ())]
    url, body = given.get("url", [""])[0], "&".join(given.get("data", ()))
    if "in query" in given:
        url, body = f"{url}{'&' if '?' in url else '?'}{body}", ""
    if not re.match("[A-Za-z]+://", url):  # as curl completes it
        url = f"http://{url}"
    method = given.get("method", ["POST" if body else "GET"])[-1]
    return SeenRequest(method, url, headers, body.encode("utf-8", "surrogatepass"))


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the options that are read, with their values."""
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            yield "url", word
        elif word in {"-G", "--get"}:
            yield "in query", ""
        elif word in _READ:
            yield _READ[word], next(rest, "")
        elif name in _READ and equals:
            yield _READ[name], value
        elif word[:2] in _READ:  # the value follows without a space
            yield _READ[word[:2]], word[2:]
        elif word in _SKIPPED:
            next(rest, "")


def _of_ansi_quotes(found: re.Match[str]) -> str:
    """Return the text of the form $'…', which browsers write, in plain quotation marks."""
    escapes = {"n": "\n", "r": "\r", "t": "\t"}

    def character(escape: re.Match[str]) -> str:
        code = escape[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else escapes.get(code, code)

    return shlex.quote(re.sub(r"\\(u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|.)", character, found[1]))

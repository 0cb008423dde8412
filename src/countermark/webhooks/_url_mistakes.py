"""The URLs and paths that may have been signed: another scheme, host, port, path or query."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit

from countermark.mistakes._catalogue import Mistake, mistake
from countermark.webhooks._parts import Url
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._signed_url import signed_urls


def other_urls(rule: Url, base: str, head: RequestHead) -> Iterator[tuple[str, Mistake]]:
    """Yield other URLs than the expected ones, each once, with the difference.

    Args:
        rule: The vendor's form of URLs.
        base: The public URL before the path, as configured.
        head: The method, path and headers.
    """
    seen = {*signed_urls(rule, base, head.path)}
    for url, which in _all(base, head):
        if url not in seen:
            seen.add(url)
            yield url, mistake("url_changed", which=which)


def _all(base: str, head: RequestHead) -> Iterator[tuple[str, str]]:
    scheme, host, prefix, *_ = urlsplit(base)
    target = head.path
    other = "http" if scheme == "https" else "https"
    port = ":443" if scheme == "https" else ":80"
    yield f"{other}://{host}{prefix}{target}", f"it begins with {other}"
    yield f"{base}{target}", "its percent codes were not decoded"
    if prefix:
        yield f"{scheme}://{host}{target}", "it has no path between the host and the received path"
    if ":" in host:
        yield f"{scheme}://{host.partition(':')[0]}{prefix}{target}", "it has no port"
    else:
        yield f"{scheme}://{host}{port}{prefix}{target}", f"it has the port {port[1:]}"
    for path, which in other_targets(target).items():
        yield f"{base}{path}", which
    for name in ("host", "x-forwarded-host"):
        given = head.get(name, max_commas=None)
        if given:
            yield f"{scheme}://{given}{prefix}{target}", f"it has the host of the header {name}"
            both = f"it begins with {other}, and has the host of the header {name}"
            yield f"{other}://{given}{prefix}{target}", both
    removed = head.get("x-forwarded-prefix", max_commas=None)
    if removed:
        which = "it has the prefix of the header x-forwarded-prefix, which a proxy removed"
        yield f"{scheme}://{host}/{removed.strip('/')}{target}", which


def other_targets(target: str) -> dict[str, str]:
    """Return other paths with their queries, with the difference to *target*."""
    path, mark, query = target.partition("?")
    behind = mark + query
    found = {
        f"{path}/{behind}": "it has a slash at its end",
        f"{path.rstrip('/')}{behind}": "it has no slash at its end",
        path: "it has no query",
        unquote(target): "its percent-encoding was removed",
        quote(target, safe="/?&=:@!$'()*+,;%", errors="surrogatepass"): "it is percent-encoded",
        target.lower(): "it is in lower case",
        path.replace("//", "/") + behind: "it has no double slashes",
    }
    rest = path
    for _ in range(3):
        _, _, rest = rest.lstrip("/").partition("/")
        if rest:
            found[f"/{rest}{behind}"] = "it has no prefix, which a proxy or a mount put before it"
    found.pop(target, None)
    return found

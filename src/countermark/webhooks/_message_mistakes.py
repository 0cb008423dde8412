"""The messages that may have been signed: with another body, URL or method, or of other parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple
from urllib.parse import parse_qsl

from countermark.mistakes._catalogue import Mistake, mistake
from countermark.mistakes._explanation import Mistakes
from countermark.mistakes._search import Message
from countermark.webhooks._body_mistakes import bodies
from countermark.webhooks._parts import SignatureHeader
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refused
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._signed_content import SignedContent, signed_content
from countermark.webhooks._signed_url import signed_urls
from countermark.webhooks._times import time_in_head
from countermark.webhooks._url_mistakes import other_urls

# Other texts that are signed, as other vendors do.
_OTHER_PARTS = (
    "{body}",
    "{timestamp}.{body}",
    "{id}.{body}",
    "{timestamp}.{id}.{body}",
    "{timestamp}{body}",
    "{id}{timestamp}{body}",
    "{body}.{timestamp}",
    "{body}{timestamp}",
    "{timestamp}:{body}",
    "{timestamp}|{body}",
    "{id}:{timestamp}:{body}",
    "v0:{timestamp}:{body}",
    "{url}{body}",
    "{body}{url}",
    "{method}{url}{body}",
    "{url}{body}{timestamp}",
)
_METHODS = ("POST", "GET", "PUT", "PATCH", "DELETE", "post")
_CONTENT = re.compile(r"\{body\}|\{parameters\}")


class _Values(NamedTuple):
    """The values of the fields before and after the content, and the mistakes in them."""

    texts: dict[str, str]
    mistakes: Mistakes = ()

    def message(self, parts: str, content: bytes, *steps: Mistake) -> Message:
        """Return a message of *parts* with *content* in the place of the body."""
        place = _CONTENT.search(parts)
        assert place is not None  # noqa: S101  # each message has a body
        texts = parts[: place.start()], parts[place.end() :]
        before, after = (self._fill(text).encode("utf-8", "surrogatepass") for text in texts)
        return Message(before + content + after, (*self.mistakes, *steps))

    def having(self, name: str, text: str) -> _Values:
        """Return the values with another one."""
        return self._replace(texts={**self.texts, name: text})

    def _fill(self, text: str) -> str:
        for name, value in self.texts.items():
            text = text.replace(name, value)
        return text


def messages(
    scheme: WebhookScheme,
    signature: SignatureHeader,
    head: RequestHead,
    body: bytes,
    base_url: str,
) -> Iterator[Message]:
    """Yield the expected message, and those with one mistake; raises Refused."""
    own = "".join(map(str, signature.message))
    content = signed_content(signature, head)
    for values in _values(scheme, signature, head, base_url):
        for other, step in chain([(body, None)], bodies(body)):
            signed = _signed(content, other)
            if signed is not None:
                yield values.message(own, signed, *([step] if step else []))
        for signed, step in _other_parameters(own, body):
            yield values.message(own, signed, step)
        signed = _signed(content, body) or b""
        yield from _of_other_requests(signature, values, head, base_url, signed)
        for parts in _OTHER_PARTS:
            if parts == own or any(name in parts and not x for name, x in values.texts.items()):
                continue
            yield values.message(parts, body, mistake("signed_parts", which=parts, wanted=own))


def _values(
    scheme: WebhookScheme, signature: SignatureHeader, head: RequestHead, base_url: str
) -> Iterator[_Values]:
    """Yield the expected values, for each URL that the vendor may sign."""
    texts = {"{id}": "", "{timestamp}": "", "{method}": head.method, "{url}": ""}
    steps: Mistakes = ()
    if scheme.id is not None and scheme.id.header:
        texts["{id}"] = head.get(scheme.id.header) or ""
    if scheme.timestamp is not None and not scheme.timestamp.body:
        texts["{timestamp}"] = text = time_in_head(scheme.timestamp, signature, head)
        if scheme.timestamp.form == "seconds" and re.fullmatch("[0-9]{13}", text):
            steps = (mistake("time_unit"),)
    values = _Values(texts, steps)
    if not base_url:
        yield values
        return
    for url in signed_urls(signature.url, base_url, head.path):
        yield values.having("{url}", url)


def _signed(content: SignedContent, body: bytes) -> bytes | None:
    try:
        return content.signed(body)
    except Refused:
        return None


def _of_other_requests(
    signature: SignatureHeader, values: _Values, head: RequestHead, base_url: str, signed: bytes
) -> Iterator[Message]:
    """Yield the messages of requests to another URL, or by another method."""
    own = "".join(map(str, signature.message))
    if base_url:
        for url, step in other_urls(signature.url, base_url, head):
            yield values.having("{url}", url).message(own, signed, step)
    if "{method}" in own:
        for method in _METHODS:
            if method != head.method:
                step = mistake("method_changed", which=method)
                yield values.having("{method}", method).message(own, signed, step)


def _other_parameters(own: str, body: bytes) -> Iterator[tuple[bytes, Mistake]]:
    """Yield the parameters of a form as others sign them."""
    if "{parameters}" not in own:
        return
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    ordered = "".join(name + value for name, value in pairs)
    values = "".join(value for _, value in sorted(pairs))
    for text, which in (
        (ordered, "in the order of the body"),
        (values, "without their names"),
        (body.decode("latin-1"), "as they are in the body"),
        ("".join(sorted(body.decode("latin-1").replace("=", "").split("&"))), "still encoded"),
    ):
        yield text.encode("utf-8", "replace"), mistake("parameters_changed", which=which)

"""The pages about webhooks: their code runs, and they agree with the files of the catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from countermark.webhooks import WebhookScheme
from countermark.webhooks._parts import HttpSignature, SecretHeader, SignatureMember
from countermark.webhooks._results import REFUSALS
from countermark.webhooks._scheme import webhook_scheme_slugs
from tests.project import webhook_schema
from tests.project.schema_parts import keys_of
from tests.webhooks.samples import SECRET

ROOT = Path(__file__).resolve().parents[2]
PAGE, FORMATS, URLS, CHALLENGES = (
    (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
    for name in ("webhooks", "webhook-formats", "webhook-urls", "webhook-challenges")
)


# The code for the frameworks runs in tests/frameworks/test_webhooks_docs.py.
OTHERS = re.sub(r"^## FastAPI.*?(?=^## Mount)", "", PAGE, flags=re.DOTALL | re.MULTILINE)
PLAIN = OTHERS + FORMATS + URLS + CHALLENGES


@pytest.mark.parametrize(
    "block", re.findall(r"^```python\n(.*?)^```$", PLAIN, re.DOTALL | re.MULTILINE)
)
def test_the_code_of_the_pages_runs(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)
    exec(compile(block, "webhooks.md", "exec"), {"__name__": "page"})


def test_the_pages_name_every_key_and_code() -> None:
    keys = keys_of(webhook_schema.schema())
    assert len(keys) > 35
    assert [key for key in sorted({*keys, *REFUSALS}) if f"`{key}`" not in PLAIN] == [
        "url",
        "vectors",
    ]
    tables = ("challenge", "id", "secret", "signature", "timestamp", "url", "[vectors]")
    for table in (f"[{name}]" for name in tables):
        assert f"`{table}`" in FORMATS


PARTS = {
    "{id}": "id", "{timestamp}": "time", "{body}": "body", "{method}": "method", "{url}": "URL",
    "{parameters}": "parameters",
}  # fmt: skip


def signed_parts(scheme: WebhookScheme) -> str:
    signature = scheme.signature
    if isinstance(signature, SecretHeader):
        return "nothing"
    if isinstance(signature, SignatureMember):
        return "time, id"
    if isinstance(signature, HttpSignature):
        return "method, path and query, `Date`, `Digest`"
    parts = [PARTS[str(part)] for part in signature.message if str(part) in PARTS]
    if signature.url.body_hash:
        parts[-1] += " or hash of the body"
    if scheme.timestamp is not None and scheme.timestamp.body:
        parts.append("with a time")
    return ", ".join(parts)


def proof(scheme: WebhookScheme) -> str:
    signature = scheme.signature
    if isinstance(signature, HttpSignature):
        return "`authorization: signature …`"
    if isinstance(signature, SignatureMember):
        return f"`{signature.member}` in the body"
    if isinstance(signature, SecretHeader):
        return f"the secret, in `{signature.header}`"
    kind = ", of sha-1" if signature.algorithm == "sha1" else ""
    return f"`{signature.header}`{', of a public key' if scheme.has_public_key else kind}"


def duration(seconds: float) -> str:
    """Return the largest unit in which a number of seconds is whole; "" for none."""
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds and seconds % length == 0:
            number = int(seconds / length)
            return f"{number} {unit}{'s' * (number > 1)}"
    return ""


@pytest.mark.parametrize("slug", webhook_scheme_slugs())
def test_the_row_of_each_scheme_agrees_with_its_file(slug: str) -> None:
    scheme = WebhookScheme.load(slug)
    (row,) = re.findall(rf"^\| `{slug}` \|(.*) \|$", FORMATS, re.MULTILINE)
    proven_by, signed, tolerance, delivery_id, variable = map(str.strip, row.split("|"))
    assert proven_by.lower() == proof(scheme)
    assert signed == signed_parts(scheme)
    seconds = 0 if scheme.timestamp is None else scheme.timestamp.tolerance
    assert tolerance == duration(seconds)
    if scheme.id is None:
        assert delivery_id == ""
    elif scheme.id.header:
        assert delivery_id.lower() == f"`{scheme.id.header}`"
    else:
        assert delivery_id.startswith(f"`{scheme.id.body}` in the body")
    assert f"`{scheme.secret.variable}`" in variable

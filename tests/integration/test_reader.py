"""The reference reader in JavaScript makes the same tokens of the catalogue's document."""

from __future__ import annotations

import json
import random
import re
import string
import subprocess
import unicodedata
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from countermark import CountermarkError, InvalidPrincipal, Principal, Scheme
from countermark.cli._catalogue_document import catalogue_document
from countermark.keys import SecretKey
from countermark.schemes import scheme_slugs
from tests.samples import ATTRIBUTES, SECRET, signer_of

HERE = Path(__file__).parent
READER = HERE.parents[1] / "docs/examples/reader"
COUNT = 20_000
UUID = "6f1c9a64-2f4e-4d3a-9a53-0f2b6f1c9a64"
MACS = [slug for slug in scheme_slugs() if Scheme.load(slug).mac]

#: Texts in which languages differ, or which a rule of a scheme refuses.
TEXTS = [
    "Zoë", "e\u0301", "\U0001f600", "\U00010400", "\ufb03", "a\u0345", 'say "hi"', "back\\slash",
    "\u2028", "\u2029", "\x00", "\x1f", "\x7f", "\x85", "\ud800x", "x\udfff", "tab\there",
    " outer", "outer\u00a0", "\ufeffmark", "\u200b", "\u3000", "x" * 512, "\U0001f600" * 512,
    "x" * 513, "", "(request-target)", "a: b", "a:b", "a@b", "{id}", "%", "+", "~*'()!", "a&b=c",
    "K", "\u212a", "\u0130", "\u0131", "ß", "ẞ", "Σ", "ΑΣ", "ς", "Ǆ", "ǅ", "É", "Ꭰ", "\u0378",
    "1234.1234", "private-foobar", "sub_9", "user", "multi", "__proto__", "constructor", "5",
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 7, 2**53 - 1, 2**53, -(2**53), 2**64, 10**30, 1e21, 1e20, 1e16, 123456789012345680000.0,
    -0.0, 0.0, 1.0, 1.5, -2.5, 0.1, 1e-5, 1e-6, 1e-7, 5e-324, 1.7976931348623157e308, 3.0,
    float("nan"), float("inf"),
]  # fmt: skip
# Characters of Unicode 3.2: each version of Python and of Node knows them.
_KNOWN = [
    c for c in map(chr, range(0x20, 0x30000)) if unicodedata.ucd_3_2_0.category(c)[0] in "LMNPSZ"
]


def any_text() -> str:
    kind = random.random()
    if kind < 0.3:
        return "".join(random.choices(string.ascii_letters + string.digits + "-_.", k=12))
    if kind < 0.5:
        return "".join(random.choices(_KNOWN, k=random.randrange(1, 9)))
    if kind < 0.6:
        return "".join(random.choices(TEXTS, k=2))
    return random.choice(TEXTS)


def any_json(depth: int = 3) -> Any:
    kind = random.randrange(10 if depth else 6)
    if kind < 2:
        return any_text()
    if kind < 4:
        return random.choice(NUMBERS)
    if kind < 6:
        return random.choice([None, True, False, random.uniform(-10, 10), random.getrandbits(40)])
    if kind < 8:
        return [any_json(depth - 1) for _ in range(random.randrange(4))]
    return any_object(depth - 1)


def any_object(depth: int = 2) -> dict[str, Any]:
    return {any_text(): any_json(depth) for _ in range(random.randrange(4))}


def any_of_kind(name: str, kind: str) -> Any:
    """Return a value of an attribute, which is mostly of its kind."""
    if random.random() < 0.5:
        return ATTRIBUTES.get(name, {"kind": "org", "key": any_text()})
    if random.random() < 0.1:
        return random.choice([any_text(), True, None, 1.5, [1], {}, -7])
    if kind == "text":
        return random.choice([any_text(), any_text(), 7, 2**64])
    if kind == "integer":
        return random.choice(NUMBERS)
    if kind == "boolean":
        return random.random() < 0.5
    if kind == "list":
        return [any_json() for _ in range(random.randrange(4))]
    return any_context() if name == "context" and random.random() < 0.7 else any_object()


def any_context() -> dict[str, Any]:
    """Return an object that is nearly a context of LaunchDarkly."""
    kinds = random.sample(["org", "device", "user", "a-b", "a", "kind", "multi", "Ä", ""], k=3)
    parts = {
        kind: {"key": any_text(), "more": any_json(1)} for kind in kinds[: random.randrange(4)]
    }
    if random.random() < 0.5:
        return {"kind": "multi", **parts}
    return {"kind": kinds[0], "key": any_text()} | (any_object(1) if random.random() < 0.2 else {})


def any_principal(scheme: Scheme) -> dict[str, Any]:
    """Return the arguments of a principal. Most can be signed."""
    found: dict[str, Any] = {
        "id": any_text() if random.random() < 0.95 else 5,
        "email": any_text() + random.choice(["@b.example"] * 9 + [""]),
        "phone": any_text(),
        "name": any_text() + " " + any_text() if random.random() < 0.9 else 5,
        "created": random.choice([0, 1_700_000_000, 1_700_000_000.1239, -1, 1e12, "now", True]),
    }
    safe = {"id": "user-1", "email": "Ann@b.example", "phone": "+1555", "created": 1.5}
    chosen = {
        name: safe[name] if name in safe and random.random() < 0.6 else value
        for name, value in found.items()
        if random.random() < 0.9
    }
    chosen["attributes"] = {
        name: any_of_kind(name, rule.kind)
        for name, rule in scheme.values.items()
        if random.random() < 0.9
    }
    return chosen


def tagged(value: Any) -> Any:
    """Return *value* in JSON that JavaScript reads without loss, as reader_lines.mjs describes."""
    if isinstance(value, dict):
        return {"$map": [[name, tagged(item)] for name, item in value.items()]}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return {"$float": {"inf": "Infinity", "nan": "NaN"}[str(value)]}
    if isinstance(value, int) and abs(value) >= 2**53:
        return {"$whole": str(value)}
    return value


def untagged(table: dict[str, Any]) -> Any:
    if "$map" in table:
        return dict(table["$map"])
    return int(table["$whole"]) if "$whole" in table else table


Reader = Callable[[list[dict[str, Any]]], list[Any]]


@pytest.fixture
def reader(need_binary: Callable[[str], str], tmp_path: Path) -> Reader:
    """Return the function that answers jobs with the reader, all in one process."""
    document = tmp_path / "catalogue.json"
    document.write_text(catalogue_document())

    def answer(jobs: list[dict[str, Any]]) -> list[Any]:
        command = [need_binary("node"), HERE / "reader_lines.mjs", READER, document]
        lines = "".join(json.dumps(job) + "\n" for job in jobs)
        ran = subprocess.run(
            command, input=lines, capture_output=True, encoding="utf-8", check=True, timeout=120
        )
        return [json.loads(line, object_hook=untagged) for line in ran.stdout.split("\n")[:-1]]

    return answer


@pytest.fixture
def _same_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(UUID))


@pytest.mark.usefixtures("_same_uuid")
def test_random_principals_get_the_same_tokens_and_refusals(reader: Reader) -> None:
    times, jobs, ours = [0.0], [], []
    signers = {slug: signer_of(slug, clock=lambda: times[0]) for slug in MACS}
    for number in range(COUNT):
        slug = MACS[number % len(MACS)]
        scheme, times[0] = signers[slug].scheme, random.uniform(1e9, 2e9)
        who = any_principal(scheme)
        jobs.append(
            {
                "slug": slug,
                "secret": SECRET,
                "principal": {**who, "attributes": tagged(who["attributes"])},
                "settings": {name: f"the-{name}" for name in scheme.settings},
                "now": times[0],
                "uuid": UUID,
            }
        )
        try:
            signed = signers[slug].issue(Principal(**who))
            ours.append({"token": signed.token, "fields": signed.fields})
        except InvalidPrincipal as refused:
            ours.append(str(refused))
    accepted: Counter[str] = Counter()
    for job, mine, theirs in zip(jobs, ours, reader(jobs), strict=True):
        if isinstance(mine, str):
            assert "refused" in theirs, (job, mine)
        else:
            assert theirs == mine, job
            accepted[job["slug"]] += 1
    assert set(accepted) == set(MACS)
    assert 0.2 < accepted.total() / COUNT < 0.8

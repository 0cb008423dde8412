"""The reference reader in JavaScript makes the same tokens from the document of the catalogue."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import uuid
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from countermark import InvalidPrincipal, InvalidScheme, Keyring, Principal, Scheme, Signer
from countermark.cli._catalogue_document import catalogue_document
from countermark.schemes import scheme_slugs
from tests.integration.reader_values import any_principal, any_scheme
from tests.samples import SECRET, signer_of
from tests.schemes.mappings import SMALLEST, changed

HERE = Path(__file__).parent
READER = HERE.parents[1] / "docs/examples/reader"
UUID = "6f1c9a64-2f4e-4d3a-9a53-0f2b6f1c9a64"
MACS = [slug for slug in scheme_slugs() if Scheme.load(slug).mac]
#: The schemes with rules or with values other than texts, which languages treat differently.
WITH_RULES = [
    slug
    for slug in MACS
    if any(
        rule.refuses or rule.lower or rule.kind != "text"
        for rule in Scheme.load(slug).values.values()
    )
]

#: The number of principals, for the schemes of the catalogue.
COUNT = 20_000 if os.environ.get("CI") else 4_000

Job = dict[str, Any]
Reader = Callable[[list[Job]], list[Any]]


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


def number(digits: str) -> float:
    """Return a number of JavaScript, which is exact up to 2**53."""
    return int(digits) if abs(int(digits)) < 2**53 else float(digits)


@pytest.fixture(scope="module")
def reader(need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Return the function that answers jobs with the reader, all in one process."""
    document = tmp_path_factory.mktemp("reader") / "catalogue.json"
    document.write_text(catalogue_document(), encoding="utf-8")
    command = [need_binary("node"), *map(str, [HERE / "reader_lines.mjs", READER, document])]

    def answers(jobs: list[Job]) -> list[Any]:
        lines = "".join(json.dumps(job) + "\n" for job in jobs)
        ran = subprocess.run(
            command, input=lines, capture_output=True, encoding="utf-8", check=True, timeout=120
        )
        return [
            json.loads(line, object_hook=untagged, parse_int=number)
            for line in ran.stdout.split("\n")[:-1]
        ]

    return answers


@pytest.fixture(autouse=True)
def _same_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(UUID))


def job_of(signer: Signer, who: dict[str, Any], **given: Any) -> tuple[Job, dict[str, Any] | None]:
    """Return a job for the reader, and the result here, which is None for a refusal."""
    scheme = signer.scheme
    job = {
        "slug": scheme.slug,
        "secret": SECRET,
        "principal": {**who, "attributes": tagged(who["attributes"])},
        "settings": {name: f"the-{name}" for name in scheme.settings},
        "uuid": UUID,
    }
    try:
        signed = signer.issue(Principal(**who))
    except InvalidPrincipal:
        return job | given, None
    return job | given, {"token": signed.token, "fields": signed.fields}


def assert_equal(reader: Reader, jobs: list[tuple[Job, dict[str, Any] | None]]) -> Counter[str]:
    """Compare the results, and return how many principals were signed by each scheme."""
    signed: Counter[str] = Counter()
    for (job, ours), theirs in zip(jobs, reader([job for job, _ in jobs]), strict=True):
        if ours is None:
            assert theirs.keys() == {"refused"}, job
        else:
            assert theirs == ours, job
            signed[job["slug"]] += 1
    return signed


def test_random_principals_get_the_same_tokens_and_refusals(reader: Reader) -> None:
    now = [0.0]
    jobs: list[tuple[Job, dict[str, Any] | None]] = []
    signers = {slug: signer_of(slug, clock=lambda: now[0]) for slug in MACS}
    for number in range(COUNT):
        now[0] = random.uniform(1e9, 2e9)
        signer = signers[random.choice(MACS if number % 2 else WITH_RULES)]
        jobs.append(job_of(signer, any_principal(signer.scheme), now=now[0]))
    signed = assert_equal(reader, jobs)
    assert set(signed) == set(MACS)
    assert COUNT / 4 < signed.total() < COUNT * 3 / 4


def test_schemes_of_any_form_get_the_same_tokens_and_refusals(reader: Reader) -> None:
    jobs: list[tuple[Job, dict[str, Any] | None]] = []
    while len(jobs) < 1_000:
        table, now = any_scheme(), random.uniform(1e9, 2e9)
        try:
            scheme = Scheme.from_mapping(table)
        except InvalidScheme:
            scheme = Scheme.from_mapping(table | {"ambiguous": True})
        settings, lifetime = random.choice([{}, {"site": "a b"}]), random.choice([None, 60])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            signer = Signer(
                scheme,
                Keyring(SECRET),
                settings=settings,
                lifetime=lifetime,
                clock=partial(float, now),
            )
        given = {"scheme": table, "settings": settings, "lifetime": lifetime, "now": now}
        jobs += [job_of(signer, any_principal(scheme), **given) for _ in range(10)]
    assert 100 < assert_equal(reader, jobs)["own"] < 800


def test_the_examples_of_the_catalogue_give_their_tokens(reader: Reader) -> None:
    jobs, expected = [], []
    for slug in MACS:
        for vector in Scheme.load(slug).vectors:
            given = vector._asdict()
            who = {"id": given.pop("id") or "no-id", "email": given.pop("email")}
            who["attributes"] = given.pop("attributes")
            jobs.append({**given, "slug": slug, "principal": who})
            expected.append(vector.token)
    assert len(expected) > 8
    assert [answer["token"] for answer in reader(jobs)] == expected


UNKNOWN: list[tuple[str, Any]] = [
    ("mac.wrap", "base64"),
    ("mac.algorithm", "sha1000"),
    ("mac.key", "base32"),
    ("mac.construction", "prefix"),
    ("mac.encoding", "base32"),
    ("mac.message", "{id:rot13}"),
    ("mac.message", "{body}"),
    ("payload.format", "xml"),
    ("payload.encoding", "base32"),
    ("payload.order", "sorted"),
    ("values.id", {"charset": "latin"}),
    ("values.id", {"refuse_suffixes": ["a"]}),
    ("values.plan", {"kind": "float"}),
    ("settings.app", {"variable": "APP", "default": "a", "kind": "text"}),
    ("secret.prefix", "whsec_"),
    ("mac.message", "{key_prefix}"),
    ("token.encoding", "base32"),
    ("token.order", "sorted"),
]


def test_a_key_or_word_that_the_reader_does_not_know_is_an_error(reader: Reader) -> None:
    table = changed(SMALLEST, "mac.message", "{payload}") | {
        "payload": {"format": "text", "encoding": "none", "content": "{id}{plan}"},
        "values": {"plan": {}},
    }
    given = {"secret": SECRET, "principal": {"id": "user-1", "attributes": {"plan": 1}}}
    tables = [table, *(changed(table, path, value) for path, value in UNKNOWN)]
    known, *unknown = reader([{"scheme": each, **given} for each in tables])
    assert known.keys() == {"token", "fields"}
    for change, answer in zip(UNKNOWN, unknown, strict=True):
        assert answer.keys() == {"refused"}, change


INVALID: list[dict[str, Any]] = [
    {"settings": {}},
    {"settings": {"app": ""}},
    {"settings": {"app": " a"}},
    {"settings": {"app": "é"}},
    {"settings": {"app": 5}},
    {"settings": {"app": "a", "site": "b"}},
    {"lifetime": 0},
    {"lifetime": 59},
    {"lifetime": 60.5},
    {"lifetime": 86_401},
    {"secret": "no-hex"},
    {"secret": "abc"},
    {"secret": ""},
    {"secret": "ab" * 9},
]


def test_invalid_settings_lifetimes_and_secrets_are_refused(reader: Reader) -> None:
    table = changed(SMALLEST, "mac.message", "{id}:{settings.app}:{expires:s}")
    table = changed(table, "mac.key", "hex") | {"lifetime": 600, "max_lifetime": 86_400}
    table |= {"min_lifetime": 60, "secret": {"key_prefix": 4}}
    table["settings"] = {"app": {"variable": "APP"}}
    job = {"scheme": table, "secret": "ab" * 32, "settings": {"app": "a"}, "now": 0}
    valid, *refused = reader(
        [job | {"principal": {"id": "user-1"}} | given for given in ({}, *INVALID)]
    )
    assert valid.keys() == {"token", "fields"}
    for given, answer in zip(INVALID, refused, strict=True):
        assert answer.keys() == {"refused"}, given


PIECES = [
    "a", "b", "1", "-", "]", "[", "[^", "(", ")", "(?:", "(?=", "(?!", "(?<", "|", "*", "+", "?",
    "{2}", "{1,}", "{0,2}", "{,2}", "{", "}", "^", "$", ".", "\\", "\\.", "\\-", "\\]", "\\d",
    "\\1", "\U0001f600", "é", "_", "&&", "--", ",", "=", "!", ":", "/",
]  # fmt: skip


def test_patterns_that_a_scheme_may_have_mean_the_same_in_javascript(reader: Reader) -> None:
    patterns = {
        p for slug in scheme_slugs() for r in Scheme.load(slug).values.values() for p in r.patterns
    }
    assert len(patterns) > 5
    while len(patterns) < 400:
        pattern = "".join(random.choices(PIECES, k=random.randrange(1, 7)))
        try:
            Scheme.from_mapping(changed(SMALLEST, "values.id.pattern", pattern))
        except InvalidScheme:
            continue
        patterns.add(pattern)
    jobs: list[Job] = [
        {"pattern": pattern, "texts": ["".join(random.choices(PIECES, k=k % 4)) for k in range(12)]}
        for pattern in patterns
    ]
    for job, answer in zip(jobs, reader(jobs), strict=True):
        assert answer == [bool(re.fullmatch(job["pattern"], text)) for text in job["texts"]], job


def test_the_reader_has_at_most_100_lines() -> None:
    assert (READER / "reader.mjs").read_text(encoding="utf-8").count("\n") <= 100


def test_the_example_on_the_page_signs(need_binary: Callable[[str], str], tmp_path: Path) -> None:
    page = (HERE.parents[1] / "docs/catalogue-format.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```js\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "catalogue.json").write_text(catalogue_document(), encoding="utf-8")
    (tmp_path / "example.mjs").write_text(example.replace('"./', f'"{READER}/'), encoding="utf-8")
    command = [need_binary("node"), "example.mjs"]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    vector = Scheme.load("stigg").vectors[0]
    assert vector.id == "customer-demo-01"
    assert vector.token in ran.stdout

"""Random principals for the reference reader, many of which no scheme may sign."""

from __future__ import annotations

import random
import string
import unicodedata
from typing import Any

from countermark import Scheme
from tests.samples import ATTRIBUTES

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
    0, 1, -1, 7, 2**53 - 1, 2**53, -(2**53), 2**64, 10**30, 1e21, 1e20, 1e16, 1.2345678901234568e20,
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
    names = ["2", "b", "1", "a"] if random.random() < 0.3 else [any_text() for _ in range(4)]
    return {name: any_json(depth) for name in random.sample(names, k=random.randrange(4))}


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
    kinds = random.sample(["org", "x.y", "a-b", "a"], k=2)
    kinds.append(random.choice(["user", "kind", "multi", "Ä", ""]))
    random.shuffle(kinds)
    parts = {
        kind: {"key": any_text(), "more": any_json(1)} for kind in kinds[: random.randrange(4)]
    }
    if random.random() < 0.5:
        return {"kind": "multi", **parts}
    return {"kind": kinds[0], "key": random.choice(["", any_text()])} | (
        any_object(1) if random.random() < 0.2 else {}
    )


def any_principal(scheme: Scheme) -> dict[str, Any]:
    """Return the arguments of a principal. Most can be signed."""
    found: dict[str, Any] = {
        "id": any_text() if random.random() < 0.95 else 5,
        "email": any_text() + random.choice(["@b.example"] * 9 + [""]),
        "phone": any_text(),
        "name": any_text() + " " + any_text() if random.random() < 0.97 else 5,
        "created": random.choice([0, 1_700_000_000, 1_700_000_000.1239] * 9 + [-1, 1e12, "", True]),
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


_RULES: list[dict[str, Any]] = [
    {},
    {},
    {"charset": "ascii"},
    {"lower": True},
    {"pattern": "[A-Za-z0-9._-]{1,64}"},
    {"pattern": r"(?!user)(.|\.)+?", "refuse_containing": ["@"]},
    {"refuse_prefixes": ["{", "a"], "refuse_containing": [": ", "\U0001f600"]},
]
_MESSAGES = [
    "{id}", "{id|email}", "{org}:{id}", "{payload}", "{id}\n{now:ms}\n{uuid}\n",
    "{meta:json}{id:json}", "{expires:iso}{id}", "{seats} {id:url} {tags:json}", "{created:s}.{id}",
    "{settings.app}/{id}",
    "{meta:canonical-json}\n{id}", "{payload}.{lifetime:s}", "{org|id:launchdarkly-key}",
]  # fmt: skip
_PAYLOADS: list[Any] = [
    {"format": "text", "content": "{id}\n{team}\n{seats}"},
    {"format": "query", "content": {"a b": "{id}", "é": "{name?}", "n": "{seats}x{created:ms}"}},
    {"format": "query-percent", "content": {"a b": "{id}", "é": "{name?}", "s": "{settings.app}"}},
    {"format": "json", "content": {"é\x7f": ["{id}", 1.0, 1e16, True], "m": {"meta": "{meta?}"}}},
    {"format": "json", "content": {"tags": "{tags}", "flag": "{flag}", "at": "{now:s}"}},
]
_TOKENS: list[Any] = [
    "{mac}.{expires:s}",
    "v1.{id:url}.{mac}.{key_prefix}{expires:iso}",
    {"id": "{id}", "mac": "{mac}", "list": [5, {"org": "{org?}"}], "exp": "{expires:ms}"},
]


def any_scheme() -> dict[str, Any]:
    """Return a scheme with any words. One that is ambiguous needs to declare it."""
    payload, token = random.choice(_PAYLOADS), random.choice(_TOKENS)
    construction = random.choice(["hmac", "hmac", "suffix"])
    values = {name: dict(random.choice(_RULES)) for name in ("id", "email", "phone", "name", "org")}
    kinds = {"seats": "integer", "flag": "boolean", "tags": "list", "meta": "object"}
    return {
        "slug": "own",
        "lifetime": 600,
        "settings": {
            "app": {"variable": "APP", "default": "an app"},
            "site": {"variable": "SITE", "default": ""},
        },
        "values": {
            **values,
            **{name: {"kind": kind} for name, kind in kinds.items()},
            "team": {"default": "staff"},
        },
        "payload": payload | {"encoding": random.choice(["none", "base64", "base64url"])},
        "mac": {
            "algorithm": random.choice(["sha1", "sha256", "sha512"]),
            "key": random.choice(["text", "hex", "base64"]) if construction == "hmac" else "text",
            "construction": construction,
            "message": random.choice(_MESSAGES),
            "encoding": random.choice(["hex", "hex-upper", "base64", "base64url"]),
        },
        "macs": {"meta": "meta\n{meta:json}"},
        "secret": {"key_prefix": 4} if "key_prefix" in token else {},
        "token": {"template": token, "encoding": random.choice(["none", "base64"])},
        "fields": {
            "token": "{token}",
            "meta": {"hash": "{macs.meta?}", "value": "{meta?}"},
            "more": ["{id}", "{team}", "{settings.app}/"][: random.randrange(3)],
            "at": "{created:iso?}",
            "site": "{settings.site?}",
        },
    }

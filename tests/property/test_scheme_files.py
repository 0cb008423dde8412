"""The parsers and the JSON Schemas accept the same files, and each mistake has a line.

``COUNTERMARK_SCHEME_FILES`` sets the number of generated files for a long run.
"""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
import tomli_w
from jsonschema import Draft202012Validator, FormatChecker, TypeChecker
from jsonschema.validators import extend

from countermark import InvalidScheme
from countermark.check._scheme_files import check_scheme
from countermark.schemes._parser import parse
from countermark.schemes._tables import Fault
from countermark.webhooks._parser import read
from tests.project.json_schemas import SCHEMAS
from tests.property.scheme_files import Data, Generator, catalogue

FILES = int(os.environ.get("COUNTERMARK_SCHEME_FILES", "400"))
#: The mistakes that only the parsers know, listed by docs/own-scheme.md and webhook-formats.md.
OF_PARSERS = re.compile(
    r"unknown name |the format does not fit|cannot be optional here|can be empty, so write it"
    r"|only values of the principal can be alternatives|holds nothing of the principal"
    r"|must hold \{(mac|jwt)\} exactly once|act on a header of this name"
    r"|two principals could get the same|the scheme is not ambiguous"
    r"|lifetime is missing|min_lifetime and max_lifetime (out|contradict)"
    r"|does not show \{key_prefix\}"
    r"|must mean the same in Python and JavaScript|not a valid regular expression"
    r"|matches the empty text|default breaks the rules"
    r"|apart_from must name other values|one_of: .* is not one of the claims"
    r"|is a claim of an exclusive scheme"
    # webhooks
    r"|message may hold .*, each once|must hold either \{body\} or \{parameters\}"
    r"|nothing separates|has one reading; leave ambiguous out|a digit next to|\[url\] is for a"
    r"|body_hash is for|json_body is for"
    r"|is of a key of 32 bytes|answer must hold|answer: \{mac\} needs"
    r"|least is above most|\{id\} is signed, so|\{timestamp\} is signed, so"
    r"|separator could be a part|\[timestamp\] entry needs a separator"
    r"|\[timestamp\] is needed if a time is signed"
)


def is_number(checker: TypeChecker, value: object) -> bool:
    # JSON has neither infinity nor NaN.
    is_float = isinstance(value, float) and math.isfinite(value)
    return is_float or (isinstance(value, int) and not isinstance(value, bool))


def is_integer(checker: TypeChecker, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


#: The types of TOML: 60.0 is not a whole number, and a date is not a text.
TYPES = Draft202012Validator.TYPE_CHECKER.redefine("number", is_number).redefine(
    "integer", is_integer
)
Validator: Any = extend(Draft202012Validator, type_checker=TYPES)  # type: ignore[no-untyped-call]
PARSERS: dict[str, Callable[[Any, list[Fault]], object]] = {
    "signing scheme": parse,
    "webhook scheme": read,
}


def validator_of(schema: Data) -> Draft202012Validator:
    """Return a validator. In its patterns $ is the end of a text, as in JavaScript."""
    text = json.dumps(schema).replace('$"', r'\\Z"')
    validator: Draft202012Validator = Validator(
        json.loads(text), format_checker=FormatChecker(["date"])
    )
    return validator


KINDS = {
    kind: (schema, validator_of(schema), catalogue(package))
    for (kind, package), schema in zip(
        {"signing scheme": "schemes", "webhook scheme": "webhooks"}.items(),
        SCHEMAS.values(),
        strict=True,
    )
}


def as_json(data: Data) -> Data:
    """Return the data of a file as the schema sees it: the date of reading is a text."""
    day = data.get("read")
    if isinstance(day, date) and not isinstance(day, datetime):
        return {**data, "read": day.isoformat()}
    return data


def assert_agreement(kind: str, data: Data) -> str:
    """Compare the parser with the schema, and return the verdict of both."""
    _, validator, _ = KINDS[kind]
    text = tomli_w.dumps(data)
    data = tomllib.loads(text)
    fits = validator.is_valid(as_json(data))
    faults: list[Fault] = []
    message = None
    try:
        PARSERS[kind]({"slug": "own", **data}, faults)
    except InvalidScheme as error:
        message = str(error)
    if fits:
        assert (faults, message is None or bool(OF_PARSERS.search(message))) == ([], True), message
    else:
        assert message is not None
    checked = check_scheme(text.encode(), "own")
    if checked.kind == kind:
        assert bool(checked.mistakes) == (message is not None)
    lines = text.count("\n") + 1
    assert all(1 <= mistake.line <= lines for mistake in checked.mistakes)
    return "good" if message is None else "contradictory" if fits else "broken"


@pytest.mark.parametrize("kind", KINDS)
def test_each_file_of_the_catalogue_fits_its_schema(kind: str) -> None:
    _, validator, files = KINDS[kind]
    for data in files:
        validator.validate(as_json(data))


def test_an_editor_takes_a_date_for_a_text_and_60_0_for_a_whole_number() -> None:
    schema, _, known = KINDS["signing scheme"]
    plain = Draft202012Validator(schema)
    differences: list[tuple[str, Any, Any]] = [
        ("name", date(2026, 1, 31), "2026-01-31"),
        ("lifetime", 60.0, 60.0),
    ]
    for key, value, of_editor in differences:
        assert plain.is_valid(as_json({**known[0], key: of_editor}))
        assert assert_agreement("signing scheme", {**known[0], key: value}) == "broken"


@pytest.mark.parametrize("kind", KINDS)
def test_the_parser_and_the_schema_agree_on_generated_files(kind: str) -> None:
    schema, _, known = KINDS[kind]
    generator = Generator(schema, known, seed=1)
    outcomes = Counter(assert_agreement(kind, generator.file()) for _ in range(FILES))
    assert all(outcomes[name] > FILES / 100 for name in ("good", "broken", "contradictory"))

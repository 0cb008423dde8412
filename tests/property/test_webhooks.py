"""Whatever is delivered: it is verified or refused, and read in time that grows with its length."""

from __future__ import annotations

import faulthandler
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from countermark import BadWebhook
from countermark.webhooks import VerifiedWebhook
from countermark.webhooks._results import REFUSALS
from tests.webhooks.samples import KEY_ID, PROOF, SCHEMES, Delivery, cognito, sent, verifier

VERIFIERS = {scheme: verifier(scheme) for scheme in SCHEMES}
NAMES = sorted({name for scheme in SCHEMES for name in sent(scheme).headers})
PIECES = [
    "Signature ", "keyId=", "headers=", "signature=", "algorithm=", '"', ",", " ", "\t", "=", "v1,",
    "sha256=", "SHA-256=", "(request-target)", "date", "digest", "GMT", "\\", "\n", "\0", "é",
    "\u20ac", "\udc80", "A" * 43, "0" * 64, KEY_ID, "1700000000", ";", "v1a,",
]  # fmt: skip

FRAGMENTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12).map("".join)
TEXTS = FRAGMENTS | st.sampled_from(
    [value for scheme in SCHEMES for value in sent(scheme).headers.values()]
)
VALUES = TEXTS | st.binary(max_size=40)
HEADERS = st.lists(
    st.tuples(st.sampled_from(NAMES) | st.text(max_size=5) | st.binary(max_size=5), VALUES),
    max_size=8,
)
BODIES = st.binary(max_size=64) | st.text(max_size=64) | st.sampled_from([cognito().body, b""])


def outcome(scheme: str, **delivery: Any) -> str:
    """Return the code of what is found; anything but the two outcomes is an error."""
    try:
        verified = VERIFIERS[scheme].verify(**delivery)
    except BadWebhook as error:
        assert error.code in REFUSALS
        assert str(error) == f"{scheme}: {REFUSALS[error.code]}"
        return error.code
    assert isinstance(verified, VerifiedWebhook)
    return "verified"


@given(
    scheme=st.sampled_from(SCHEMES),
    headers=HEADERS,
    body=BODIES,
    method=st.text(max_size=5) | st.binary(max_size=5) | st.just("POST"),
    path=TEXTS | st.binary(max_size=9),
)
@example("stigg", [("stigg-webhooks-secret", "\ud800")], "\ud800", "", "")
@example("cognito", [("authorization", 'Signature keyId=""')], b"", "\ud800", "\ud800")
def test_anything_is_verified_or_refused(
    scheme: str, headers: Any, body: Any, method: Any, path: Any
) -> None:
    outcome(scheme, headers=headers, body=body, method=method, path=path)


@settings(max_examples=50)
@given(scheme=st.sampled_from(SCHEMES), value=VALUES, body=BODIES, path=TEXTS, data=st.data())
@example("cognito", "\ud800", "", "/\ud800", None)
def test_anything_is_explained_or_not(
    scheme: str, value: Any, body: Any, path: str, data: st.DataObject | None
) -> None:
    headers = sent(scheme).headers
    name = data.draw(st.sampled_from(sorted(headers))) if data else "X-Other"
    found = VERIFIERS[scheme].explain(headers={**headers, name: value}, body=body, path=path)
    assert found.outcome in {"good", "explained", "unexplained"}


@given(scheme=st.sampled_from(SCHEMES), data=st.data())
def test_nearly_valid_deliveries_are_verified_or_refused(scheme: str, data: st.DataObject) -> None:
    """Good deliveries with parts of one header replaced, so that the parsers get far."""
    delivery = sent(scheme)
    name = data.draw(st.sampled_from(sorted(delivery.headers)))
    value = delivery.headers[name]
    start = data.draw(st.integers(0, len(value)))
    end = data.draw(st.integers(start, len(value)))
    text = value[:start] + data.draw(FRAGMENTS) + value[end:]
    headers = {**delivery.headers, name: text}
    found = outcome(scheme, **{**delivery._asdict(), "headers": headers})
    same = text.strip(" \t") == value
    # The id of GitHub is not signed. Case and space around commas are free to cognito.
    free = name == "X-GitHub-Delivery" or (scheme == "cognito" and name == "Authorization")
    if same:
        assert found == "verified"
    elif not free and not (scheme == "standard-webhooks" and value in text.split(" ")):
        assert found != "verified"


TWO_DIGITS = st.integers(0, 99).map("{:02}".format)


@given(
    day=st.sampled_from(["Mon", "Tue", "Sun"]),
    numbers=st.tuples(*[TWO_DIGITS] * 4),
    month=st.sampled_from(["Jan", "Feb", "Nov", "Dec"]),
    year=st.integers(0, 9999).map("{:04}".format),
)
@example("Tue", ("14", "22", "13", "20"), "Nov", "2023")
def test_any_text_is_a_date_or_malformed(
    day: str, numbers: tuple[str, ...], month: str, year: str
) -> None:
    number, *time = numbers
    date = f"{day}, {number} {month} {year} {':'.join(time)} GMT"
    found = outcome("cognito", **cognito().having(date=date)._asdict())
    good = date == cognito().headers["Date"]
    assert found in ({"verified"} if good else {"malformed", "mismatch"})


@given(
    scheme=st.sampled_from(["cognito", "github", "hubspot", "standard-webhooks"]), body=st.binary()
)
def test_another_body_is_refused(scheme: str, body: bytes) -> None:
    delivery = sent(scheme)
    expected = {"verified"} if body == delivery.body else {"mismatch", "digest_mismatch"}
    assert outcome(scheme, **{**delivery._asdict(), "body": body}) in expected


PARAMETERS = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=4)


@given(one=PARAMETERS, other=PARAMETERS)
def test_parameters_are_signed_decoded_and_sorted(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    delivery = sent("twilio", body=urlencode(one).encode())
    body = urlencode(other).encode()
    same = "".join(map("".join, sorted({*one}))) == "".join(map("".join, sorted({*other})))
    expected = "verified" if same else "mismatch"
    assert outcome("twilio", **{**delivery._asdict(), "body": body}) == expected


@given(path=st.text(alphabet='/?&=%~aB0[{"#\n é', max_size=8))
def test_another_path_is_refused(path: str) -> None:
    for scheme in ("hubspot", "twilio"):
        delivery = sent(scheme)
        found = outcome(scheme, **{**delivery._asdict(), "path": path})
        assert found in {"mismatch", "malformed"}


@given(scheme=st.sampled_from(SCHEMES), body=st.binary(max_size=65536))
def test_any_signed_body_is_verified(scheme: str, body: bytes) -> None:
    delivery = sent(scheme, body=body)
    assert outcome(scheme, **delivery._asdict()) in {"verified", "malformed"}


# Growth

LONG = 65536
WORST: dict[str, Callable[[int], str]] = {
    "spaces": lambda size: "Signature" + " " * size,
    "spaces before a comma": lambda size: 'Signature a="b"' + " " * size,
    "spaces behind a comma": lambda size: 'Signature a="b",' + " " * size + "!",
    "spaces before a value": lambda size: "Signature keyId=" + " " * size,
    "a name": lambda size: "Signature " + "a" * size,
    "a name and spaces": lambda size: "Signature " + "a" * (size // 2) + " " * (size // 2),
    "an open quote": lambda size: 'Signature keyId="' + "a" * size,
    "backslashes": lambda size: 'Signature keyId="' + "\\" * size,
    "quotes": lambda size: "Signature " + '"' * size,
    "commas": lambda size: "Signature " + "," * size,
    "parameters": lambda size: "Signature " + ",".join(
        f'{chr(97 + n % 26) * (n // 26 + 1)}="b"' for n in range(int(size**0.5))
    ),
    "many parameters": lambda size: 'Signature keyId="",' + 'x="",' * (size // 5),
    "names of headers": lambda size: 'Signature keyId="a",signature="b",headers="'
    + " ".join(f"a{n}" for n in range(size // 6)) + '"',
    "signatures": lambda size: "v1," * (size // 3),
    "entries": lambda size: ("v1," + "A" * 43 + "= ") * (size // 48),
    "other entries": lambda size: "v2,a " * (size // 5),
    "base64": lambda size: "v1," + "A" * size,
    "hexadecimal": lambda size: "sha256=" + "0" * size,
    "digits": lambda size: "1" * size,
    "dates": lambda size: "Tue, 14 Nov 2023 " * (size // 17),
    "not ASCII": lambda size: "é" * size,
    "joined": lambda size: "a," * (size // 2),
}  # fmt: skip


@pytest.fixture
def watchdog() -> Iterator[None]:
    """End the whole run after five minutes: a regular expression can be stopped by nothing less."""
    faulthandler.dump_traceback_later(300, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@contextmanager
def counted() -> Iterator[list[int]]:
    """Count the calls and lines of Python, and the calls of C, within the block.

    The garbage collector is off: the callbacks and finalizers that it runs would be counted too.
    """
    events = [0]

    def note(frame: FrameType, event: str, argument: object) -> Any:
        events[0] += 1
        return note

    before, tracing = sys.getprofile(), sys.gettrace()
    gc.disable()
    sys.setprofile(note)
    sys.settrace(note)
    try:
        yield events
    finally:
        sys.setprofile(before)
        sys.settrace(tracing)
        gc.enable()


def steps(scheme: str, delivery: Delivery) -> int:
    outcome(scheme, **delivery._asdict())  # what is made only once is made
    with counted() as events:
        outcome(scheme, **delivery._asdict())
    return events[0]


@pytest.mark.parametrize("worst", sorted(WORST))
def test_parsing_time_is_linear_in_the_length_of_a_header(worst: str) -> None:
    for scheme in SCHEMES:
        for name in sent(scheme).headers:
            sizes = (LONG // 16, LONG // 8, LONG // 4)
            small, middle, large = (
                steps(
                    scheme,
                    sent(scheme).having(**{name.lower().replace("-", "_"): WORST[worst](size)}),
                )
                for size in sizes
            )
            assert middle <= 2 * small + 200, (scheme, name)
            assert large <= 2 * middle + 200, (scheme, name)


@pytest.mark.parametrize("worst", sorted(WORST))
@pytest.mark.usefixtures("watchdog")
def test_headers_of_64_kib_are_parsed_fast(worst: str) -> None:
    """Steps within a regular expression show in no count."""
    text = WORST[worst](LONG)
    for scheme in SCHEMES:
        for name in sent(scheme).headers:
            delivery = sent(scheme).having(**{name.lower().replace("-", "_"): text})
            found = outcome(scheme, **delivery._asdict())
            assert found != "verified" or name not in PROOF.values()


@pytest.mark.parametrize(
    "body",
    [b"[" * LONG, b'{"id":' * (LONG // 6), b'"' + b"\\u0041" * (LONG // 6) + b'"', b"1" * LONG,
     b"{" + b'"a":1,' * (LONG // 6) + b'"id":"x"}', b" " * LONG, b"\xff" * LONG],
)  # fmt: skip
@pytest.mark.usefixtures("watchdog")
def test_bodies_of_64_kib_are_parsed_fast(body: bytes) -> None:
    for scheme in SCHEMES:
        assert outcome(scheme, **sent(scheme, body=body)._asdict()) in {"verified", "malformed"}

"""A secret that is given in a wrong place is shown by no message, repr, warning, log or local."""

from __future__ import annotations

import logging
import types
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from countermark import CountermarkError, Keyring, RequestIdentity, Signer, asgi
from countermark.signing import respond
from tests.drivers import answer, request
from tests.project.showing_entries import ENTRIES, KEY, NAMES_THAT_ARE_SHOWN, Entry

MARK = "canary"
TEXTS = {
    "a text": "canary-3f9c2b7d51e8406aa9b4c1d0e7f65a28",
    "an upper-case text": "CANARY3F9C2B7D51E8406AA9B4C1D0E7F65A28",
    "upper-case words": "LIVE_CANARY_SECRET_QXZVWKPT",
    "upper-case words with digits": "LIVE_CANARY_9F3C_SECRET",
    "a short text": "canary7",
    "a text with spaces": "canary 3f9c 2b7d",
    "a text with a newline": "canary-3f9c2b7d\n51e8406aa9b4c1d0e7f65a28",
    "a long text": "canary3f9c2b7d51e8406aa9b4c1d0e7f65a28" * 40,
    "a text in braces": "{canary-3f9c2b7d51e8406aa9b4c1d0e7f65a28}",
    "a dotted text": "canary.3f9c2b7d51e8406aa9b4c1d0e7f65a28",
    "a text that is not ASCII": "canary-é3f9c2b7d51e8406aa9b4c1d0e7f65a28",
    "a lone surrogate": "canary-\ud8003f9c2b7d51e8406aa9b4c1d0e7f65a28",
    "a webhook secret": "whsec_canary3f9c2b7d51e8406aa9b4c1d0e7f65",
    "a URL with a password": "redis://user:canary3f9c2b7d@127.0.0.1:1/0?canary=1",
    "an origin": "https://canary3f9c2b7d.example/",
    "a private key": "-----BEGIN PRIVATE KEY-----\ncanary3f9c2b7d\n-----END PRIVATE KEY-----",
    "a public key": "-----BEGIN PUBLIC KEY-----\ncanary3f9c2b7d\n-----END PUBLIC KEY-----",
}
SECRET = TEXTS["a text"]
GIVEN: dict[str, Any] = {
    **TEXTS,
    "bytes": SECRET.encode(),
    "a list": [SECRET],
    "a list of bytes": [SECRET.encode()],
    "a nested list": [[SECRET]],
    "a tuple": (SECRET, SECRET),
    "a set": {SECRET},
    "a key of a mapping": {SECRET: "stigg"},
    "an upper-case key of a mapping": {TEXTS["an upper-case text"]: {}},
    "a key that is bytes": {SECRET.encode(): {}},
    "a key and its value": {SECRET: SECRET, 7: SECRET},
    "a value of a mapping": {"stigg": SECRET},
    "a value in a mapping of mappings": {"stigg": {"variable": SECRET, "settings": {SECRET: 1}}},
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", KEY)
    monkeypatch.setenv("STIGG_WEBHOOK_SECRET", KEY)
    monkeypatch.setenv("COGNITO_API_SECRET", f"live_{KEY}")
    for name in ("INTERCOM_IDENTITY_SECRET", "METABASE_EMBEDDING_SECRET_KEY"):
        monkeypatch.setenv(name, KEY)


def ours(frame: types.FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == "countermark"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def told(error: BaseException) -> str:
    """Return all that an error tracker sends of an error: messages, arguments and locals."""
    found = []
    for one in chain(error):
        found += [str(one), repr(one), repr(getattr(one, "__notes__", ()))]
        at = one.__traceback__
        inside = False
        while at is not None:
            # From our first frame on, also those of the libraries that ours have called.
            inside = inside or ours(at.tb_frame)
            if inside:
                found.append(repr(dict(at.tb_frame.f_locals)))
            at = at.tb_next
    return "\n".join(found)


@pytest.fixture
def shown_by(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Callable[[Callable[[], object]], str]:
    """Return what tells all that a call shows: result or error, warnings, logs and prints."""
    caplog.set_level(logging.DEBUG)

    def tell(build: Callable[[], object]) -> str:
        caplog.clear()
        text = _told_by(build)
        records = repr([vars(record) for record in caplog.records])
        return text + caplog.text + records + "".join(capsys.readouterr())

    return tell


def _told_by(build: Callable[[], object]) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            made = build()
            text = f"{made!r} {made}"
        except (CountermarkError, SystemExit) as error:  # any other one fails the test
            text = told(error)
    return text + " ".join(str(warning.message) for warning in caught)


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_secret_given_in_the_place_of_any_argument_is_not_shown(
    entry: Entry, given: str, shown_by: Callable[[Callable[[], object]], str]
) -> None:
    """An error is one of this package: Python's own would not say what to do."""
    for argument in entry.arguments:
        seen = shown_by(partial(entry.build, {argument: GIVEN[given]}))
        if given not in NAMES_THAT_ARE_SHOWN.get((entry.name, argument), ()):
            assert MARK not in seen.lower(), f"{entry.name}({argument}={given})"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_entries_of_this_file_are_good_as_they_are(entry: Entry) -> None:
    """Else every build would fail before it looks at the argument in question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entry.build({})


def test_answers_of_the_endpoint_show_no_token() -> None:
    seen: list[RequestIdentity] = []
    app = asgi.SigningMiddleware(
        answer([], before=lambda scope: seen.append(scope["state"]["countermark"])),
        signers=Signer("stigg", Keyring(KEY)),
        principal=lambda scope: "user-1",
    )
    request(app)
    response = respond("GET", seen[0])
    token = Signer("stigg", Keyring(KEY)).sign("user-1")
    assert token.encode() in response.body
    for shown in (repr(response), str(response), repr([response])):
        assert token[-20:] not in shown
        assert "user-1" not in shown
        assert "200" in shown


def test_a_signer_that_was_refused_says_so() -> None:
    assert repr(Signer.__new__(Signer)) == "<Signer refused>"

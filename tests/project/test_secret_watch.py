"""The watch over the whole run sees the secrets that tests show."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from countermark import ConfigurationError, Event, InvalidKey, Keyring
from countermark.events import emit
from tests.drivers import answer, request
from tests.samples import private_key
from tests.secret_watch import WATCH, SecretWatch, listen

CANARY = "the-canary-of-the-watch-itself-5d1f08e2"


@pytest.fixture
def watch() -> Iterator[SecretWatch]:
    """Yield the watch of this run. What the test shows on purpose is forgotten after it."""
    Keyring(CANARY)
    yield WATCH
    WATCH.secrets.discard(CANARY)
    WATCH.places.clear()


def places(watch: SecretWatch) -> list[str]:
    found = [*watch.places]
    watch.places.clear()
    watch.secrets.discard(CANARY)  # the output of the test is searched at its end
    return found


def test_a_secret_in_a_log_record_or_its_attributes_is_found(watch: SecretWatch) -> None:
    logging.getLogger("other").warning("the key is %s", CANARY)
    logging.getLogger("other").warning("no key here", extra={"found": CANARY})
    assert places(watch) == ["a log record of other"] * 2


def test_the_watch_listens_again_after_the_handlers_were_replaced(watch: SecretWatch) -> None:
    logging.getLogger().removeHandler(watch)
    listen()
    listen()
    logging.getLogger("other").warning("the key is %s", CANARY)
    assert places(watch) == ["a log record of other"]


def test_a_secret_in_an_event_is_found_below_the_level_of_the_log(watch: SecretWatch) -> None:
    emit(Event("withheld", CANARY), None)
    assert places(watch) == ["an event"]


def test_a_secret_in_the_message_of_our_exceptions_is_found(watch: SecretWatch) -> None:
    with pytest.raises(InvalidKey):
        raise InvalidKey(f"{CANARY} is too short", code="other")
    with pytest.raises(ConfigurationError):
        raise ConfigurationError("nothing")
    assert places(watch) == ["a InvalidKey"]


def test_a_secret_in_the_output_is_found(
    watch: SecretWatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print(f"key={CANARY}")  # noqa: T201
    capsys.readouterr()
    assert places(watch) == ["the output"]


def test_a_secret_in_a_response_is_found(watch: SecretWatch) -> None:
    request(answer([(b"x-key", CANARY.encode())]))
    assert places(watch) == ["a response"]


def test_a_line_of_a_private_key_is_remembered_and_a_short_or_invalid_secret_is_not() -> None:
    before, (pem, _) = {*WATCH.secrets}, private_key("ES256")
    Keyring(pem)
    Keyring(b"too short to be told")
    Keyring("short")
    with pytest.raises(InvalidKey):
        Keyring("a secret with a newline at its end\n")
    assert all(line in pem or line == "too short to be told" for line in WATCH.secrets - before)
    assert any(secret in pem for secret in WATCH.secrets)


def test_the_secrets_of_a_test_are_forgotten_after_it() -> None:
    watch = SecretWatch()
    watch.remember("a secret of a module that is imported")
    before = watch.begin()
    watch.remember(CANARY)
    watch.check("here", CANARY)
    assert watch.end(before) == ["here"]
    watch.check("there", CANARY)
    watch.check("there", "a secret of a module that is imported")
    assert watch.places == ["there"]


def test_keys_may_be_made_in_other_threads_during_a_search(watch: SecretWatch) -> None:
    class Text(str):
        __slots__ = ()

        def __contains__(self, secret: object) -> bool:
            watch.remember(f"{secret}-of-another-thread")
            return False

    before = watch.begin()
    watch.check("an event", Text(CANARY))
    assert CANARY in before
    assert f"{CANARY}-of-another-thread" in watch.secrets
    watch.secrets.intersection_update(before)


LEFT = logging.NullHandler()


@pytest.mark.parametrize("number", [1, 2])
def test_a_handler_of_logs_that_a_test_adds_is_gone_in_the_next_one(number: int) -> None:
    assert LEFT not in logging.getLogger().handlers
    logging.getLogger().addHandler(LEFT)

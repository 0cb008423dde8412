"""Watched keyrings: where the keys come from, and which changes they take."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from countermark import (
    ConfigurationError,
    Event,
    InvalidKey,
    Keyring,
    Signer,
    UnwatchedKeyWarning,
    Verifier,
    WatchedKeyring,
)
from countermark._background import Job
from tests.keys.watching import NAME, KeyFiles, secret, wait_for


def ids(keyring: Keyring) -> list[tuple[str, str]]:
    return [(role, key.key_id) for role, key in keyring.by_role()]


def key_id(number: int) -> str:
    return Keyring(secret(number)).current.key_id


def test_it_has_the_keys_of_the_files_with_their_roles(files: KeyFiles) -> None:
    files.put(secret(2), "_NEXT")
    files.put(secret(0), "_PREVIOUS")
    keyring = files.keyring()
    expected = Keyring(secret(1), secret(0), secret(2))
    assert ids(keyring) == ids(expected)
    assert [key.key_id for key in (keyring.current, *keyring.previous, *keyring.next)] == [
        key_id(1), key_id(0), key_id(2)
    ]  # fmt: skip
    assert repr(keyring) == repr(expected).replace("<Keyring", "<WatchedKeyring")


def test_a_missing_or_empty_file_of_another_role_is_no_key(files: KeyFiles) -> None:
    files.put("\n", "_NEXT")
    assert ids(files.keyring()) == [("current", key_id(1))]


def test_a_blank_variable_of_another_role_is_no_key(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a compose file sets it without a value; ``Keyring.from_env`` takes it so, too."""
    monkeypatch.setenv(f"{NAME}_PREVIOUS_FILE", "")
    monkeypatch.setenv(f"{NAME}_NEXT", "")
    monkeypatch.delenv(f"{NAME}_NEXT_FILE")
    keyring = WatchedKeyring.from_env(NAME)
    assert [key.key_id for _, key in keyring.by_role()] == [key_id(1)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_no_file_as_it_would_block_the_background(files: KeyFiles) -> None:
    keyring = files.keyring()
    files.path().unlink()
    os.mkfifo(files.path())
    assert not keyring.refresh()
    assert files.events[-1].error == "NotARegularFile"
    with pytest.raises(InvalidKey, match=r"cannot be read \(NotARegularFile\)"):
        files.keyring()


def test_the_variable_may_hold_the_secret_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, secret(1))
    monkeypatch.setenv(f"{NAME}_NEXT", secret(2))
    with pytest.warns(UnwatchedKeyWarning, match=f"{NAME} holds the secret itself") as caught:
        keyring = WatchedKeyring(NAME)
    assert ids(keyring) == [("current", key_id(1)), ("next", key_id(2))]
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("role", ["_PREVIOUS", "_NEXT"])
def test_one_file_is_enough_to_watch(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No warning comes, which would be an error in these tests. The file may be missing."""
    monkeypatch.setenv(NAME, secret(1))
    monkeypatch.setenv(f"{NAME}{role}_FILE", "missing")
    assert ids(WatchedKeyring(NAME)) == [("current", key_id(1))]


def test_a_blank_path_is_no_file_to_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, secret(1))
    monkeypatch.setenv(f"{NAME}_NEXT_FILE", "")
    with pytest.warns(UnwatchedKeyWarning):
        WatchedKeyring(NAME)


def test_it_is_said_once_that_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default Python shows a warning of one place once, however often it is given there."""
    monkeypatch.setenv(NAME, secret(1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        users = [make("stigg", watch=True) for make in (Signer.from_env, Verifier.from_env) * 3]
    assert [warning.category for warning in caught] == [UnwatchedKeyWarning]
    assert users[0]._watches  # and the application goes on


def test_refresh_takes_new_keys_and_reports_their_ids(files: KeyFiles) -> None:
    keyring = files.keyring()
    assert keyring.refresh()
    assert files.events == []
    files.put(secret(2), "_NEXT")
    assert keyring.refresh()
    files.put(secret(1), "_PREVIOUS")
    files.put(secret(2))
    files.put(None, "_NEXT")
    assert keyring.refresh()
    assert ids(keyring) == [("current", key_id(2)), ("previous", key_id(1))]
    assert files.events == [
        Event("rotated", "accepted", keys=f"current={key_id(1)} next={key_id(2)}"),
        Event("rotated", "current", keys=f"current={key_id(2)} previous={key_id(1)}"),
    ]


WRONG: dict[str, tuple[str | bytes | None, str | None]] = {
    "blank": (" ", "the content of the file of STIGG_SIGNING_SECRET_FILE is blank"),
    "empty": ("", "is blank"),
    "a placeholder": ("changeme", "is a placeholder"),
    "a key in PEM": ("-----BEGIN CERTIFICATE-----\nabc", "PEM or SSH key"),
    "not text": (b"\xff\xfe\x00secret", None),
    "half of a secret": (secret(2)[:20], "fewer than 32 bytes, unlike those in use"),
    "a publishable key": ("client-" + secret(2), "publishable key"),
    "missing": (None, "cannot be read"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_secret_is_refused_once_and_the_old_one_stays(files: KeyFiles, wrong: str) -> None:
    content, hint = WRONG[wrong]
    keyring = files.keyring()
    signer = Signer("stigg", keyring)
    token = signer.sign("user-1")
    files.put(content)
    assert not keyring.refresh()
    assert not keyring.refresh()
    assert signer.sign("user-1") == token
    [event] = files.events
    assert (event.name, event.scheme, event.keys) == ("failed", "stigg", None)
    unreadable = wrong in {"missing", "not text"}
    assert event.reason == ("keys_unavailable" if unreadable else "keys_refused")
    assert event.hint is not None
    assert hint is None or hint in event.hint
    files.put(secret(1))
    assert keyring.refresh()
    assert files.events[1] == Event("rotated", "restored", "stigg", keys=f"current={key_id(1)}")
    files.put(secret(2))
    assert keyring.refresh()
    assert signer.key_id == key_id(2)


def test_each_other_failure_is_reported(files: KeyFiles) -> None:
    keyring = files.keyring()
    for content in ("", "changeme", "changeme", None):
        files.put(content)
        keyring.refresh()
    assert [event.reason for event in files.events] == [
        "keys_refused", "keys_refused", "keys_unavailable"
    ]  # fmt: skip


def test_a_key_of_another_environment_is_refused(files: KeyFiles) -> None:
    files.put("live_secret_" + secret(1))
    keyring = files.keyring()
    signer = Signer("cognito-flow", keyring, environment="live")
    files.put("sandbox_secret_" + secret(1))
    before = signer.key_id
    assert not keyring.refresh()
    assert signer.key_id == before
    assert "belongs to the environment 'sandbox'" in str(files.events[-1].hint)


def test_a_short_secret_may_follow_a_short_one(files: KeyFiles) -> None:
    files.put("short-but-issued-so-1")
    keyring = files.keyring()
    with pytest.warns(match="fewer than 32 bytes"):
        signer = Signer("stigg", keyring)
    files.put("short-but-issued-so-2")
    assert keyring.refresh()
    assert signer.key_id == keyring.current.key_id


def test_a_wrong_form_is_refused(files: KeyFiles) -> None:
    files.put("ab" * 32)
    keyring = files.keyring()
    signer, before = Signer("pylon", keyring), keyring.current.key_id
    files.put("not-hexadecimal-" * 4)
    assert not keyring.refresh()
    assert signer.key_id == keyring.current.key_id == before


def test_a_user_that_refuses_keeps_the_old_keys_in_all(files: KeyFiles) -> None:
    files.put("live_secret_" + secret(1))
    keyring = files.keyring()
    willing = Signer("stigg", keyring)
    unwilling = Signer("cognito-flow", keyring, environment="live")
    before = willing.key_id
    files.put(secret(2))
    files.put("sandbox_secret_" + secret(3))
    assert not keyring.refresh()
    assert willing.key_id == unwilling.key_id == keyring.current.key_id == before
    assert files.events[-1].scheme is None
    del unwilling
    assert keyring.refresh()
    assert willing.key_id == keyring.current.key_id != before


def test_a_defect_of_a_user_keeps_the_old_keys(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = files.keyring()
    signer, before = Signer("stigg", keyring), key_id(1)

    def fail(*given: object) -> None:
        raise RuntimeError(secret(2))

    monkeypatch.setattr("countermark.signing._signer.TokenMaker", fail)
    files.put(secret(2))
    assert not keyring.refresh()
    assert signer.key_id == before
    assert files.events == [Event("failed", "keys_refused", "stigg", error="RuntimeError")]


def test_in_the_background_a_file_must_be_read_twice_the_same(files: KeyFiles) -> None:
    """A file that is being written, or a set of files of which one is replaced, is not taken."""
    keyring = files.keyring()
    watch = keyring._watch
    for text in (secret(2)[:32], secret(2)[:33], secret(2)):
        files.put(text)
        watch.read_in_background()
        assert keyring.current.key_id == key_id(1)
    watch.read_in_background()
    assert keyring.current.key_id == key_id(2)
    files.put(None)  # as some editors do before they write
    watch.read_in_background()
    files.put(secret(2))
    watch.read_in_background()
    watch.read_in_background()
    assert [event.name for event in files.events] == ["rotated"]


def test_refresh_reads_until_two_reads_agree() -> None:
    reads = iter([secret(1), secret(2), secret(3), secret(3)])
    keyring = WatchedKeyring(lambda: next(reads), interval=9999)
    keyring._watch._source.is_file = True  # type: ignore[misc]
    assert keyring.refresh()
    assert keyring.current.key_id == key_id(3)
    assert next(reads, None) is None


def test_refresh_ends_although_the_source_never_rests() -> None:
    numbers = iter(range(1000))
    keyring = WatchedKeyring(lambda: secret(next(numbers)), interval=9999)
    keyring._watch._source.is_file = True  # type: ignore[misc]
    assert keyring.refresh()
    assert next(numbers) < 20


def test_a_link_that_is_swapped_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes points the link ..data to another folder, which has all files of the secret."""
    for number in (1, 2):
        folder = tmp_path / f"..{number}"
        folder.mkdir()
        (folder / "current").write_text(secret(number))
        if number == 2:
            (folder / "previous").write_text(secret(1))
    (tmp_path / "..data").symlink_to("..1")
    for role, file in {"": "current", "_PREVIOUS": "previous"}.items():
        (tmp_path / file).symlink_to(f"..data/{file}")
        monkeypatch.setenv(f"{NAME}{role}_FILE", str(tmp_path / file))
    keyring = WatchedKeyring(NAME)
    assert ids(keyring) == [("current", key_id(1))]
    (tmp_path / "..new").symlink_to("..2")
    os.replace(tmp_path / "..new", tmp_path / "..data")  # noqa: PTH105
    assert keyring.refresh()
    assert ids(keyring) == [("current", key_id(2)), ("previous", key_id(1))]


def test_an_environment_file_has_all_roles(tmp_path: Path, events: list[Event]) -> None:
    path = tmp_path / ".env"
    path.write_text(f"# keys\nexport {NAME}='{secret(1)}'\nOTHER=${{X}}\n{NAME}_NEXT=\n")
    keyring = WatchedKeyring(NAME, env_file=path, on_event=events.append)
    assert ids(keyring) == [("current", key_id(1))]
    path.write_text(f'{NAME}="{secret(2)}"\n{NAME}_PREVIOUS={secret(1)} # for a week\n')
    assert keyring.refresh()
    assert ids(keyring) == [("current", key_id(2)), ("previous", key_id(1))]
    path.write_text("OTHER=1\n")
    assert not keyring.refresh()
    path.unlink()
    assert not keyring.refresh()
    assert [event.reason for event in events] == ["current", "keys_refused", "keys_unavailable"]
    assert events[1].hint == f"{NAME} of the environment file is not set; set it to the secret"
    assert events[2].hint == "the environment file cannot be read"


def test_without_python_dotenv_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dotenv", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'countermark\[dotenv\]'"):
        WatchedKeyring(NAME, env_file=".env")


RETURNED: dict[str, Callable[[], Any]] = {
    "a keyring": lambda: Keyring(secret(2), previous=secret(1)),
    "a watched keyring": lambda: WatchedKeyring(lambda: Keyring(secret(2), previous=secret(1))),
    "secrets by role": lambda: {"current": secret(2), "previous": secret(1), "next": None},
    "several of a role": lambda: {"current": secret(2), "previous": [secret(1)]},
}


@pytest.mark.parametrize("returned", RETURNED)
def test_a_function_returns_a_keyring_or_secrets_by_role(returned: str) -> None:
    keyring = WatchedKeyring(RETURNED[returned])
    assert ids(keyring) == [("current", key_id(2)), ("previous", key_id(1))]


def test_a_function_may_return_the_current_secret_alone() -> None:
    assert ids(WatchedKeyring(lambda: secret(1))) == [("current", key_id(1))]


def test_a_function_that_fails_later_keeps_the_keys(events: list[Event]) -> None:
    answers: list[Any] = [secret(1)]

    def load() -> Any:
        if isinstance(answers[-1], Exception):
            raise answers[-1]
        return answers[-1]

    keyring = WatchedKeyring(load, on_event=events.append)
    for answer in (OSError(secret(2)), "", {"curent": secret(2)}, {}, None):
        answers.append(answer)
        assert not keyring.refresh()
    assert ids(keyring) == [("current", key_id(1))]
    assert events[0] == Event("failed", "keys_unavailable", error="OSError")
    assert "the role 'curent'" in str(events[2].hint)
    assert secret(2) not in repr(events)


def test_a_function_that_fails_at_the_start_raises_its_own_error() -> None:
    def load() -> str:
        raise ConnectionError("the secret manager is away")

    with pytest.raises(ConnectionError, match="is away"):
        WatchedKeyring(load)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([7], {}, "takes the name of an environment variable, or a function"),
        ([lambda: ""], {"env_file": ".env"}, "without env_file="),
        ([NAME], {"env_file": 7}, "env_file= must be the path"),
        ([NAME], {"interval": 0}, "interval= must be a number of seconds"),
        ([NAME], {"interval": True}, "interval= must be a number of seconds"),
        ([NAME], {"on_event": 7}, "on_event= must be a function"),
        (["GEHEIMNIS-Ä"], {}, "must be ASCII text"),
        (["UNSET_SECRET"], {}, "UNSET_SECRET is not set"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(
    files: KeyFiles, arguments: list[Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        WatchedKeyring(*arguments, **options)


def test_async_functions_are_refused() -> None:
    async def load() -> str:
        return secret(1)

    with pytest.raises(ConfigurationError, match="not async"):
        WatchedKeyring(load)  # type: ignore[arg-type]


def test_a_secret_and_a_file_for_it_are_refused(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, secret(1))
    with pytest.raises(InvalidKey, match="both the environment variable"):
        files.keyring()


def test_a_file_that_is_missing_at_the_start_is_an_error(files: KeyFiles) -> None:
    files.put(None)
    with pytest.raises(InvalidKey, match=r"cannot be read \(FileNotFoundError\)"):
        files.keyring()


def test_a_file_is_watched_in_the_background(files: KeyFiles) -> None:
    signer = Signer("stigg", files.keyring(interval=0.005))
    signer.sign("user-1")
    files.put(secret(2))
    wait_for(lambda: signer.key_id == key_id(2))


def test_a_function_is_called_in_a_thread_of_its_own() -> None:
    threads: list[str] = []

    def load() -> str:
        threads.append(threading.current_thread().name)
        return secret(len(threads))

    signer = Signer("stigg", WatchedKeyring(load, interval=0.005))
    signer.sign("user-1")
    wait_for(lambda: len(threads) > 2)
    assert threads[1] == "countermark-keys"


def test_signing_goes_on_if_no_thread_can_start_and_each_use_tries_again(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[Job] = []

    def refuse(job: Job) -> bool:
        refused.append(job)
        return False

    with monkeypatch.context() as patch:
        patch.setattr("countermark.keys._watch.Job.start", refuse)
        signer = Signer("stigg", files.keyring())
        for _ in range(2):
            assert signer.sign("user-1") == Signer("stigg", Keyring(secret(1))).sign("user-1")
    assert len(refused) == 2
    signer.sign("user-1")
    assert refused[0].started


def test_a_watch_starts_once(files: KeyFiles) -> None:
    watch = files.keyring()._watch
    watch.start()
    watch.start()
    assert watch.is_started
    assert watch._job.started


def test_watch_must_be_true_or_false() -> None:
    with pytest.raises(ConfigurationError, match="watch= must be True or False"):
        Signer.from_env("stigg", watch="yes")  # type: ignore[arg-type]


def test_a_hook_may_refresh(files: KeyFiles) -> None:
    found: list[bool] = []
    keyring: WatchedKeyring = files.keyring(on_event=lambda event: found.append(keyring.refresh()))
    files.put(secret(2))
    assert keyring.refresh()
    assert found == [True]

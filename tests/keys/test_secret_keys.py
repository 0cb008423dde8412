"""Secret keys and keyrings: invalid keys are refused, and no key is shown."""

from __future__ import annotations

import copy
import hashlib
import hmac
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from countermark import InvalidKey, Keyring, SecretKey

GOOD = "7b8f2f5c9d0e4a61b3c2d1e0f9a8b7c6"


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("", "is blank"),
        (" \t", "is blank"),
        (f"{GOOD}\n", "white space or a newline"),
        (f" {GOOD}", "white space or a newline"),
        (f"{GOOD}\r\n".encode(), "white space or a newline"),
        ("changeme", "placeholder"),
        ("CHANGE_ME_IN_PRODUCTION", "placeholder"),
        ("test-guest-secret-change-me", "placeholder"),
        ("your-secret-here", "placeholder"),
        ("<signing secret>", "placeholder"),
        ("${STIGG_SIGNING_SECRET}", "placeholder"),
        ("{{ secret }}", "placeholder"),
        ("xxxxxxxx", "placeholder"),
        ("my-secret-key", "placeholder"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", "PEM or SSH"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB user", "PEM or SSH"),
        ("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=", "PEM or SSH"),
        (f"{GOOD}\udc80", "not valid Unicode"),
        (f"\ufeff{GOOD}", "white space or a newline"),
        (f"{GOOD}\u200b", "white space or a newline"),
        (f"{GOOD}\n{GOOD}", "has several lines"),
        ("\0" * 40, "is blank"),
        (bytes(32), "is blank"),
        (None, "is of type NoneType"),
        (12345, "is of type int"),
    ],
)
def test_a_value_that_cannot_be_a_secret_is_refused(secret: object, problem: str) -> None:
    with pytest.raises(InvalidKey, match=problem) as caught:
        SecretKey(secret, name="STIGG_SIGNING_SECRET")  # type: ignore[arg-type]
    assert "STIGG_SIGNING_SECRET" in str(caught.value)
    assert caught.value.code == "invalid_key"


@pytest.mark.parametrize(
    "secret",
    [GOOD, GOOD.encode(), "gültiges-geheimnis-mit-umlauten-drin"],
    ids=["text", "bytes", "more than ASCII"],
)
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("times", [1, 3, 5])
def test_the_hash_states_compute_hmac(secret: str | bytes, algorithm: str, times: int) -> None:
    secret *= times  # up to and beyond the block of the hash
    inner, outer = SecretKey(secret).hmac_states(algorithm)
    inner.update(b"message")
    outer.update(inner.digest())
    key = secret.encode() if isinstance(secret, str) else secret
    assert outer.digest() == hmac.digest(key, b"message", getattr(hashlib, algorithm))


def test_binary_secrets_may_begin_and_end_with_any_byte() -> None:
    for secret in (b"\x0b" * 20, b"\xff" * 31 + b"\n", b" " + bytes(31)):
        assert SecretKey(secret).key_id
    for text in (b"", b"\n", b"changeme"):
        with pytest.raises(InvalidKey):
            SecretKey(text)


def test_a_key_is_not_shown() -> None:
    key = SecretKey(GOOD)
    ring = Keyring(key, previous=GOOD[::-1])
    for text in (repr(key), str(key), f"{key}", repr(ring), repr(vars(SecretKey))):
        assert GOOD not in text
        assert GOOD[::-1] not in text
    assert key.key_id in repr(ring)
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            act(key)


def test_different_keys_have_different_ids() -> None:
    assert SecretKey(GOOD).key_id == SecretKey(GOOD.encode()).key_id
    assert SecretKey(GOOD).key_id != SecretKey(GOOD + "x").key_id


def test_a_keyring_returns_its_keys_by_role() -> None:
    old = SecretKey("old" + GOOD, until=datetime(2026, 1, 1, tzinfo=UTC))
    older = SecretKey("older" + GOOD, until=1000.0)
    ring = Keyring(GOOD, previous=[old, older], next="next" + GOOD)
    assert [role for role, _ in ring.by_role()] == ["current", "next", "previous", "previous"]
    assert [key.until for _, key in ring.by_role()] == [None, None, 1767225600.0, 1000.0]


def test_an_expiry_without_a_time_zone_is_refused() -> None:
    with pytest.raises(InvalidKey, match="time zone"):
        SecretKey(GOOD, until=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidKey, match="an expiry of type str"):
        SecretKey(GOOD, until="2027-01-01")  # type: ignore[arg-type]
    for until in (float("nan"), float("inf"), -1, 1.8e12):
        with pytest.raises(InvalidKey, match="in seconds since the epoch"):
            SecretKey(GOOD, until=until)


def test_one_invalid_key_of_several_is_named_by_its_role() -> None:
    with pytest.raises(InvalidKey, match="a previous key is blank"):
        Keyring(GOOD, previous=[GOOD + "1", "", GOOD + "2"])
    with pytest.raises(InvalidKey, match="a next key is blank"):
        Keyring(GOOD, next="")
    bad: Any
    for bad in (None, 5, [None]):
        with pytest.raises(InvalidKey, match="a previous key is of type"):
            Keyring(GOOD, previous=bad)


class TestFromEnv:
    def test_reads_the_keys_of_all_roles(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("APP_SECRET", GOOD)
        monkeypatch.setenv("APP_SECRET_PREVIOUS", "old" + GOOD)
        monkeypatch.setenv("APP_SECRET_NEXT", "")
        ring = Keyring.from_env("APP_SECRET")
        assert ring.current.key_id == SecretKey(GOOD).key_id
        assert [key.key_id for key in ring.previous] == [SecretKey("old" + GOOD).key_id]
        assert ring.next == ()

    @pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
    def test_drops_one_newline_at_the_end_of_a_file(
        self, ending: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "secret").write_bytes((GOOD + ending).encode())
        monkeypatch.setenv("APP_SECRET_FILE", str(tmp_path / "secret"))
        monkeypatch.setenv("APP_SECRET_NEXT_FILE", str(tmp_path / "secret"))
        ring = Keyring.from_env("APP_SECRET")
        assert ring.current.key_id == ring.next[0].key_id == SecretKey(GOOD).key_id

    @pytest.mark.parametrize("content", [None, "", "\n"])
    @pytest.mark.parametrize("role", ["PREVIOUS", "NEXT"])
    def test_a_missing_or_empty_file_of_another_role_is_no_key(
        self, role: str, content: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        if content is not None:
            (tmp_path / "other").write_text(content)
        monkeypatch.setenv("APP_SECRET", GOOD)
        monkeypatch.setenv(f"APP_SECRET_{role}_FILE", str(tmp_path / "other"))
        assert [role for role, _ in Keyring.from_env("APP_SECRET").by_role()] == ["current"]

        (tmp_path / "other").write_text(" ")
        with pytest.raises(InvalidKey, match=f"file of APP_SECRET_{role}_FILE is blank"):
            Keyring.from_env("APP_SECRET")
        monkeypatch.setenv(f"APP_SECRET_{role}_FILE", str(tmp_path))
        with pytest.raises(InvalidKey, match=f"APP_SECRET_{role}_FILE cannot be read: Is a dir"):
            Keyring.from_env("APP_SECRET")

    def test_names_the_variable_and_not_the_value(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        with pytest.raises(InvalidKey, match="APP_SECRET is not set"):
            Keyring.from_env("APP_SECRET")

        (tmp_path / "secret").write_text(GOOD + "\n\n")
        monkeypatch.setenv("APP_SECRET_FILE", str(tmp_path / "secret"))
        with pytest.raises(InvalidKey, match="the file of APP_SECRET_FILE has white") as caught:
            Keyring.from_env("APP_SECRET")
        assert GOOD not in str(caught.value)

        monkeypatch.setenv("APP_SECRET", GOOD)
        with pytest.raises(
            InvalidKey, match="both the environment variable APP_SECRET and the same with _FILE"
        ):
            Keyring.from_env("APP_SECRET")

        monkeypatch.delenv("APP_SECRET")
        (tmp_path / "binary").write_bytes(b"\xff" * 32)
        monkeypatch.setenv("APP_SECRET_FILE", str(tmp_path / "binary"))
        with pytest.raises(InvalidKey, match="it is not UTF-8 text"):
            Keyring.from_env("APP_SECRET")

        monkeypatch.setenv("APP_SECRET_FILE", str(tmp_path / "missing"))
        with pytest.raises(InvalidKey, match="the file of APP_SECRET_FILE cannot be read: No such"):
            Keyring.from_env("APP_SECRET")

    def test_a_secret_in_place_of_a_name_is_not_repeated(self) -> None:
        for name in (GOOD, "live_secret_" + GOOD):
            with pytest.raises(InvalidKey, match="<not shown") as caught:
                Keyring.from_env(name)
            assert name not in str(caught.value)

    def test_an_invalid_previous_key_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("APP_SECRET", GOOD)
        monkeypatch.setenv("APP_SECRET_PREVIOUS", " ")
        with pytest.raises(InvalidKey, match="APP_SECRET_PREVIOUS is blank"):
            Keyring.from_env("APP_SECRET")

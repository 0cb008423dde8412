"""What makes an id fit to be signed."""

from __future__ import annotations

import copy
import enum
import pickle
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from countermark import InvalidPrincipal, Keyring, Principal, Signer

CONTROL = [chr(c) for c in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)]
REFERENCE = "3a409367-a417-4d46-9a92-3d7bc5dc4605"

# The text that Cognito signs for a webhook, with the same secret as references.
WEBHOOK = (
    "(request-target): post /webhook_receivers/flow\n"
    "date: Sat, 23 Jan 2021 21:43:14 GMT\n"
    "digest: SHA-256=xZI8wiAi5crBdZt7l10plN7Q8bScB6r/OV5PjxjKtTw="
)


class Plan(enum.StrEnum):
    TRIAL = "trial-1"


class Old(str, enum.Enum):  # noqa: UP042  # the older way prints its name
    TRIAL = "trial-1"


class Number(enum.IntEnum):
    ONE = 1


@pytest.fixture(params=["sign", "Principal"])
def accept(request: pytest.FixtureRequest, flow: Signer) -> Any:
    """Give an id to each way in."""
    return flow.sign if request.param == "sign" else Principal


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "principal_empty"),
        (True, "principal_type"),
        (False, "principal_type"),
        (1.0, "principal_type"),
        (b"user-1", "principal_type"),
        (bytearray(b"user-1"), "principal_type"),
        (["user-1"], "principal_type"),
        ("u" * 513, "principal_too_long"),
        ("é" * 513, "principal_too_long"),
        (10**512, "principal_too_long"),
        pytest.param(10**5000, "principal_too_long", id="more digits than Python prints"),
        (" user-1", "principal_outer_whitespace"),
        ("user-1 ", "principal_outer_whitespace"),
        ("user-1\u00a0", "principal_outer_whitespace"),
        ("\u3000user-1", "principal_outer_whitespace"),
        ("user-\ud800", "principal_surrogate"),
        ("\udfff", "principal_surrogate"),
        *[(f"user{character}1", "principal_control_character") for character in CONTROL],
    ],
)
def test_an_invalid_id_is_refused(accept: Any, value: object, code: str) -> None:
    with pytest.raises(InvalidPrincipal) as caught:
        accept(value)
    assert caught.value.code == code
    if value and isinstance(value, str):
        assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("user-1", "user-1"),
        ("u" * 512, "u" * 512),
        ("é" * 512, "é" * 512),
        ("用户", "用户"),
        ("e\u0301", "e\u0301"),
        ("two words", "two words"),
        (31, "31"),
        (-1, "-1"),
        (0, "0"),
        pytest.param(10**500, "1" + "0" * 500, id="a long number"),
        (UUID(REFERENCE), REFERENCE),
        (UUID(REFERENCE.upper()), REFERENCE),
        (Plan.TRIAL, "trial-1"),
        pytest.param(Old.TRIAL, "trial-1", id="an enumeration of the older kind"),
        pytest.param(Number.ONE, "1", id="an enumeration of numbers"),
    ],
)
def test_an_id_is_signed_as_its_exact_text(flow: Signer, value: Any, text: str) -> None:
    assert Principal(value).id == text
    assert flow.sign(value) == flow.sign(text)
    assert flow.issue(value).principal_id == text


def test_forms_of_unicode_are_different_ids(flow: Signer) -> None:
    assert flow.sign("é") != flow.sign("e\u0301")


def test_a_principal_is_a_value() -> None:
    principal = Principal(7, email="a@b.example", actor=UUID(REFERENCE))
    assert principal == Principal("7", email="a@b.example", actor=REFERENCE)
    assert hash(principal) == hash(Principal("7", email="a@b.example", actor=REFERENCE))
    assert (principal.id, principal.email, principal.actor) == ("7", "a@b.example", REFERENCE)
    with pytest.raises(AttributeError):
        principal.id = "8"
    with pytest.raises(InvalidPrincipal):
        Principal("7", actor="")
    with pytest.raises(InvalidPrincipal):
        Principal("7", email="a@b.example\n")


def test_a_principal_needs_an_id_an_address_or_a_phone_number() -> None:
    assert Principal(email="a@b.example").id is None
    assert Principal(email="a@b.example").label == "a@b.example"
    assert Principal(phone="+15550100").label == "+15550100"
    assert Principal(7, email="a@b.example").label == "7"
    for nothing in ({}, {"name": "Ann"}, {"actor": "staff-1"}, {"attributes": {"plan": "pro"}}):
        with pytest.raises(InvalidPrincipal, match="an id, an e-mail address or a phone") as caught:
            Principal(**nothing)
        assert caught.value.code == "principal_empty"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("email", "a.b.example", "principal_email"),
        ("email", "", "principal_empty"),
        ("email", "a@b\n", "principal_control_character"),
        ("phone", " 5", "principal_outer_whitespace"),
        ("phone", 5.0, "principal_type"),
        ("name", 5, "principal_type"),
        ("name", "n" * 513, "principal_too_long"),
        ("created", "2026-11-22", "principal_type"),
        ("created", True, "principal_type"),
        ("created", datetime(2026, 11, 22), "principal_type"),  # noqa: DTZ001
        ("created", float("nan"), "principal_type"),
        ("created", float("-inf"), "principal_type"),
        ("created", 1_700_000_000_000, "principal_type"),
        ("created", -5, "principal_type"),
        ("attributes", ["plan"], "principal_type"),
        ("attributes", {1: "pro"}, "principal_type"),
    ],
)
def test_invalid_further_values_are_refused(field: str, value: Any, code: str) -> None:
    with pytest.raises(InvalidPrincipal) as caught:
        Principal("user-1", **{field: value})
    assert caught.value.code == code


def test_a_name_is_cleaned_and_not_refused() -> None:
    assert Principal(1, name=" Ann\u00a0\n Lee\x00\ud800\u2028 ").name == "Ann Lee"
    assert Principal(1, name=" \n").name is None
    assert Principal(1, name="\x00 Ann \x00 Lee \ud800").name == "Ann Lee"
    assert Principal(1, name="\x00").name is None


def test_created_is_seconds() -> None:
    then = datetime(2026, 11, 22, tzinfo=UTC)
    assert Principal(1, created=then).created == then.timestamp()
    assert Principal(1, created=0).created == 0.0


def test_a_principal_can_be_copied_and_pickled_but_not_changed() -> None:
    plan = {"plan": "pro"}
    who = Principal(1, email="a@b.example", name="Ann", created=5, attributes=plan)
    plan["plan"] = "free"
    assert who.attributes == {"plan": "pro"}
    attributes: Any = who.attributes
    with pytest.raises(TypeError):
        attributes["plan"] = "free"
    with pytest.raises(AttributeError, match="cannot be changed"):
        del who.name
    for other in (copy.copy(who), copy.deepcopy(who), pickle.loads(pickle.dumps(who))):
        assert other == who
        assert hash(other) == hash(who)
    assert who != Principal(1, email="a@b.example", name="Ann", created=5)
    assert who != "1"


def test_the_signing_string_of_a_cognito_webhook_is_refused_as_an_id() -> None:
    signer = Signer("cognito-flow", Keyring("live_secret_" + "abcd1234" * 8))
    with pytest.raises(InvalidPrincipal) as caught:
        signer.sign(WEBHOOK)
    assert caught.value.code == "principal_control_character"


@pytest.mark.parametrize("value", [*WEBHOOK.split("\n"), "(request-target)", "date: now", "a: b"])
def test_a_line_of_that_signing_string_is_refused_as_an_id(flow: Signer, value: str) -> None:
    with pytest.raises(InvalidPrincipal) as caught:
        flow.sign(value)
    assert caught.value.code == "principal_pattern"


@pytest.mark.parametrize("value", ["é", "用户", "user-\u200b"])
def test_stigg_refuses_ids_that_browsers_cannot_put_into_a_header(
    stigg: Signer, value: str
) -> None:
    with pytest.raises(InvalidPrincipal, match="stigg: the id is refused: it is not ASCII"):
        stigg.sign(value)


@pytest.mark.parametrize("value", ["", "u" * 513, "a" * 10_000], ids=["empty", "513", "10,000"])
def test_lengths_are_checked_for_every_form_of_token(stigg: Signer, value: str) -> None:
    with pytest.raises(InvalidPrincipal):
        stigg.sign(value)


@pytest.mark.parametrize("value", ["org:42", "a b", "a/b?c#d", "~!$%^&*()[]{}<>|\\'\"`,;="])
def test_stigg_accepts_all_visible_ascii(stigg: Signer, value: str) -> None:
    assert stigg.sign(value).startswith(f"HMAC-SHA256 {value}:")


def test_id_pattern_refuses_other_ids(secret: str) -> None:
    signer = Signer("stigg", Keyring(secret), id_pattern="user-[0-9]+")
    assert signer.sign("user-1") == Signer("stigg", Keyring(secret)).sign("user-1")
    for value in ("user-1x", "xuser-1", "user-", "user-１"):
        with pytest.raises(InvalidPrincipal) as caught:
            signer.sign(value)
        assert caught.value.code == "principal_pattern"

"""Schemes under which two principals could get the same signature are refused."""

from __future__ import annotations

import pytest

from countermark import InvalidScheme, Scheme
from tests.schemes.mappings import SMALLEST, TOKEN, changed, with_payload


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{email}{id}", "nothing separates {email} from {id}"),
        ("{id}:{email}", "nothing separates {id} from {email}"),
        ("{id}{settings.app}{email}", "nothing separates {id} from {email}"),
        ("{id|email}", "id and email can be the same text"),
        ("{id|phone}", "id and phone can be the same text"),
        ("{email|phone|id}", "email and phone can be the same text"),
        ("{id}-{org}-{email}", "nothing separates {id} from {org}"),
        ("{id}{now:s}{email}", "nothing separates {id} from {now:s}"),
        ("{id}{number}", "nothing separates {id} from {number}"),
    ],
)
def test_a_scheme_that_can_sign_two_principals_alike_is_refused(message: str, reason: str) -> None:
    data = changed(SMALLEST, "mac.message", message) | {
        "values": {"org": {}, "number": {"kind": "integer"}},
        "settings": {"app": {"variable": "APP"}},
    }
    with pytest.raises(InvalidScheme, match="two principals could get the same") as caught:
        Scheme.from_mapping(data)
    assert reason in str(caught.value)
    scheme = Scheme.from_mapping(data | {"ambiguous": True})
    assert reason in scheme.ambiguous


@pytest.mark.parametrize("value", ["{id}{email}", "{id|phone}", "{id}:{email}"])
def test_ambiguity_in_claims_and_payloads_is_detected(value: str) -> None:
    token = changed(TOKEN, "jwt.claims.sub", value)
    message = changed(with_payload({"who": value}), "mac.message", "{payload}")
    query = changed(message, "payload.format", "query")
    for data in (token, message, query):
        with pytest.raises(InvalidScheme, match="two principals could get the same"):
            Scheme.from_mapping(data)
        assert Scheme.from_mapping(data | {"ambiguous": True}).ambiguous
    unsigned = changed(message, "mac.message", "{id}")
    assert not Scheme.from_mapping(unsigned).ambiguous


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("{id}", "{org}", False),
        ("a:{id}", "b:{org}", True),
        ("a:{id}", "{org}", False),
        ("a:{id}", "{brace}", False),
        ("{{id}", "{brace}", None),
        ("{brace}", "{tree:json}", True),
        ("{tree:canonical-json}", "{brace}", True),
        ("{brace|org}", "{tree:json}", None),
        ("{id}", "{tree:json}", False),
        ("{tree:json}", "{items:json}", True),
        ("{tree:json}", "{id:json}", True),
        ("{tree:json}", "{tree:canonical-json}", False),
        ("{brace:url}", "{tree:json}", False),
    ],
)
def test_messages_of_the_same_key_must_begin_differently(
    one: str, other: str, *, apart: bool
) -> None:
    values = {
        "org": {},
        "brace": {"refuse_prefixes": ["{"]},
        "tree": {"kind": "object"},
        "items": {"kind": "list"},
    }
    data = changed(SMALLEST, "mac.message", one) | {"values": values, "macs": {"other": other}}
    if apart:
        assert not Scheme.from_mapping(data).ambiguous
        return
    with pytest.raises(InvalidScheme):
        Scheme.from_mapping(data)
    if apart is False:
        scheme = Scheme.from_mapping(data | {"ambiguous": True})
        assert scheme.ambiguous == f"{one!r} and {other!r} can be the same text"


def test_the_time_of_sign_up_has_no_fixed_length() -> None:
    assert not Scheme.from_mapping(changed(SMALLEST, "mac.message", "{id}-{created:s}")).ambiguous
    with pytest.raises(InvalidScheme, match="nothing separates"):
        Scheme.from_mapping(changed(SMALLEST, "mac.message", "{id}{created:s}"))
    with pytest.raises(InvalidScheme, match="nothing separates"):
        Scheme.from_mapping(changed(SMALLEST, "mac.message", "{id}-{created:iso}"))


def test_a_lower_case_id_or_address_is_ambiguous_unless_the_id_is_signed_too() -> None:
    with pytest.raises(InvalidScheme, match=r"\{id\} is put into lower case"):
        Scheme.from_mapping(changed(SMALLEST, "values.id.lower", True))
    data = changed(SMALLEST, "values.email.lower", True)
    with pytest.raises(InvalidScheme, match=r"\{email\} is put into lower case"):
        Scheme.from_mapping(changed(data, "mac.message", "{email}"))
    assert not Scheme.from_mapping(changed(data, "mac.message", "{id}\n{email}")).ambiguous


@pytest.mark.parametrize(
    "message",
    [
        "{id}\n{email}",
        "{id}{now:s}",
        "{now:iso}{id}",
        "{id}-{expires:ms}-{now:s}",
        "{email}:{id}",
        "a{id}",
        "{uuid}\n{id}\n",
        "{id:json}\n{email:json}",
        "{id:url} {email:url}",
        "{email|id}",
    ],
)
def test_a_text_that_can_be_split_into_its_values_is_not_ambiguous(message: str) -> None:
    data = changed(SMALLEST, "mac.message", message)
    data |= {"values": {"email": {"refuse_containing": [":"]}, "id": {"refuse_containing": ["@"]}}}
    if "expires" in message:
        data["lifetime"] = 60
    assert not Scheme.from_mapping(data).ambiguous
    with pytest.raises(InvalidScheme, match="ambiguous = true, but the scheme is not"):
        Scheme.from_mapping(data | {"ambiguous": True})


def test_ambiguity_in_the_text_of_a_payload_is_detected() -> None:
    payload = {"format": "text", "encoding": "base64", "content": "{id}{email}"}
    data = changed(SMALLEST, "mac.message", "{payload}") | {"payload": payload}
    with pytest.raises(InvalidScheme, match=r"nothing separates \{id\} from"):
        Scheme.from_mapping(data)
    payload["content"] = "{id}"
    assert Scheme.from_mapping(data).payload
    bare = data | {"payload": payload | {"encoding": "none"}}
    assert Scheme.from_mapping(changed(bare, "mac.message", "{now:s}{payload}")).payload
    with pytest.raises(InvalidScheme, match=r"separates \{payload\} from \{email\}"):
        Scheme.from_mapping(changed(bare, "mac.message", "{payload}.{email}"))
    encoded = changed(data, "mac.message", "{payload}.{email}")
    assert not Scheme.from_mapping(encoded).ambiguous

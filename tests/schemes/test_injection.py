"""Ids that would change the rule in which a vendor finds them, and what is refused for that."""

from __future__ import annotations

import base64
import json

import jwt
import pytest

from countermark import InvalidPrincipal, Principal, Scheme
from countermark.schemes import scheme_slugs
from countermark.webhooks import WebhookScheme
from countermark.webhooks._scheme import webhook_scheme_slugs
from tests.samples import signer_of

#: Each scheme that puts an id into the language of a filter, a topic or a pattern, and ids that
#: would open what belongs to others.
CHANGING = {
    "algolia": [
        'ann" OR visible_by:"ben',
        "ann OR visible_by:ben",
        '"',
        "'ann'",
        "group/finance",
        "-ann",
        "Ann",  # the vendor compares without regard to case
        "änn",
        "a" * 65,
    ],
    "typesense": [
        "ann || user_id:!=ann",
        "ann&&x:=1",
        "[ann,ben]",
        "`ann`",
        "ann*",
        ">0",
        "!=ann",
        "-ann",
        "ann,ben",
        "a.nn",  # the vendor leaves out most punctuation
        "Ann",
    ],
    "mercure": ["*", "ann/../ben", "..", ".", ":id", "{ann,ben}", "ann?", "(.*)", "a%2Fb", "a/b"],
    "mercure-0": ["{id}", "{+id}", "ann{/x}", "*", "ann/private", "a%2Fb", "ann?"],
    "synapse-jwt": [
        "Ann",
        "ann:evil.example",
        "@ann",
        "a b",
        "änn",
        "ann#1",
        "42",  # a guest
        "_irc_ann",  # a user of a bridge
        "_",
    ],
    "emqx": ["+", "#", "ann/#", "ann/+/x", "${username}", "$SYS", "a/b", ""],
}


@pytest.mark.parametrize(
    ("slug", "id"), [(slug, id) for slug, ids in CHANGING.items() for id in ids]
)
def test_an_id_cannot_change_the_rule_that_it_is_put_into(slug: str, id: str) -> None:
    with pytest.raises(InvalidPrincipal):
        signer_of(slug).sign(id)


def test_a_room_that_stands_for_all_rooms_is_refused() -> None:
    for room in ("*", "room-*"):
        with pytest.raises(InvalidPrincipal, match="the attribute room is refused"):
            signer_of("jitsi").sign(Principal("ann", attributes={"room": room}))


@pytest.mark.parametrize("role", ["moderator", "VIEWER&role=MODERATOR", ""])
def test_a_role_that_bigbluebutton_does_not_know_is_refused(role: str) -> None:
    attributes = {"room": "room-1", "bbb_role": role}
    with pytest.raises(InvalidPrincipal, match="the attribute bbb_role"):
        signer_of("bigbluebutton").sign(Principal("ann", name="Ann", attributes=attributes))


#: Ids that have a meaning of their own at a vendor, or that it refuses.
SPECIAL = {
    "ably": ["*", "ann*"],
    "ably-jwt": ["*", "ann*"],
    "grafana-jwt": ["admin", "Admin"],
    "twilio-voice": ["ann lee", "ann%2F", "<ann>", "a\\n", "[ann]", "`ann`", "a" * 257],
}


@pytest.mark.parametrize(
    ("slug", "id"), [(slug, id) for slug, ids in SPECIAL.items() for id in ids]
)
def test_an_id_with_a_special_meaning_is_refused(slug: str, id: str) -> None:
    with pytest.raises(InvalidPrincipal):
        signer_of(slug).sign(id)


def test_an_id_that_only_begins_like_the_administrator_is_signed() -> None:
    assert signer_of("grafana-jwt").sign("administrator-7")


@pytest.mark.parametrize("slug", [*CHANGING, *SPECIAL])
@pytest.mark.parametrize("id", ["42_", "user_1", "3a409367-a417-4d46-9a92-3d7bc5dc4605"])
def test_usual_ids_are_signed(slug: str, id: str) -> None:
    assert signer_of(slug).sign(id)


@pytest.mark.parametrize("slug", sorted(CHANGING.keys() - {"synapse-jwt"}))
def test_an_id_of_digits_alone_is_signed(slug: str) -> None:
    assert signer_of(slug).sign("42")


#: Ids that the vendor would take for another user, in schemes that sign an address or a name too.
PASSING_FOR_ANOTHER = {
    "coral": ["moderator@a.example"],  # the vendor looks it up among accounts with a password
    "friendbuy": ["user-2:x"],  # the vendor may end the id at the colon
    "gosquared": ["ben@a.example", "email:ben@a.example"],  # the vendor may compare the address
}


@pytest.mark.parametrize(
    ("slug", "id"), [(slug, id) for slug, ids in PASSING_FOR_ANOTHER.items() for id in ids]
)
def test_an_id_cannot_pass_for_another_user(slug: str, id: str) -> None:
    with pytest.raises(InvalidPrincipal, match="the id is refused"):
        signer_of(slug).sign(Principal(id, email="ann@a.example", name="Ann"))


UUIDS = "e0409367-a417-4d46-9a92-3d7bc5dc4605.CD409367-A417-4D46-9A92-3D7BC5DC4605"
JWT_PARTS = jwt.encode({"sub": "ben", "iss": "the-project_id"}, "k" * 32).rpartition(".")[0]


@pytest.mark.parametrize(
    ("slug", "id"),
    [
        ("talkjs-signature", JWT_PARTS),
        ("talkjs-signature", '1800000000250.{"type":"message.sent"}'),
        ("talkjs-signature", '1800000000250. {"type":"message.sent"}'),
        ("userjot", JWT_PARTS),
        ("posthog", JWT_PARTS),
        ("novu", '1800000000250.{"action":"execute"}'),
    ],
)
def test_an_id_cannot_be_another_message_that_the_same_key_signs(slug: str, id: str) -> None:
    with pytest.raises(InvalidPrincipal, match="the id is refused"):
        signer_of(slug).sign(id)


@pytest.mark.parametrize("slug", ["talkjs-signature", "userjot", "posthog"])
@pytest.mark.parametrize(
    "id", ["42", "4.2", "ann.lee", "christopher.long-name@mail.example", UUIDS]
)
def test_an_id_with_a_dot_is_signed(slug: str, id: str) -> None:
    assert signer_of(slug).sign(id)


@pytest.mark.parametrize("agent", ['{"tenant":"acme"}', '1800000000250.{"action":"execute"}'])
def test_an_agent_cannot_be_another_message_that_the_same_key_signs(agent: str) -> None:
    with pytest.raises(InvalidPrincipal, match="the attribute agent is refused"):
        signer_of("novu-agent").sign(Principal("ann", attributes={"agent": agent}))


def test_a_name_cannot_put_its_user_into_a_group_of_the_editor() -> None:
    attributes = {"document": {"key": "k"}, "mode": "view"}
    person = Principal("ann", name="Group2\u00a0Ann", attributes=attributes)
    token = signer_of("onlyoffice").sign(person)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["editorConfig"]["user"]["name"] == "Group2 Ann"


@pytest.mark.parametrize(
    ("slug", "attribute", "roles"),
    [
        ("coral", "coral_role", ["admin", "OWNER", "ADMIN ", ""]),
        ("prismatic", "prismatic_role", ["Admin", "owner", ""]),
    ],
)
def test_a_role_that_the_vendor_does_not_know_is_refused(
    slug: str, attribute: str, roles: list[str]
) -> None:
    for role in roles:
        attributes = {"customer_id": "cus_1", attribute: role}
        person = Principal("ann", email="ann@a.example", name="Ann", attributes=attributes)
        with pytest.raises(InvalidPrincipal, match=f"the attribute {attribute}"):
            signer_of(slug).sign(person)


#: What the vendor signs in a webhook, by the scheme that signs bare ids with the same key.
PASSING_FOR_A_WEBHOOK = {
    "castle": '{"type":"$incident.confirmed"}',
    "cognito-flow": "(request-target): post /hooks",
    "novu": '1800000000000.{"payload":{}}',
}


@pytest.mark.parametrize(("slug", "signed"), PASSING_FOR_A_WEBHOOK.items())
def test_an_id_cannot_pass_for_a_webhook(slug: str, signed: str) -> None:
    with pytest.raises(InvalidPrincipal):
        signer_of(slug).sign(signed)


def test_an_id_cannot_pass_for_a_request_if_contexts_are_never_signed() -> None:
    with pytest.raises(InvalidPrincipal, match="does not match the pattern"):
        signer_of("novu", never_signed=["context"]).sign(PASSING_FOR_A_WEBHOOK["novu"])


OF_IDS = [
    scheme
    for scheme in map(Scheme.load, scheme_slugs())
    if scheme.mac and str(scheme.mac.message) in {"{id}", "{id|email}"}
]


def test_each_scheme_of_ids_whose_key_signs_webhooks_is_tested() -> None:
    keys = {WebhookScheme.load(slug).secret.variable for slug in webhook_scheme_slugs()}
    found = {scheme.slug for scheme in OF_IDS if scheme.variable in keys}
    assert found == set(PASSING_FOR_A_WEBHOOK)


def test_no_id_passes_for_a_json_web_token_of_the_same_key() -> None:
    """The code of such an id would be the signature of a token for any user."""
    keys = {scheme.variable for scheme in map(Scheme.load, scheme_slugs()) if scheme.jwt}
    found = [scheme.slug for scheme in OF_IDS if scheme.variable in keys]
    assert len(found) == 5
    for slug in found:
        with pytest.raises(InvalidPrincipal, match="the id is refused"):
            signer_of(slug).sign(JWT_PARTS)


@pytest.mark.parametrize("slug", ["coral", "prismatic"])
def test_the_role_in_your_application_is_not_the_role_at_the_vendor(slug: str) -> None:
    attributes = {"customer_id": "cus_1", "role": "ADMIN", "prismatic_role": "user"}
    person = Principal("ann", email="ann@a.example", name="Ann", attributes=attributes)
    token = signer_of(slug).sign(person)
    assert "ADMIN" not in str(jwt.decode(token, options={"verify_signature": False}))


def test_a_user_without_a_role_does_not_become_an_administrator_at_the_vendor() -> None:
    person = Principal("ann", name="Ann", attributes={"customer_id": "cus_1"})
    with pytest.raises(InvalidPrincipal, match="prismatic_role"):
        signer_of("prismatic").sign(person)


def test_an_address_that_would_join_an_affiliate_program_is_refused() -> None:
    person = Principal("ann", email="ann@a.example:AFFILIATE_JOIN")
    with pytest.raises(InvalidPrincipal, match="the email"):
        signer_of("growsurf").sign(person)


def test_an_administrator_of_your_application_does_not_become_one_of_the_comments() -> None:
    attributes = {"admin": True, "moderator": True, "groups": ["board"]}
    person = Principal("ann", email="ann@a.example", name="Ann", attributes=attributes)
    user = signer_of("fastcomments").issue(person).fields["userDataJSONBase64"]
    assert set(json.loads(base64.b64decode(user))) == {"id", "email", "username"}

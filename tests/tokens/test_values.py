"""Values of principals that schemes sign: attributes, addresses and ids."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import (
    InvalidPrincipal,
    Keyring,
    Principal,
    Scheme,
    Signer,
)
from tests.samples import ANN, SECRET, signer_of

RING = Keyring(SECRET)
NO_TIMES: Any = {"verify_exp": False, "verify_iat": False}


class TestAttributes:
    @pytest.mark.parametrize(
        ("slug", "name", "value"),
        [
            ("sleekplan", "sleekplan_weight", "3"),
            ("sleekplan", "sleekplan_weight", True),
            ("sleekplan", "meta", [1]),
            ("featurebase-jwt", "companies", {"id": 1}),
            ("launchdarkly", "context", "org:acme"),
        ],
    )
    def test_attributes_of_another_kind_are_refused(self, slug: str, name: str, value: Any) -> None:
        attributes = {**ANN.attributes, name: value}
        who = Principal("u", email="a@b.example", attributes=attributes)
        with pytest.raises(InvalidPrincipal, match=f"{slug}: the attribute {name} must be") as e:
            signer_of(slug).sign(who)
        assert e.value.code == "principal_field"

    def test_text_attributes_are_checked_like_ids(self) -> None:
        signer = signer_of("churnkey")
        for value, code in {
            "cus\n1": "principal_control_character",
            "": "principal_empty",
            " cus": "principal_outer_whitespace",
        }.items():
            with pytest.raises(InvalidPrincipal, match="churnkey: the attribute customer_id") as e:
                signer.sign(Principal("u", attributes={"customer_id": value}))
            assert e.value.code == code
        assert signer.sign(Principal("u", attributes={"customer_id": 7})) == signer.sign(
            Principal("v", attributes={"customer_id": "7"})
        )

    @pytest.mark.parametrize(
        "context",
        [
            {},
            {"kind": "org"},
            {"kind": "org", "key": ""},
            {"kind": "multi"},
            {"kind": "multi", "org": "acme"},
            {"kind": "multi", "org": {"key": "a"}, "user": {}},
            {"kind": "multi", "org": {"key": "a"}, "multi": {"key": "b"}},
            {"kind": "multi", "org": {"key": "a"}, 1: {"key": "b"}},
            {"kind": "", "key": "a"},
            {"kind": "kind", "key": "a"},
            {"kind": "org:a:user", "key": "b"},
            {"kind": "örg", "key": "b"},
            {"kind": 5, "key": "a"},
        ],
    )
    def test_a_context_without_a_kind_and_a_key_is_refused(self, context: Any) -> None:
        with pytest.raises(InvalidPrincipal, match="a context of LaunchDarkly must be") as caught:
            signer_of("launchdarkly").sign(Principal("u", attributes={"context": context}))
        assert caught.value.code == "principal_field"

    @pytest.mark.parametrize(
        "context", [{"kind": "user", "key": "a:b"}, {"kind": "multi", "user": {"key": "u"}}]
    )
    def test_a_launchdarkly_context_of_kind_user_is_refused(self, context: Any) -> None:
        with pytest.raises(InvalidPrincipal, match="launchdarkly: a context that is a user"):
            signer_of("launchdarkly").sign(Principal("u", attributes={"context": context}))

    @pytest.mark.parametrize("value", [1.5, {"a": object()}, [2.5], 2**53, {1: 2}, {None: 1}])
    def test_canonical_json_refuses_fractions_and_other_types(self, value: Any) -> None:
        who = Principal("u", attributes={"context": {"a": value}})
        with pytest.raises(InvalidPrincipal, match="novu: canonical JSON cannot hold"):
            signer_of("novu").issue(who)

    def test_a_lone_surrogate_is_refused_in_keys_and_values(self) -> None:
        for context in ({"a": "\ud800"}, {"\ud800": 1}):
            with pytest.raises(InvalidPrincipal) as caught:
                signer_of("novu").issue(Principal("u", attributes={"context": context}))
            assert caught.value.code == "principal_surrogate"

    def test_an_endless_structure_is_refused(self) -> None:
        tree: dict[str, Any] = {}
        tree["again"] = tree
        for slug, name in {"novu": "context", "metabase-static": "params"}.items():
            who = Principal("u", attributes={**ANN.attributes, name: tree})
            with pytest.raises(InvalidPrincipal) as caught:
                signer_of(slug).issue(who)
            assert caught.value.code == "principal_field"
            assert caught.value.__context__ is None

    def test_each_principal_gets_a_copy_of_the_default(self) -> None:
        data = {
            "slug": "own",
            "values": {"groups": {"kind": "list", "default": []}},
            "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
            "fields": {"groups": "{groups}"},
        }
        signer = Signer(Scheme.from_mapping(data), RING)
        signer.issue("mallory").fields["groups"].append("admins")
        assert signer.issue("user-1").fields == {"groups": []}

    def test_a_channel_has_the_form_of_pusher(self) -> None:
        for channel in ("private a", "private/a", "p" * 201, "é"):
            attributes = {"socket_id": "1.2", "channel": channel}
            with pytest.raises(InvalidPrincipal, match="pusher: the attribute channel is refused"):
                signer_of("pusher").sign(Principal("u", attributes=attributes))

    @pytest.mark.parametrize(
        ("slug", "id"), [("smile-io", "a:b"), ("pusher-beams", "u" * 165), ("pusher-user", "a b")]
    )
    def test_an_id_that_the_vendor_refuses_is_not_signed(self, slug: str, id: str) -> None:
        with pytest.raises(InvalidPrincipal, match=f"{slug}: the id is refused"):
            signer_of(slug).sign(Principal(id, attributes=ANN.attributes))
        good = id[:1] * (164 if slug == "pusher-beams" else 1)
        assert signer_of(slug).sign(Principal(good, attributes=ANN.attributes))

    @pytest.mark.parametrize("id", ["sub:1", "sub.1", "sub 1"])
    def test_a_subscription_id_with_a_separator_is_refused(self, id: str) -> None:
        with pytest.raises(InvalidPrincipal, match="unchurn: the attribute subscription_id is"):
            signer_of("unchurn").sign(Principal("u", attributes={"subscription_id": id}))

    def test_an_invalid_socket_id_of_pusher_is_refused(self) -> None:
        for socket in ("1234", "1:2", "a.b", "1.2:3"):
            who = Principal("u", attributes={"socket_id": socket, "channel": "private-a"})
            with pytest.raises(InvalidPrincipal) as caught:
                signer_of("pusher").sign(who)
            assert caught.value.code == "principal_pattern"


@pytest.mark.parametrize("slug", ["customerly", "refgrow", "ensoras", "rogeriq", "supportwire"])
@pytest.mark.parametrize("sign", ["\u212a", "\u0130", "\u212b", "\u1e9e"])
def test_an_address_that_lower_case_turns_into_another_is_refused(slug: str, sign: str) -> None:
    """The Kelvin sign, the dotted capital I, the Angstrom sign and the capital sharp s."""
    who = Principal(email=f"{sign}im@b.example")
    with pytest.raises(InvalidPrincipal, match="in lower case it could be another user") as caught:
        signer_of(slug).sign(who)
    assert caught.value.code == "principal_pattern"
    assert signer_of(slug).sign(Principal(email="É.Øß@b.example")) == signer_of(slug).sign(
        Principal(email="é.øß@b.example")
    )


def test_long_settings_can_make_a_token_too_long_for_a_header() -> None:
    data = {
        "slug": "own",
        "settings": {"x": {"variable": "X"}},
        "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
        "token": {"template": "{settings.x}{settings.x}{settings.x}{mac}", "header": "X-Own"},
    }
    scheme = Scheme.from_mapping(data)
    assert Signer(scheme, RING, settings={"x": "y" * 400})._header_safe
    assert not Signer(scheme, RING, settings={"x": "y" * 500})._header_safe


def test_the_id_in_a_token_is_the_one_that_was_signed() -> None:
    mac = {"algorithm": "sha256", "message": "{email}", "encoding": "hex"}
    data = {"slug": "own", "mac": mac, "token": {"template": "{id}:{mac}"}}
    signer = Signer(Scheme.from_mapping(data), RING)
    who = Principal("user-1", email="a@b.example")
    assert signer.sign(who).startswith("user-1:")
    escaped = {"slug": "own", "mac": mac | {"message": "{id:url}"}}
    plain = Signer(Scheme.from_mapping({"slug": "own", "mac": mac | {"message": "{id}"}}), RING)
    assert Signer(Scheme.from_mapping(escaped), RING).sign("a b") == plain.sign("a%20b")

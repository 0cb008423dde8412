"""An account that never signs one kind of value has ids without the rule that keeps them apart."""

from __future__ import annotations

import hashlib
import hmac
import warnings
from base64 import b64decode
from typing import Any

import pytest

from countermark import (
    BadToken,
    ConfigurationError,
    InvalidPrincipal,
    InvalidScheme,
    Keyring,
    Principal,
    Scheme,
    Signer,
    Verifier,
)
from countermark.schemes import scheme_slugs
from countermark.schemes._never_signed import liftable, without_values
from tests.samples import SECRET

# Each scheme with a rule that its vendor does not have, the value that is never signed, and an
# id that the rule refuses.
LIFTED = [
    ("launchdarkly", "context", "org:acme"),
    ("novu", "context", '{"id":1}'),
    ("intercom-hmac", "email", "ann@a.example"),
    ("featurebase-hmac", "email", "ann@a.example"),
    ("magicbell-hmac", "email", "ann@a.example"),
]


def hexed(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(("slug", "never", "id"), LIFTED)
def test_an_id_without_the_rule_is_signed_like_the_vendor_signs_it(
    slug: str, never: str, id: str
) -> None:
    keyring = Keyring(SECRET)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # magicbell-hmac is ambiguous for others
        with pytest.raises(InvalidPrincipal, match=rf"pass never_signed=\['{never}'\]"):
            Signer(slug, keyring).sign(id)
    signer = Signer(slug, keyring, never_signed=[never])  # warns no more
    assert signer.sign(id) == signer.issue(id).token
    in_base64 = slug == "magicbell-hmac"
    token = signer.sign(id)
    assert (b64decode(token).hex() if in_base64 else token) == hexed(id)
    verifier = Verifier(slug, keyring, never_signed=never)
    assert verifier.verify(signer.sign(id), id).principal_id == id
    with pytest.raises(BadToken):
        Verifier(slug, keyring, never_signed=never).verify(signer.sign(id), id + "x")


def test_every_rule_that_is_stricter_than_the_vendor_can_be_lifted() -> None:
    found = {
        (slug, name, rule.apart_from)
        for slug in scheme_slugs()
        for name, rule in Scheme.load(slug).values.items()
        if rule.apart_from
    }
    assert {(slug, *others) for slug, _, others in found} >= {
        (slug, one) for slug, one, _ in LIFTED
    }
    for slug, name, others in found:
        rule = without_values(Scheme.load(slug), others).rule(name)
        assert (rule.refuse_prefixes, rule.refuse_containing, rule.apart_from) == ((), (), ())


@pytest.mark.parametrize("id", ["ann@a.example", "+15550199"])
def test_a_rule_against_two_kinds_of_values_is_lifted_by_naming_both(id: str) -> None:
    both = ["email", "phone"]
    for never in ([], ["email"], ["phone"]):
        with pytest.raises(InvalidPrincipal, match=r"pass never_signed=\['email', 'phone'\]"):
            Signer("onesignal-hash", Keyring(SECRET), never_signed=never).sign(id)
    assert Signer("onesignal-hash", Keyring(SECRET), never_signed=both).sign(id) == hexed(id)


@pytest.mark.parametrize("slug", ["launchdarkly", "novu"])
def test_a_principal_with_the_excluded_attribute_is_refused(slug: str) -> None:
    signer = Signer(slug, Keyring(SECRET), never_signed=["context"])
    who = Principal("user-1", attributes={"context": {"kind": "org", "key": "acme"}})
    for sign in (signer.sign, signer.issue):
        with pytest.raises(InvalidPrincipal, match=r"context, which never_signed= excludes"):
            sign(who)


def test_an_excluded_address_is_not_signed_instead_of_the_id() -> None:
    signer = Signer("intercom-hmac", Keyring(SECRET), never_signed=["email"])
    assert signer.sign(Principal("user-1", email="a@b.example")) == hexed("user-1")
    with pytest.raises(InvalidPrincipal, match="it needs the principal's id"):
        signer.sign(Principal(email="a@b.example"))


@pytest.mark.parametrize(
    ("slug", "never", "message"),
    [
        ("stigg", ["email"], r"depends on .* in never_signed=.*the names are: none"),
        ("launchdarkly", ["contexts"], r"depends on 'contexts' in.*the names are: context, id"),
        ("launchdarkly", [7], "the names are: context, id"),
        ("launchdarkly", ["id", "context"], "leaves nothing to sign"),
        ("launchdarkly", 7, "must be a list of names"),
    ],
)
def test_other_names_are_refused(slug: str, never: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Signer(slug, Keyring(SECRET), never_signed=never)
    with pytest.raises(ConfigurationError, match=message):
        Verifier(slug, Keyring(SECRET), never_signed=never)


def test_an_empty_never_signed_changes_nothing() -> None:
    never: Any
    for never in ((), []):
        assert Signer("stigg", Keyring(SECRET), never_signed=never).sign("a")
    assert liftable(Scheme.load("stigg")) == set()


def test_from_env_accepts_never_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAUNCHDARKLY_SDK_KEY", SECRET)
    token = Signer.from_env("launchdarkly", never_signed=["context"]).sign("org:acme")
    verifier = Verifier.from_env("launchdarkly", never_signed=["context"])
    assert verifier.verify(token, "org:acme").principal_id == "org:acme"


@pytest.mark.parametrize("form", ["json", "jwt"])
def test_alternatives_are_dropped_wherever_they_are_signed(form: str) -> None:
    signed = {"who": "{id|email}", "list": ["{id|email}", 1]}
    data: dict[str, Any] = {
        "slug": "acme",
        "values": {"id": {"refuse_containing": ["@"], "apart_from": ["email"]}},
    }
    if form == "jwt":
        data["jwt"] = {"algorithm": "HS256", "claims": signed}
    else:
        data["payload"] = {"format": "json", "encoding": "base64", "content": signed}
        data["mac"] = {"algorithm": "sha256", "encoding": "hex", "message": "{payload}"}
    scheme = Scheme.from_mapping(data)
    signer = Signer(scheme, Keyring(SECRET), never_signed=["email"])
    assert signer.sign("a@b.example")
    with pytest.raises(InvalidPrincipal):
        signer.sign(Principal(email="a@b.example"))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"apart_from": ["email"]}, "apart_from gives the reason"),
        ({"apart_from": ["id"], "refuse_containing": ["@"]}, "apart_from must name other values"),
        ({"apart_from": ["x"], "refuse_containing": ["@"]}, "apart_from must name other values"),
        ({"id_at": "key"}, 'id_at is for kind = "object"'),
    ],
)
def test_a_contradictory_rule_is_refused(rule: Any, message: str) -> None:
    mac = {"algorithm": "sha256", "encoding": "hex", "message": "{id}"}
    with pytest.raises(InvalidScheme, match=message):
        Scheme.from_mapping({"slug": "acme", "values": {"id": rule}, "mac": mac})


@pytest.mark.parametrize(
    ("context", "fit"),
    [
        ({"kind": "multi", "user": {"key": "user-1"}, "org": {"key": "a"}}, True),
        ({"kind": "multi", "user": {"key": "user-2"}, "org": {"key": "a"}}, False),
        ({"kind": "multi", "user": {"key": "USER-1"}, "org": {"key": "a"}}, False),
        ({"kind": "org", "key": "a"}, True),
    ],
)
def test_a_launchdarkly_context_cannot_name_another_user(context: Any, fit: bool) -> None:
    signer = Signer("launchdarkly", Keyring(SECRET))
    who = Principal("user-1", attributes={"context": context})
    if fit:
        assert signer.sign(who)
        return
    with pytest.raises(InvalidPrincipal, match=r"names another user at user\.key"):
        signer.sign(who)
    if "user" in context:
        with pytest.raises(InvalidPrincipal):
            signer.sign(Principal(email="a@b.example", attributes={"context": context}))


def test_the_fast_path_refuses_an_excluded_attribute() -> None:
    data: dict[str, Any] = {
        "slug": "acme",
        "values": {"id": {"refuse_prefixes": ["org:"], "apart_from": ["org"]}, "org": {}},
        "mac": {"algorithm": "sha256", "encoding": "hex", "message": "{id}"},
    }
    signer = Signer(Scheme.from_mapping(data), Keyring(SECRET), never_signed=["org"])
    assert signer.sign("org:acme") == hexed("org:acme")
    with pytest.raises(InvalidPrincipal, match="org, which never_signed= excludes"):
        signer.sign(Principal("user-1", attributes={"org": "acme"}))

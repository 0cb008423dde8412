"""Verifying: whose token it is, or why that is not proved."""

from __future__ import annotations

import copy
import hashlib
import pickle
import traceback
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from countermark import (
    AmbiguousSchemeWarning,
    BadToken,
    ConfigurationError,
    InvalidKey,
    Keyring,
    Principal,
    Scheme,
    SecretKey,
    Signer,
    UnknownScheme,
    Verifier,
    WeakKeyWarning,
)
from countermark.schemes import scheme_slugs
from tests.samples import ANN, NOW, private_key, signer_of
from tests.verifying.verifiers import (
    ACME,
    BOB,
    BOB_AT_B,
    CANNOT,
    FOREIGN,
    NEW,
    OLD,
    acme,
    code_of,
    flow,
    stigg,
    verifier_of,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("id", ["user-1", "org:42", "a,b", "HMAC-SHA256 x:y", ":", "x" * 512])
def test_a_token_of_stigg_contains_the_id(id: str) -> None:
    verifier = Verifier("stigg", Keyring(NEW), environment="live")
    identity = verifier.verify(stigg(id))
    assert (identity.principal_id, identity.role, identity.scheme) == (id, "current", "stigg")
    assert identity.key_id == SecretKey(NEW).key_id
    assert (identity.environment, identity.expires_at, dict(identity.claims)) == ("live", None, {})
    assert verifier.verify(stigg(id).encode()).principal_id == id
    assert verifier.verify(stigg(id), id).principal_id == id
    assert verifier.verify(stigg(id), Principal(id)).principal_id == id
    assert not verifier.needs_principal


def test_a_bare_signature_needs_the_id_it_is_for() -> None:
    verifier = Verifier("cognito-flow", Keyring(NEW))
    assert verifier.needs_principal
    assert verifier.verify(flow("user-1"), "user-1").principal_id == "user-1"
    assert verifier.verify(flow("user-1").encode(), Principal("user-1")).principal_id == "user-1"
    assert verifier.verify(flow("42"), 42).principal_id == "42"
    uuid = UUID("3a409367-a417-4d46-9a92-3d7bc5dc4605")
    assert verifier.verify(flow(str(uuid)), uuid).principal_id == str(uuid)
    assert verifier.verify(flow("josé"), "josé").principal_id == "josé"
    assert code_of(verifier, flow("user-1")) == "principal_missing"
    assert code_of(verifier, flow("user-1"), "user-2") == "mismatch"
    for unfit in ("user\n1", "", " user-1", "(request-target): post /"):
        assert code_of(verifier, flow("user-1"), unfit) == "malformed"
    assert code_of(verifier, b"\xff", "user-1") == "malformed"


@pytest.mark.parametrize("slug", [slug for slug in scheme_slugs() if slug not in CANNOT])
def test_a_verifier_accepts_the_tokens_of_a_signer(slug: str) -> None:
    verifier, token = verifier_of(slug), signer_of(slug).sign(ANN)
    examination = verifier.check(token, ANN if verifier.needs_principal else None)
    assert examination.code == "verified"
    assert examination.identity is not None
    assert examination.identity.principal_id in ("user-1", None)
    assert token not in repr(examination) + repr(examination.identity) + repr(verifier)
    other = signer_of(slug).sign(BOB)
    for wrong in (token[:-1], token + "x", other if verifier.needs_principal else " "):
        assert verifier.check(wrong, ANN if verifier.needs_principal else None).identity is None


@pytest.mark.parametrize("slug", sorted(CANNOT))
def test_a_scheme_whose_tokens_do_not_show_what_is_signed_is_refused(slug: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be verified by themselves"):
        verifier_of(slug)
    assert f"`{slug}`" in (ROOT / "docs/verifying.md").read_text()


def test_only_signed_values_are_verified() -> None:
    """A token over an address says nothing of the id that came with it."""
    helpscout = verifier_of("helpscout")
    token = signer_of("helpscout").sign(Principal(email="a@b.example"))
    identity = helpscout.verify(token, Principal("somebody else", email="a@b.example"))
    assert (identity.principal_id, dict(identity.claims)) == (None, {"email": "a@b.example"})
    by_id = verifier_of("intercom-hmac").verify(signer_of("intercom-hmac").sign(ANN), ANN)
    assert (by_id.principal_id, dict(by_id.claims)) == ("user-1", {})
    pusher = verifier_of("pusher").verify(signer_of("pusher").sign(ANN), ANN)
    assert (pusher.principal_id, set(pusher.claims)) == (None, {"socket_id", "channel"})


WRONG: dict[str, tuple[str | bytes | None, str]] = {
    "nothing": (None, "missing"),
    "empty text": ("", "missing"),
    "empty bytes": (b"", "missing"),
    "a foreign key": (stigg("user-1", FOREIGN), "mismatch"),
    "another id": (stigg("user-1").replace("user-1", "user-2"), "mismatch"),
    "another case of the algorithm": (stigg("user-1").replace("SHA256", "sha256"), "malformed"),
    "two spaces": (stigg("user-1").replace(" ", "  "), "malformed"),
    "upper case": (stigg("user-1").upper(), "malformed"),
    "a space behind": (stigg("user-1") + " ", "malformed"),
    "a space before": (" " + stigg("user-1"), "malformed"),
    "a newline behind": (stigg("user-1") + "\n", "malformed"),
    "a letter less": (stigg("user-1")[:-1], "malformed"),
    "a letter more": (stigg("user-1") + "0", "malformed"),
    "twice": (f"{stigg('user-1')},{stigg('user-1')}", "mismatch"),
    "C1 in the id": (stigg("a\x85b"), "malformed"),
    "a newline in the id": (stigg("a\nb"), "malformed"),
    "a letter that is not ASCII": (stigg("é"), "malformed"),
    "white space around the id": (stigg(" x"), "malformed"),
    "no id": (stigg(""), "malformed"),
    "too long an id": (stigg("x" * 513), "malformed"),
    "64 KiB and more": ("HMAC-SHA256 " + "x" * 70_000, "malformed"),
    "a lone surrogate": ("\ud800", "malformed"),
    "bytes that are no text": (b"\xff\xfe", "malformed"),
    "no ASCII at all": ("é" * 90, "malformed"),
    "another word": ("null", "malformed"),
}


@pytest.mark.parametrize("what", WRONG)
def test_each_wrong_token_has_its_code(what: str) -> None:
    token, code = WRONG[what]
    assert code_of(Verifier("stigg", Keyring(NEW)), token) == code


def test_a_token_for_another_id_is_refused() -> None:
    verifier = Verifier("stigg", Keyring(NEW))
    assert code_of(verifier, stigg("user-1"), "user-2") == "mismatch"
    assert code_of(verifier, stigg("user-1"), Principal(email="a@b.example")) == "mismatch"
    assert verifier.verify(stigg("42"), 42).principal_id == "42"
    assert code_of(verifier, stigg("user-1"), "user\n1") == "malformed"
    assert code_of(verifier, stigg("user-1"), 1.5) == "malformed"


def test_every_key_of_the_keyring_verifies_with_its_role() -> None:
    verifier = Verifier("stigg", Keyring(NEW, previous=[OLD], next=[FOREIGN]))
    roles = {secret: verifier.verify(stigg("u", secret)).role for secret in (NEW, OLD, FOREIGN)}
    assert roles == {NEW: "current", OLD: "previous", FOREIGN: "next"}


def test_an_expired_key_differs_from_an_unknown_one() -> None:
    now = [1000.0]
    ring = Keyring(NEW, previous=SecretKey(OLD, until=1100))
    verifier = Verifier("stigg", ring, clock=lambda: now[0])
    assert verifier.verify(stigg("u", OLD)).role == "previous"
    now[0] = 1100.0
    assert code_of(verifier, stigg("u", OLD)) == "retired_key"
    examination = verifier.check(stigg("u", OLD))
    assert (examination.role, examination.key_id) == ("retired", SecretKey(OLD).key_id)
    assert examination.claimed_id == "u"
    assert code_of(verifier, stigg("u", FOREIGN)) == "mismatch"


def test_the_current_key_may_expire() -> None:
    now = [1000.0]
    verifier = Verifier("stigg", Keyring(SecretKey(NEW, until=1100)), clock=lambda: now[0])
    assert verifier.verify(stigg("u")).role == "current"
    now[0] = 1100.0
    assert code_of(verifier, stigg("u")) == "retired_key"


def test_a_token_of_another_environment_differs_from_a_forged_one() -> None:
    verifier = Verifier(
        "stigg", Keyring(NEW), environment="live", other_environments={"staging": Keyring(OLD)}
    )
    assert code_of(verifier, stigg("u", OLD)) == "wrong_environment"
    assert verifier.check(stigg("u", OLD)).claimed_id == "u"
    assert code_of(verifier, stigg("u", FOREIGN)) == "mismatch"


def test_tokens_with_a_time_of_issue_have_a_maximum_age() -> None:
    now, signed = [NOW], signer_of("chameleon").sign("user-1")
    verifier = verifier_of("chameleon", max_age=60, leeway=5, clock=lambda: now[0])
    assert verifier.verify(signed, "user-1").principal_id == "user-1"
    for age, code in ((-5, None), (-7, "not_yet_valid"), (64, None), (66, "expired")):
        now[0] = NOW + age
        examination = verifier.check(signed, "user-1")
        assert examination.code == (code or "verified"), age
    moved = signed.rpartition("-")[0] + f"-{int(NOW) + 1}"
    now[0] = NOW
    assert code_of(verifier, moved, "user-1") == "mismatch"
    assert code_of(verifier, signed.replace("-1", "-01"), "user-1") == "mismatch"


def test_an_own_scheme_may_contain_its_expiry() -> None:
    now = [NOW]
    token, verifier = acme("a.1"), Verifier(ACME, Keyring(NEW), leeway=5, clock=lambda: now[0])
    identity = verifier.verify(token)
    assert (identity.principal_id, identity.expires_at) == ("a.1", int(NOW) + 60)
    now[0] = int(NOW) + 64.9
    assert verifier.check(token).code == "verified"
    now[0] = int(NOW) + 65
    assert code_of(verifier, token) == "expired"


def own(token: str, message: str = "{id}", **more: Any) -> Scheme:
    data = {
        "slug": "acme",
        "mac": {"algorithm": "sha256", "message": message, "encoding": "hex"},
        "token": {"template": token},
        "values": {"id": {"refuse_containing": ["."]}, "email": {"refuse_containing": ["."]}},
    }
    return Scheme.from_mapping(data | more)


@pytest.mark.parametrize("name", ["now", "expires"])
def test_a_time_that_is_shown_and_not_signed_is_refused_at_once(name: str) -> None:
    """Anybody could write another one."""
    lifetime: dict[str, Any] = {"lifetime": 60} if name == "expires" else {}
    scheme = own(f"{{id}}.{{{name}:s}}.{{mac}}", **lifetime)
    with pytest.raises(ConfigurationError, match=f"show {name}, which is not signed"):
        Verifier(scheme, Keyring(NEW))


def test_a_token_of_several_open_parts_is_compared_and_never_searched() -> None:
    scheme = own("{id}.{email}.{name}.{mac}", "{id}.{email}.{name}")
    signer, verifier = Signer(scheme, Keyring(NEW)), Verifier(scheme, Keyring(NEW))
    ann = Principal("user-1", email="ann@b", name="Ann")
    assert verifier.verify(signer.sign(ann), ann).claims == {"email": "ann@b", "name": "Ann"}
    assert code_of(verifier, "." * 8000, ann) == "mismatch"
    assert code_of(verifier, signer.sign(BOB_AT_B), ann) == "mismatch"


@pytest.mark.parametrize(
    ("token", "message"),
    [("{id}.{email}.{now:s}.{mac}", "{id}.{email}.{now:s}"), ("{id}.{id}.{mac}", "{id}")],
    ids=["with a time", "an id twice"],
)
def test_a_token_that_would_need_a_search_is_refused_at_once(token: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match="more than one part is of any length"):
        Verifier(own(token, message), Keyring(NEW), max_age=60)


def test_an_address_in_the_token_must_also_come_with_it() -> None:
    verifier = Verifier(own("{email} {mac}"), Keyring(NEW))
    assert verifier.needs_principal


@pytest.mark.parametrize("id", ["\U0001f468\u200d\U0001f469", "a\u200cb", "a\u00a0b", "\ue000"])
def test_every_id_that_can_be_signed_can_be_verified(id: str) -> None:
    scheme = own("{id}.{mac}")
    assert (
        Verifier(scheme, Keyring(NEW)).verify(Signer(scheme, Keyring(NEW)).sign(id)).principal_id
        == id
    )


def test_a_pattern_applies_to_verified_ids() -> None:
    """One that takes long with an invented id is not tried on it."""
    verifier = Verifier("stigg", Keyring(NEW), id_pattern="([a-z0-9]+-?)+")
    assert verifier.verify(stigg("user-1")).principal_id == "user-1"
    assert code_of(verifier, stigg("User 1")) == "malformed"
    assert code_of(verifier, stigg("a" * 500 + "!", FOREIGN)) == "mismatch"


@pytest.mark.parametrize(
    "token", [123, 1.5, ["a"], memoryview(b"a")], ids=lambda token: type(token).__name__
)
def test_a_token_of_another_type_is_malformed(token: Any) -> None:
    assert code_of(Verifier("stigg", Keyring(NEW)), token) == "malformed"


MISTAKES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "a secret for a keyring": (NEW, {}, "must be a Keyring"),
    "a choice that is no boolean": (Keyring(NEW), {"allow_short_secret": 1}, "True or False"),
    "a short key": (Keyring("too-short-to-be-safe"), {}, "32 bytes"),
    "a short previous key": (Keyring(NEW, previous="too-short-to-be-safe"), {}, "32 bytes"),
    "a private key": (Keyring(private_key("RS256")[0]), {}, "needs a shared secret"),
    "a negative leeway": (Keyring(NEW), {"leeway": -1}, "leeway="),
    "a leeway that is true": (Keyring(NEW), {"leeway": True}, "leeway="),
    "a leeway that is text": (Keyring(NEW), {"leeway": "1"}, "leeway="),
    "a leeway that is no number": (Keyring(NEW), {"leeway": float("nan")}, "leeway="),
    "an age where there is invalid": (Keyring(NEW), {"max_age": 60}, "leave max_age= out"),
    "a clock that is invalid": (Keyring(NEW), {"clock": 5}, "clock="),
    "an environment that is invalid": (Keyring(NEW), {"environment": 5}, "environment="),
    "a setting that is invalid": (Keyring(NEW), {"settings": {"a": "b"}}, "no setting"),
    "a secret of another environment": (
        Keyring(NEW),
        {"other_environments": {"x": NEW}},
        "names of other environments",
    ),
    "its own environment": (
        Keyring(NEW),
        {"environment": "live", "other_environments": {"live": Keyring(OLD)}},
        "names of other environments|must not contain environment=",
    ),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_in_the_configuration_raises_at_once(what: str) -> None:
    keyring, options, message = MISTAKES[what]
    with pytest.raises(ConfigurationError, match=message) as raised:
        Verifier("stigg", keyring, **options)
    assert NEW not in str(raised.value)


def test_a_mistake_about_the_scheme_raises_too() -> None:
    no_scheme: Any = 7
    with pytest.raises(ConfigurationError, match="name of a scheme"):
        Verifier(no_scheme, Keyring(NEW))
    with pytest.raises(ConfigurationError, match="set max_age="):
        verifier_of("chameleon", max_age=None)
    with pytest.raises(ConfigurationError, match="max_age= must be a number"):
        verifier_of("chameleon", max_age=-1)
    sandbox = Keyring("sandbox_secret_" + "ab" * 16)
    with pytest.raises(ConfigurationError, match="belongs to the environment"):
        Verifier("cognito-flow", sandbox, environment="live")
    with pytest.raises(ConfigurationError, match="belongs to the environment"):
        Verifier("cognito-flow", Keyring(NEW), other_environments={"live": sandbox})


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(UnknownScheme):
        Verifier("stig", Keyring(NEW))


def test_it_is_built_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", NEW)
    monkeypatch.setenv("STIGG_SIGNING_SECRET_PREVIOUS", OLD)
    verifier = Verifier.from_env("stigg", environment="live")
    assert verifier.verify(stigg("u", OLD)).role == "previous"
    assert verifier.verify(stigg("u")).environment == "live"
    assert verifier.scheme.request_header == "X-CUSTOMER-KEY"
    assert Verifier("cognito-flow", Keyring(NEW)).scheme.request_header is None
    monkeypatch.delenv("STIGG_SIGNING_SECRET")
    with pytest.raises(InvalidKey, match="STIGG_SIGNING_SECRET"):
        Verifier.from_env("stigg")


def test_an_ambiguous_scheme_warns() -> None:
    with pytest.warns(AmbiguousSchemeWarning, match="zoho-thrive"):
        Verifier("zoho-thrive", Keyring(NEW))


def test_no_representation_shows_a_key_or_an_id() -> None:
    verifier = Verifier("stigg", Keyring(NEW))
    examination = verifier.check(stigg("user-1"))
    identity = verifier.verify(stigg("user-1"))
    with pytest.raises(BadToken) as refused:
        verifier.verify(stigg("user-1", OLD))
    shown = repr([verifier, examination, identity, refused.value]) + str(refused.value)
    for canary in (NEW, "user-1", hashlib.sha256(NEW.encode()).hexdigest()):
        assert canary not in shown
    assert verifier.pseudonym("user-1") == Signer("stigg", Keyring(NEW)).pseudonym("user-1")


def test_an_identity_can_be_copied_and_sent_on() -> None:
    """For instance to a task queue."""
    identity = verifier_of("intercom-jwt").verify(signer_of("intercom-jwt").sign(ANN))
    for again in (pickle.loads(pickle.dumps(identity)), copy.deepcopy(identity)):
        assert (again.principal_id, again.claims) == ("user-1", identity.claims)
    with pytest.raises(TypeError):
        identity.claims["user_id"] = "user-2"  # type: ignore[index]


def test_a_refused_verifier_says_so() -> None:
    assert repr(Verifier.__new__(Verifier)) == "<Verifier refused>"


def test_a_secret_in_a_wrong_place_is_in_no_frame() -> None:
    for keyring, others in ((NEW, None), (Keyring(OLD), {"test": NEW})):
        wrong: Any = keyring
        rings: Any = others
        with pytest.raises(
            ConfigurationError, match=r"must be a Keyring|to their keyrings"
        ) as raised:
            Verifier("stigg", wrong, other_environments=rings)
        ours = raised.tb.tb_next
        error = traceback.TracebackException(
            type(raised.value), raised.value, ours, capture_locals=True
        )
        assert NEW not in "".join(error.format())


def test_a_short_secret_of_a_vendor_is_verified_with_by_choice() -> None:
    ring = Keyring(NEW, previous="short-vendor-key")
    with pytest.warns(WeakKeyWarning, match="fewer than 32 bytes") as warned:
        verifier = Verifier("stigg", ring, allow_short_secret=True)
    assert warned[0].filename == __file__
    with pytest.warns(WeakKeyWarning):
        token = Signer("stigg", Keyring("short-vendor-key")).sign("user-1")
    assert verifier.verify(token).role == "previous"

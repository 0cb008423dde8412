"""Webhooks of one's own, signed in the format of Standard Webhooks."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark import ConfigurationError, InvalidKey, Keyring, SecretKey
from countermark.testing import FrozenClock
from countermark.webhooks import WebhookScheme, WebhookSigner, WebhookVerifier
from countermark.webhooks._parts import HttpSignature
from tests.samples import private_key
from tests.webhooks.samples import NOW, SECRET, WHSEC, base64, standard

OLD, NEW, THIRD = WHSEC, "whsec_" + "B" * 32, "whsec_" + "C" * 32


def signer(keyring: Keyring | None = None, **options: Any) -> WebhookSigner:
    ring = keyring or Keyring(WHSEC)
    return WebhookSigner("standard-webhooks", ring, **{"clock": lambda: NOW, **options})


def receiver(*secrets: str, at: float = NOW) -> WebhookVerifier:
    ring = Keyring(secrets[0], previous=secrets[1:])
    return WebhookVerifier("standard-webhooks", ring, clock=lambda: at)


def test_the_published_example_is_made_of_its_secret_id_and_time() -> None:
    own = signer(clock=lambda: 1614265330)
    headers = own.sign('{"test": 2432232314}', delivery_id="msg_p5jXN8AQM9LWM0D4loKWxJek")
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(st.one_of(st.binary(), st.text(st.characters(exclude_categories=["Cs"]))))
def test_any_body_is_signed_as_the_bytes_that_are_sent(body: bytes | str) -> None:
    headers = signer().sign(body)
    sent = body.encode() if isinstance(body, str) else body
    assert headers == standard(sent, delivery=headers["webhook-id"]).headers
    verified = receiver(WHSEC).verify(headers=headers, body=sent)
    assert verified.delivery_id == headers["webhook-id"]


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_other_kinds_of_bytes_are_signed(kind: type) -> None:
    made = signer().sign(kind(b"{}"), delivery_id="evt-1")
    assert made == signer().sign(b"{}", delivery_id="evt-1")


@pytest.mark.parametrize("body", [{"type": "a"}, [1], None, 1, "\ud800"])
def test_an_object_is_refused_because_only_its_bytes_can_be_signed(body: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"body= .*the bytes that are sent"):
        signer().sign(body)


def test_another_attempt_keeps_its_id_and_has_a_new_time() -> None:
    clock = FrozenClock(NOW)
    own = signer(clock=clock)
    first = own.sign(b"{}")
    clock.advance(3600.7)
    second = own.sign(b"{}", delivery_id=first["webhook-id"])
    assert second["webhook-id"] == first["webhook-id"]
    assert int(second["webhook-timestamp"]) == NOW + 3600
    verified = receiver(WHSEC, at=clock()).verify(headers=second, body=b"{}")
    assert verified.delivery_id == first["webhook-id"]


def test_each_delivery_has_an_id_of_its_own() -> None:
    ids = {signer().sign(b"{}")["webhook-id"] for _ in range(10)}
    assert len(ids) == 10
    assert all(each.startswith("msg_") and len(each) == 36 for each in ids)


BAD_IDS = ["", " ", "a b", "a\nb", "é", "a.b", "a,b", "a" * 513, 7, b"evt-1"]


@pytest.mark.parametrize("given_id", BAD_IDS)
def test_an_id_that_receivers_refuse_is_refused(given_id: Any) -> None:
    with pytest.raises(ConfigurationError, match="delivery_id= must be text of 1 to 512") as caught:
        signer().sign(b"{}", delivery_id=given_id)
    assert str(caught.value).endswith("characters without , .")


@pytest.mark.parametrize("given_id", ["a", "a" * 512, "!\"#-_/~'"])
def test_an_id_that_receivers_accept_is_accepted(given_id: str) -> None:
    headers = signer().sign(b"{}", delivery_id=given_id)
    assert receiver(WHSEC).verify(headers=headers, body=b"{}").delivery_id == given_id


def test_an_id_may_have_a_full_stop_if_the_format_does_not_sign_it() -> None:
    own = WebhookSigner("github", Keyring(SECRET))
    assert own.sign(b"{}", delivery_id="a.b")["x-github-delivery"] == "a.b"
    with pytest.raises(ConfigurationError, match=r"characters without ,$"):
        own.sign(b"{}", delivery_id="a,b")


def test_an_id_is_never_made_that_receivers_refuse() -> None:
    signature = {"header": "X-Own", "algorithm": "sha256", "encoding": "hex"}
    scheme = WebhookScheme.from_mapping(
        {
            "slug": "own",
            "kind": "hmac",
            "signature": {**signature, "message": "{id}_{body}"},
            "id": {"header": "X-Id"},
        }
    )
    own = WebhookSigner(scheme, Keyring(SECRET))
    assert own.sign(b"{}", delivery_id="evt-1")["x-id"] == "evt-1"
    with pytest.raises(ConfigurationError, match="visible ASCII characters without , _"):
        own.sign(b"{}")


@pytest.mark.parametrize(
    ("slug", "advice"),
    [
        ("stripe", "leave delivery_id= out, and write the id into id of the body$"),
        ("zoom", "zoom has no header for the id of a delivery; leave delivery_id= out$"),
    ],
)
def test_an_id_is_refused_if_the_format_has_no_header_for_it(slug: str, advice: str) -> None:
    own = WebhookSigner(slug, Keyring(SECRET))
    with pytest.raises(ConfigurationError, match=advice):
        own.sign(b"{}", delivery_id="evt-1")


RINGS = {
    "old alone": Keyring(OLD),
    "the new one is next": Keyring(OLD, next=NEW),
    "the old one is previous": Keyring(NEW, previous=OLD),
    "the old one expires": Keyring(NEW, previous=SecretKey(OLD, until=NOW + 1)),
    "the old one has expired": Keyring(NEW, previous=SecretKey(OLD, until=NOW)),
    "the next one has expired": Keyring(OLD, next=SecretKey(NEW, until=NOW)),
    "the current one has expired": Keyring(SecretKey(OLD, until=NOW), next=NEW),
    "new alone": Keyring(NEW),
}
ACCEPTED_BY = {
    "old alone": [OLD],
    "the new one is next": [OLD, NEW],
    "the old one is previous": [NEW, OLD],
    "the old one expires": [NEW, OLD],
    "the old one has expired": [NEW],
    "the next one has expired": [OLD],
    "the current one has expired": [OLD, NEW],
    "new alone": [NEW],
}


@pytest.mark.parametrize("stage", RINGS)
def test_a_delivery_has_one_signature_by_each_valid_key_the_current_one_first(stage: str) -> None:
    made = signer(RINGS[stage]).sign(b"{}", delivery_id="evt-1")
    expected = [
        standard(b"{}", secret=secret).headers["webhook-signature"] for secret in ACCEPTED_BY[stage]
    ]
    assert made["webhook-signature"].split(" ") == expected


@pytest.mark.parametrize("secrets", [[OLD], [NEW], [OLD, NEW], [NEW, OLD], [THIRD]])
@pytest.mark.parametrize("stage", RINGS)
def test_a_receiver_accepts_a_delivery_if_it_has_one_of_its_keys(
    stage: str, secrets: list[str]
) -> None:
    headers = signer(RINGS[stage]).sign(b"{}")
    expected = bool(set(secrets) & set(ACCEPTED_BY[stage]))
    assert (receiver(*secrets).explain(headers=headers, body=b"{}").outcome == "good") is expected


def test_several_previous_and_next_keys_sign() -> None:
    ring = Keyring(OLD, previous=[NEW], next=[THIRD])
    made = signer(ring).sign(b"{}")
    assert made["webhook-signature"].count("v1,") == 3


@pytest.mark.parametrize(("size", "fits"), [(23, False), (24, True), (64, True), (65, False)])
def test_a_secret_has_24_to_64_bytes(size: int, fits: bool) -> None:
    ring = Keyring("whsec_" + base64(bytes(range(1, size + 1))))
    if fits:
        assert signer(ring).sign(b"{}")
        return
    with pytest.raises(InvalidKey, match=r"in WEBHOOKS_SECRET has (fewer than 24|more than 64) "):
        signer(ring)


def test_a_short_secret_of_ones_own_choice_is_refused_with_the_command_that_makes_one() -> None:
    scheme = WebhookScheme.load("standard-webhooks")
    nameless = scheme._replace(secret=scheme.secret._replace(variable=""))
    short = Keyring("whsec_" + base64(b"too-short"))
    with pytest.raises(InvalidKey) as caught:
        WebhookSigner(nameless, short)
    assert str(caught.value) == (
        "standard-webhooks: the secret has fewer than 24 bytes; make one with countermark keygen"
        " webhook:standard-webhooks"
    )


def test_a_short_secret_that_a_vendor_has_issued_signs_without_a_warning() -> None:
    assert WebhookSigner("stripe", Keyring("whsec_test_1")).sign(b"{}")


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("whsec_not base64!", "not encoded in base64"),
        (private_key("ES256")[0], "needs a shared secret"),
        ("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "a key of another kind"),
    ],
)
def test_a_key_of_another_kind_is_refused(secret: str, problem: str) -> None:
    for ring in (Keyring(secret), Keyring(WHSEC, previous=secret), Keyring(WHSEC, next=secret)):
        with pytest.raises(InvalidKey, match=problem):
            signer(ring)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((7, Keyring(WHSEC)), "scheme must be the name of a webhook scheme"),
        (("standard-webhooks", WHSEC), "keyring must be a Keyring"),
        (("cognito", Keyring(SECRET)), "keyring must be a mapping of key ids to keyrings"),
        (("cognito", {'a"b': Keyring(SECRET)}), "a key id must be visible ASCII without quotes"),
        (("cognito", {"é": Keyring(SECRET)}), "a key id must be visible ASCII without quotes"),
    ],
)
def test_a_wrong_argument_is_refused(arguments: tuple[Any, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        WebhookSigner(*arguments)


def test_an_http_signature_of_an_unknown_header_is_refused() -> None:
    scheme = WebhookScheme.load("cognito")
    covers = ("(request-target)", "date", "digest", "host")
    scheme = scheme._replace(signature=HttpSignature("hmac-sha256", covers))
    with pytest.raises(ConfigurationError, match="signs a header of the HTTP client"):
        WebhookSigner(scheme, {"key": Keyring(SECRET)})


@pytest.mark.parametrize("where", ["method", "path"])
def test_a_method_and_a_path_are_text_as_it_is_sent(where: str) -> None:
    own = WebhookSigner("cognito", {"key": Keyring(SECRET)})
    with pytest.raises(ConfigurationError, match="method= and path= must be text"):
        own.sign(b"{}", **{where: b"/a"})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="path= must be percent-encoded"):
        own.sign(b"{}", path="/é")


def test_the_secret_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOKS_SECRET", OLD)
    monkeypatch.setenv("WEBHOOKS_SECRET_NEXT", NEW)
    own = WebhookSigner.from_env("standard-webhooks", clock=lambda: NOW)
    headers = own.sign(b"{}")
    for secret in (OLD, NEW):
        assert receiver(secret).verify(headers=headers, body=b"{}")


def test_a_key_id_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGNITO_API_SECRET", SECRET)
    with pytest.raises(ConfigurationError, match="COGNITO_API_KEY is not set"):
        WebhookSigner.from_env("cognito")
    monkeypatch.setenv("COGNITO_API_KEY", "current")
    monkeypatch.setenv("COGNITO_API_KEY_PREVIOUS", "previous")
    assert 'keyId="current"' in WebhookSigner.from_env("cognito").sign(b"{}")["authorization"]


def test_a_format_without_a_variable_needs_a_keyring() -> None:
    scheme = WebhookScheme.load("standard-webhooks")
    nameless = scheme._replace(secret=scheme.secret._replace(variable=""))
    with pytest.raises(ConfigurationError, match=r"WebhookSigner\(scheme, Keyring\(key\)\)"):
        WebhookSigner.from_env(nameless)


def test_watched_keys_are_used_from_one_delivery_to_the_next(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from countermark import WatchedKeyring

    for role in ("", "_NEXT"):
        monkeypatch.setenv(f"WEBHOOKS_SECRET{role}_FILE", str(tmp_path / f"key{role}"))
    (tmp_path / "key").write_text(OLD)
    ring = WatchedKeyring("WEBHOOKS_SECRET", interval=9999)
    own = signer(ring)
    assert own.sign(b"{}")["webhook-signature"].count("v1,") == 1
    (tmp_path / "key_NEXT").write_text(NEW)
    assert ring.refresh()
    headers = own.sign(b"{}")
    for secret in (OLD, NEW):
        assert receiver(secret).verify(headers=headers, body=b"{}")
    (tmp_path / "key_NEXT").write_text("whsec_short")
    assert not ring.refresh()
    assert own.sign(b"{}", delivery_id=headers["webhook-id"]) == headers


def test_the_first_delivery_of_a_process_has_the_keys_of_that_moment(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOKS_SECRET_FILE", str(tmp_path / "key"))
    (tmp_path / "key").write_text(OLD)
    own = WebhookSigner.from_env("standard-webhooks", watch=True, clock=lambda: NOW)
    outer = WebhookSigner("github", Keyring(SECRET), also=own)
    (tmp_path / "key").write_text(NEW)
    headers = outer.sign(b"{}")
    assert receiver(NEW, at=outer._clock()).verify(headers=headers, body=b"{}")


def test_a_signer_shows_its_format_and_no_secret() -> None:
    own = signer()
    assert repr(own) == "<WebhookSigner standard-webhooks>"
    assert repr(WebhookSigner.__new__(WebhookSigner)) == "<WebhookSigner refused>"
    with pytest.raises(TypeError):
        pickle.dumps(WebhookSigner("standard-webhooks", Keyring(WHSEC)))


def test_a_body_that_is_written_again_does_not_match() -> None:
    event = {"type": "invoice.paid", "data": {"amount": 5}}
    headers = signer().sign(json.dumps(event))
    again = json.dumps(event, separators=(",", ":")).encode()
    explained = receiver(WHSEC).explain(headers=headers, body=again)
    assert [each.code for each in explained.mistakes] == ["body_json"]

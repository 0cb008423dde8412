"""The same tokens as the vendors' own Python code, and as others who sign for them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest

from countermark import Principal
from tests.samples import NOW, SECRET, signer_of

IDS = ["user-1", "42", "3a409367-a417-4d46-9a92-3d7bc5dc4605", "jöhn", "用户", "a b+c/d=e"]


@pytest.mark.parametrize("id", IDS)
def test_castle(id: str) -> None:
    from castle.configuration import Configuration
    from castle.secure_mode import signature

    configuration = Configuration()
    configuration.api_secret = SECRET
    assert signer_of("castle").sign(id) == signature(id, configuration)


@pytest.mark.parametrize("id", [id for id in IDS if id.isascii()])
def test_intercom_by_django_analytical(id: str) -> None:
    from django.conf import settings

    if not settings.configured:
        settings.configure(INTERCOM_HMAC_SECRET_KEY=SECRET)
    from analytical.templatetags.intercom import intercom_user_hash

    assert signer_of("intercom-hmac").sign(id) == intercom_user_hash(id)


@pytest.fixture(scope="module")
def launchdarkly() -> Iterator[Any]:
    from ldclient import Config, LDClient

    with LDClient(Config(SECRET, offline=True)) as client:
        yield client


@pytest.mark.parametrize("id", IDS)
def test_a_user_of_launchdarkly(launchdarkly: Any, id: str) -> None:
    from ldclient import Context

    assert signer_of("launchdarkly").sign(id) == launchdarkly.secure_mode_hash(Context.create(id))


def test_a_user_of_launchdarkly_with_a_colon(launchdarkly: Any) -> None:
    from ldclient import Context

    signer = signer_of("launchdarkly", never_signed=["context"])
    for id in ("org:acme", "user:1", ":", "a:b%c"):
        assert signer.sign(id) == launchdarkly.secure_mode_hash(Context.create(id))


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "org", "key": "a:b%c"},
        {"kind": "multi", "user": {"key": "somebody"}, "org": {"key": "a:b%c"}},
        {"kind": "multi", "org": {"key": "a:b%c"}},
        {"kind": "multi", "b": {"key": "1"}, "a": {"key": "2"}, "a-b": {"key": "3"}},
        {"kind": "multi", "A": {"key": "é"}, "a": {"key": "用"}},
    ],
)
def test_a_context_of_launchdarkly(launchdarkly: Any, data: dict[str, Any]) -> None:
    from ldclient import Context

    who = Principal("somebody", attributes={"context": data})
    expected = launchdarkly.secure_mode_hash(Context.from_dict(data))
    assert expected
    assert signer_of("launchdarkly").sign(who) == expected


APP_KEY = "278d425bdf160c739803"


@pytest.fixture
def pusher(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the vendor's client, made to write JSON as we do: any text does, if it is the same."""
    import pusher
    import pusher.authentication_client
    import pusher.util

    class Compact:
        @staticmethod
        def dumps(value: object, **options: Any) -> str:
            return json.dumps(value, separators=(",", ":"))

    for module in (pusher.authentication_client, pusher.util):
        monkeypatch.setattr(module, "json", Compact)
    return pusher.Pusher("1", APP_KEY, SECRET)


def issued_for_pusher(slug: str, **attributes: str) -> dict[str, Any]:
    who = Principal("u", name="Mr. Ünï", attributes={"socket_id": "1234.1234", **attributes})
    return signer_of(slug, settings={"app_key": APP_KEY}).issue(who).fields


def test_pusher(pusher: Any) -> None:
    assert issued_for_pusher("pusher", channel="private-a") == pusher.authenticate(
        "private-a", "1234.1234"
    )
    data = {"user_id": "u", "user_info": {"name": "Mr. Ünï"}}
    assert issued_for_pusher("pusher-presence", channel="presence-a") == pusher.authenticate(
        "presence-a", "1234.1234", data
    )
    assert issued_for_pusher("pusher-user") == pusher.authenticate_user("1234.1234", {"id": "u"})


def test_ably() -> None:
    from ably.types.tokenrequest import TokenRequest

    signer = signer_of("ably", settings={"key_name": "xVLyHw.I3abcd"})
    ours = signer.issue("user-é").fields
    theirs = TokenRequest(
        key_name="xVLyHw.I3abcd",
        ttl=3_600_000,
        capability='{"*":["*"]}',
        client_id="user-é",
        timestamp=ours["timestamp"],
        nonce=ours["nonce"],
    )
    theirs.sign_request(SECRET)
    assert ours == theirs.to_dict()


class TestDiscourse:
    WHO = Principal(
        "7",
        email="sam+a@example.com",
        name="S Ü",
        attributes={"nonce": "cb68251eefb5211e58c00ff1395f0c0b", "username": "sam"},
    )

    def test_the_same_payload_gets_the_same_signature(self) -> None:
        from pydiscourse import sso

        theirs = sso.sso_payload(
            SECRET,
            nonce="cb68251eefb5211e58c00ff1395f0c0b",
            external_id="7",
            email="sam+a@example.com",
            name="S Ü",
            username="sam",
        )
        fields = {name: values[0] for name, values in parse_qs(theirs).items()}
        signed = signer_of("discourse").issue(self.WHO)
        assert signed.fields == fields
        assert parse_qs(signed.token) == parse_qs(theirs)

    def test_their_check_of_a_request_accepts_our_signature(self) -> None:
        from pydiscourse import sso

        fields = signer_of("discourse").issue(self.WHO).fields
        assert sso.sso_validate(fields["sso"], fields["sig"], SECRET) == (
            "cb68251eefb5211e58c00ff1395f0c0b"
        )
        assert b"external_id=7" in base64.b64decode(fields["sso"])


@pytest.mark.parametrize("id", IDS)
def test_stream_chat(id: str) -> None:
    from stream_chat import StreamChat

    client = StreamChat("key", SECRET)
    assert signer_of("stream-chat").sign(id) == client.create_token(id, iat=int(NOW))
    with_end = signer_of("stream-chat", lifetime=60)
    exp = with_end.issue(id).expires_at
    assert exp is not None
    assert with_end.sign(id) == client.create_token(id, exp=int(exp), iat=int(NOW))


def test_pusher_beams(monkeypatch: pytest.MonkeyPatch) -> None:
    import pusher_push_notifications as module

    class LocalTime(datetime):
        """Counts as the library does, whose "UTC" is read as local time."""

        @classmethod
        def utcnow(cls) -> LocalTime:
            return cls.fromtimestamp(NOW)

    monkeypatch.setattr(module, "datetime", SimpleNamespace(datetime=LocalTime))
    instance = "97c56dfe-58f5-408b-ab3a-158e51a860f2"
    theirs = module.PushNotifications(instance, SECRET).generate_token("u1")["token"]
    assert signer_of("pusher-beams", settings={"instance_id": instance}).sign("u1") == theirs

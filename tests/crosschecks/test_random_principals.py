"""Random principals get the same tokens from the vendors' own code as from us.

pytest-randomly seeds the values, and prints the seed with which a failure repeats.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qs
from uuid import UUID

import jwt
import pytest

from countermark import InvalidPrincipal, Principal, Signer
from tests.samples import NOW, SECRET, private_key, signer_of

Texts = Callable[[int], list[str]]

COUNT = 100
APP_KEY = "278d425bdf160c739803"
INSTANCE = "97c56dfe-58f5-408b-ab3a-158e51a860f2"
SOCKET = "1234.1234"


def accepted(signer: Signer, ids: list[str]) -> list[str]:
    """Return the *ids* that the scheme accepts; there are many."""
    kept = []
    for id in ids:
        try:
            signer.sign(id)
        except InvalidPrincipal:
            continue
        kept.append(id)
    assert len(kept) > COUNT / 3
    return kept


def claims(token: str, key: str = SECRET, algorithm: str = "HS256") -> dict[str, Any]:
    """Return the claims of a token. Libraries differ in the escapes of their JSON."""
    options: Any = {"verify_exp": False, "verify_iat": False}
    return dict(jwt.decode(token, key, [algorithm], options=options))


@pytest.mark.parametrize(
    ("job", "slug"), [("intercom", "intercom-hmac"), ("magicbell", "magicbell-hmac")]
)
def test_ids_with_a_javascript_library(node: Any, texts: Texts, job: str, slug: str) -> None:
    signer = signer_of(slug)
    ids = accepted(signer, texts(COUNT))
    assert [signer.sign(id) for id in ids] == node(job, secret=SECRET, ids=ids)


def test_stream_chat(node: Any, texts: Texts) -> None:
    ids = texts(COUNT)
    signer = signer_of("stream-chat")
    theirs = node("stream", secret=SECRET, ids=ids, now=int(NOW))
    assert [claims(signer.sign(id)) for id in ids] == list(map(claims, theirs))


def test_knock(node: Any, texts: Texts) -> None:
    pem, public = private_key("RS256")
    signer, ids = signer_of("knock"), texts(COUNT)
    theirs = node("knock", pem=pem, ids=ids, now=NOW, seconds=3600)
    for id, token in zip(ids, theirs, strict=True):
        grants: dict[str, Any] = {f"https://api.knock.app/v1/users/{id}": {"user/feed_read": []}}
        who = Principal(id, attributes={"knock_grants": grants})
        assert claims(signer.sign(who), public, "RS256") == claims(token, public, "RS256")


def test_engagespot(node: Any, texts: Texts) -> None:
    pem, public = private_key("RS256")
    signer, ids = signer_of("engagespot-jwt"), texts(COUNT)
    theirs = node("engagespot", pem=pem, apiKey="the-api_key", ids=ids, now=NOW)
    for id, token in zip(ids, theirs, strict=True):
        assert claims(signer.sign(id), public, "RS256") == claims(token, public, "RS256")


def test_pusher_beams(node: Any, texts: Texts) -> None:
    signer = signer_of("pusher-beams", settings={"instance_id": INSTANCE})
    ids = texts(COUNT)
    theirs = node("beams", secret=SECRET, instance=INSTANCE, ids=ids, now=int(NOW))
    # Their JavaScript adds the time of issue, which their Python leaves out.
    assert [claims(signer.sign(id)) | {"iat": int(NOW)} for id in ids] == list(map(claims, theirs))


def test_ably(node: Any, texts: Texts) -> None:
    signer = signer_of("ably", settings={"key_name": "xVLyHw.I3abcd"})
    ours = [signer.issue(id).fields for id in accepted(signer, texts(COUNT))]
    assert ours == node("ably", secret=SECRET, requests=ours)


def test_pusher(node: Any, texts: Texts) -> None:
    settings = {"app_key": APP_KEY}
    signers = {
        slug: signer_of(slug, settings=settings)
        for slug in ("pusher", "pusher-presence", "pusher-user")
    }

    def fields(slug: str, id: str, name: str, channel: str) -> dict[str, Any]:
        attributes = {"socket_id": SOCKET, "channel": channel}
        return signers[slug].issue(Principal(id, name=name, attributes=attributes)).fields

    ids = [id for id in texts(3 * COUNT) if re.fullmatch(r"[\w=@,.;-]+", id, re.ASCII)][:COUNT]
    names = [name for name in texts(3 * COUNT) if name.isascii()]  # escapes of JSON differ
    people = list(zip(ids, names, strict=False))
    theirs = node(
        "pusher",
        secret=SECRET,
        key=APP_KEY,
        socketId=SOCKET,
        channel="private-a",
        users=[
            {"presence": {"user_id": id, "user_info": {"name": name}}, "userData": {"id": id}}
            for id, name in people
        ],
    )
    assert theirs == [
        {
            "channel": fields("pusher", id, name, "private-a"),
            "presence": fields("pusher-presence", id, name, "presence-a"),
            "user": fields("pusher-user", id, name, "private-a"),
        }
        for id, name in people
    ]


def discourse_users(texts: Texts) -> list[tuple[Principal, dict[str, str]]]:
    """Return random users of a forum, and what a library takes of each."""
    users = []
    for id, name, username in zip(texts(COUNT), texts(COUNT), texts(COUNT), strict=True):
        attributes = {
            "nonce": "cb68",
            "username": username,
            "require_activation": True,
            "discourse_groups": "staff,beta",
        }
        who = Principal(id, email="a+b@c.example", name=name, attributes=attributes)
        values = {"external_id": id, "email": "a+b@c.example", "name": name, "username": username}
        values |= {"nonce": "cb68", "require_activation": "true", "groups": "staff,beta"}
        users.append((who, values))
    return users


def test_discourse(node: Any, texts: Texts) -> None:
    signer, users = signer_of("discourse"), discourse_users(texts)
    theirs = node("discourse", secret=SECRET, users=[values for _, values in users])
    ours = [signer.sign(who) for who, _ in users]
    assert list(map(contents, ours)) == list(map(contents, theirs))


def test_discourse_with_a_python_library(texts: Texts) -> None:
    from pydiscourse import sso

    signer = signer_of("discourse")
    for who, values in discourse_users(texts):
        theirs = sso.sso_payload(SECRET, **values)
        assert contents(signer.sign(who)) == contents(theirs)


def contents(token: str) -> dict[str, Any]:
    """Return what a login of the forum contains, in any order of its entries."""
    from pydiscourse import sso

    fields = {name: values[0] for name, values in parse_qs(token, strict_parsing=True).items()}
    sso.sso_validate(fields["sso"], fields["sig"], SECRET)  # raises for another signature
    return parse_qs(base64.b64decode(fields["sso"]).decode())


def test_castle(texts: Texts) -> None:
    from castle.configuration import Configuration
    from castle.secure_mode import signature

    configuration = Configuration()
    configuration.api_secret = SECRET
    signer = signer_of("castle")
    for id in accepted(signer, texts(COUNT)):
        assert signer.sign(id) == signature(id, configuration)


def test_segops(texts: Texts) -> None:
    from segops import sign_user_id

    signer = signer_of("segops")
    for id in accepted(signer, texts(COUNT)):
        theirs = sign_user_id(SECRET, id, int(NOW))
        # Their browser SDK gives other names to the same three values.
        assert [*signer.issue(id).fields.values()] == [*theirs.values()]


def test_launchdarkly(texts: Texts) -> None:
    from ldclient import Config, Context, LDClient

    of_users = signer_of("launchdarkly", never_signed=["context"])
    of_contexts = signer_of("launchdarkly")
    with LDClient(Config(SECRET, offline=True)) as client:
        for id, kind in zip(texts(COUNT), ["user", "org", "device"] * COUNT, strict=False):
            theirs = client.secure_mode_hash(Context.create(id, kind))
            who = Principal("u", attributes={"context": {"kind": kind, "key": id}})
            assert theirs == (of_users.sign(id) if kind == "user" else of_contexts.sign(who))


def without_times(token: str, lifetime: int) -> dict[str, Any]:
    """Return the claims of a token without its times, which must be *lifetime* apart."""
    read = claims(token)
    assert read.pop("exp") - read.pop("nbf") == lifetime
    return read


def test_livekit(texts: Texts) -> None:
    from livekit.api import AccessToken, VideoGrants

    signer = signer_of("livekit", clock=time.time)
    allowed = {"can_publish": True, "can_subscribe": True, "can_publish_data": True}
    for id, name, room in zip(texts(COUNT), texts(COUNT), texts(COUNT), strict=True):
        theirs = AccessToken("the-api_key", SECRET).with_identity(id).with_name(name)
        theirs.with_grants(VideoGrants(room_join=True, room=room))
        who = Principal(id, name=name, attributes={"room": room, **allowed})
        ours = without_times(signer.sign(who), 21600)
        assert ours == without_times(theirs.to_jwt(), 21600)


@pytest.mark.parametrize(
    "slug", ["twilio-video", "twilio-conversations", "twilio-voice", "twilio-sync"]
)
def test_twilio(texts: Texts, slug: str) -> None:
    from twilio.jwt.access_token import AccessToken, grants

    grant = {
        "twilio-video": grants.VideoGrant("room-1"),
        "twilio-conversations": grants.ChatGrant("the-service_sid"),
        "twilio-voice": grants.VoiceGrant(
            incoming_allow=True, outgoing_application_sid="the-application_sid"
        ),
        "twilio-sync": grants.SyncGrant("the-service_sid"),
    }[slug]
    signer = signer_of(slug, clock=time.time)
    ids = texts(COUNT)
    for id in hexed(ids) if slug == "twilio-voice" else ids:
        account = ("the-account_sid", "the-api_key_sid", SECRET)
        their_token = AccessToken(*account, [grant], identity=id, region="the-region").to_jwt()
        our_token = signer.sign(Principal(id, attributes={"room": "room-1"}))
        header = jwt.get_unverified_header(our_token)
        assert header == jwt.get_unverified_header(their_token)
        ours, theirs = without_times(our_token, 3600), without_times(their_token, 3600)
        assert ours.pop("jti") != theirs.pop("jti")
        assert ours == theirs


def test_vonage_video(texts: Texts) -> None:
    from vonage_jwt import JwtClient
    from vonage_video.models import TokenOptions

    pem, public = private_key("RS256")
    client = JwtClient("the-application_id", pem)
    signer = signer_of("vonage-video", clock=time.time)
    for id, session in zip(texts(20), texts(20), strict=True):  # RSA is slow
        options = TokenOptions(session_id=session, connection_data=id)
        theirs = client.generate_application_jwt(options.model_dump(exclude_none=True)).decode()
        attributes = {"session_id": session, "video_role": "publisher"}
        pair = [
            jwt.decode(token, public, ["RS256"])
            for token in (signer.sign(Principal(id, attributes=attributes)), theirs)
        ]
        for read in pair:
            assert read.pop("exp") - read.pop("iat") == 900
            assert UUID(read.pop("jti")).version == 4
        assert pair[0] == pair[1]


@pytest.mark.parametrize("tenant", [{}, {"tenant_id": "the-tenant_id"}])
def test_firebase(texts: Texts, tenant: dict[str, str]) -> None:
    import firebase_admin
    from firebase_admin import auth, credentials, tenant_mgt

    pem, public = private_key("RS256")
    account = {
        "type": "service_account",
        "project_id": "p",
        "private_key": pem,
        "client_email": "the-client_email",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    app = firebase_admin.initialize_app(credentials.Certificate(account))
    settings = {"client_email": "the-client_email", **tenant}
    signer = signer_of("firebase", settings=settings, clock=time.time)
    client = tenant_mgt.auth_for_tenant("the-tenant_id", app) if tenant else auth.Client(app)
    own = {"premium": True}
    for id in texts(20):  # each is signed by RSA, twice
        pair = [
            jwt.decode(token, public, ["RS256"], options={"verify_aud": False})
            for token in (
                signer.sign(Principal(id, attributes={"firebase_claims": own})),
                client.create_custom_token(id, own),
            )
        ]
        for read in pair:
            assert read["exp"] - read.pop("iat") == 3600
            del read["exp"]
        assert pair[0] == pair[1]
    firebase_admin.delete_app(app)


def test_meilisearch(texts: Texts) -> None:
    from meilisearch import Client

    key, client = "5ea1ab1e-97c5-4dfe-b5f4-08ab3a158e51", Client("http://localhost", SECRET)
    signer = signer_of("meilisearch", settings={"api_key_uid": key}, lifetime=600)
    end = datetime.fromtimestamp(int(NOW) + 600, UTC)
    for text in texts(COUNT):
        rules = {text: {"filter": f"owner = {text!r}"}, "*": {}}
        theirs = client.generate_tenant_token(key, rules, expires_at=end)
        ours = signer.sign(Principal("u", attributes={"search_rules": rules}))
        assert claims(ours) == claims(theirs)


def hexed(texts: list[str]) -> list[str]:
    """Return ids of hexadecimal digits, for the schemes that accept few characters."""
    return [text.encode().hex()[:60] for text in texts]


def test_algolia(texts: Texts) -> None:
    from algoliasearch.search.client import SearchClientSync

    client = SearchClientSync("app-id", "api-key")
    settings = {"user_attribute": "visible_by", "restrict_indices": "films,more films"}
    signer = signer_of("algolia", settings=settings, lifetime=600)
    for id in hexed(texts(COUNT)):
        restrictions = {
            "validUntil": int(NOW) + 600,
            "userToken": id,
            "filters": f'visible_by:"{id}"',
            "restrictIndices": ["films", "more films"],
        }
        assert signer.sign(id) == client.generate_secured_api_key(SECRET, restrictions)


def test_typesense(texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    from typesense.sync import keys

    class Compact:  # the vendor's library writes spaces, which are signed as they are
        @staticmethod
        def dumps(value: object) -> str:
            return json.dumps(value, separators=(",", ":"))

    monkeypatch.setattr(keys, "json", Compact)
    client = keys.Keys(cast(Any, None))  # it makes no request
    signer = signer_of("typesense", settings={"user_field": "user_id"}, lifetime=600)
    for id in hexed(texts(COUNT)):
        parameters: Any = {"filter_by": f"user_id:={id}", "expires_at": int(NOW) + 600}
        theirs = client.generate_scoped_search_key(SECRET, parameters)
        assert signer.sign(id) == theirs.decode()

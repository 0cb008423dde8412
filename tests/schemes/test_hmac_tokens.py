"""The token of every scheme without JWTs, computed again with the standard library alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from countermark import InvalidPrincipal, Keyring, Principal, Scheme, Signer
from countermark.schemes import scheme_slugs
from tests.samples import ANN, ATTRIBUTES, NOW, SECRET, signer_of

ID, EMAIL = "user-1", "Ann@B.example"
SECONDS = int(NOW)


def digest(message: str, algorithm: str = "sha256", key: bytes = SECRET.encode()) -> bytes:
    return hmac.new(key, message.encode(), algorithm).digest()


def hexed(message: str, algorithm: str = "sha256") -> str:
    return digest(message, algorithm).hex()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


OF_ID = [
    "ackreply",
    "agentic-trust-hmac",
    "canny-hash",
    "carrot-quest",
    "castle",
    "chatbase-hmac",
    "chatcloud",
    "chatspark",
    "chatwoot",
    "convot",
    "cornerspot",
    "duggai",
    "eixam",
    "eucera",
    "featurebase-hmac",
    "gainsight-px",
    "gleap",
    "gosquared",
    "hacktionbase",
    "intercom-hmac",
    "inviaro",
    "launchdarkly",
    "novu",
    "onesignal-hash",
    "polaria",
    "posthog",
    "supportwire",
    "unlayer",
    "userflow",
    "userjot",
    "wavecx",
    "widget-chat",
    "yourgpt",
]
OF_EMAIL = [
    "acquire",
    "crisp",
    "elevio",
    "front-chat",
    "growsurf",
    "helpscout",
    "pipeback",
    "plain",
    "tawk",
    "wooninja",
]
OF_LOWER_EMAIL = ["customerly", "ensoras", "refgrow", "rogeriq"]

DISQUS = b64(
    compact(
        {
            "id": ID,
            "username": "Ann Lee",
            "email": EMAIL,
            "avatar": "https://a.example/ann.png",
        }
    ).encode()
)
HYVOR = b64(
    compact(
        {
            "timestamp": SECONDS,
            "id": ID,
            "name": "Ann Lee",
            "email": EMAIL,
            "picture_url": "https://a.example/ann.png",
        }
    ).encode()
)
DISCOURSE = b64(
    urlencode(
        {
            "nonce": ATTRIBUTES["nonce"],
            "external_id": ID,
            "email": EMAIL,
            "name": "Ann Lee",
            "username": "ann",
            "require_activation": "true",
            "admin": "false",
            "moderator": "false",
            "groups": "members",
            "add_groups": "staff,beta",
            "remove_groups": "trial",
        }
    ).encode()
)
UNCHURN = base64.urlsafe_b64encode(
    f"the-merchant_id:sub_9:the-mode:{(SECONDS + 300) * 1000}".encode()
).decode().rstrip("=")  # fmt: skip
ALGOLIA = urlencode(
    {
        "filters": 'the-user_attribute:"user-1"',
        "restrictIndices": "the-restrict_indices",
        "userToken": ID,
    }
)
TYPESENSE = compact({"filter_by": "the-user_field:=user-1"})
FASTCOMMENTS = b64(
    compact(
        {
            "id": ID,
            "email": EMAIL,
            "username": "Ann Lee",
            "avatar": "https://a.example/ann.png",
            "groupIds": ["staff"],
            "isAdmin": False,
            "isModerator": False,
        }
    ).encode()
)
BIGBLUEBUTTON = urlencode(
    {
        "fullName": "Ann Lee",
        "meetingID": "room-1",
        "role": "VIEWER",
        "userID": ID,
        "createTime": 1531155809613,
        "avatarURL": "https://a.example/ann.png",
        "redirect": "true",
    }
)
USERHERO = compact(
    {
        "externalUserId": ID,
        "email": EMAIL,
        "phone": "+15550100",
        "name": "Ann Lee",
        "expiresAt": SECONDS + 300,
    }
)
PRESENCE = compact({"user_id": ID, "user_info": {"name": "Ann Lee"}})

TOKENS = {
    **{slug: hexed(ID) for slug in OF_ID},
    **{slug: hexed(EMAIL) for slug in OF_EMAIL},
    **{slug: hexed(EMAIL.lower()) for slug in OF_LOWER_EMAIL},
    "stigg": f"HMAC-SHA256 {ID}:{hexed(ID)}",
    "cognito-flow": b64(digest(ID)),
    "engagespot-hmac": b64(digest(ID)),
    "magicbell-hmac": b64(digest(ID)),
    "talkjs-signature": hexed(ID).upper(),
    "churnkey": hexed("cus_123"),
    "novu-agent": hexed("agent-7"),
    "chameleon": f"{hexed(f'{ID}-{SECONDS}')}-{SECONDS}",
    "segops": digest(f"{ID}|{SECONDS}", key=bytes.fromhex(SECRET)).hex(),
    "channel-talk": digest(ID, key=bytes.fromhex(SECRET)).hex(),
    "pylon": digest(EMAIL, key=bytes.fromhex(SECRET)).hex(),
    "friendbuy": hexed(f"{SECONDS}:{EMAIL}:{ID}"),
    "reamaze": hexed(f"{ID}:{EMAIL}"),
    "productfruits": compact(
        {
            "hash": b64(digest(f"{ID}2027-01-15T09:00:00.000Z")),
            "expiration": "2027-01-15T09:00:00.000Z",
        }
    ),
    "zoho-thrive": hexed(f"{EMAIL}{ID}"),
    "appy-sdk": hexed(f"the-sdk_key{EMAIL}Ann{ID}Lee"),
    "sprinklr": hexed(
        f"{ID}_Ann_Lee_https://a.example/ann.png_+15550199_{EMAIL}_{SECONDS}250"
    ),
    "userhero": hexed(USERHERO),
    "disqus": f"{DISQUS} {hexed(f'{DISQUS} {SECONDS}', 'sha1')} {SECONDS}",
    "hyvor-talk": hexed(HYVOR),
    "discourse": f"sso={quote(DISCOURSE, safe='')}&sig={hexed(DISCOURSE)}",
    "unchurn": f"unch_the-mode_{UNCHURN}.{hexed(UNCHURN)}",
    "pusher": f"the-app_key:{hexed('1234.1234:private-foobar')}",
    "pusher-presence": f"the-app_key:{hexed(f'1234.1234:private-foobar:{PRESENCE}')}",
    "pusher-user": "the-app_key:" + hexed(
        '1234.1234::user::{"id":"user-1","watchlist":["user-2"]}'
    ),
    "algolia": b64(f"{hexed(ALGOLIA)}{ALGOLIA}".encode()),
    "typesense": b64(f"{b64(digest(TYPESENSE))}{SECRET[:4]}{TYPESENSE}".encode()),
    "fastcomments": hexed(f"{int(NOW * 1000)}{FASTCOMMENTS}"),
    "bigbluebutton": (
        f"https://the-host/bigbluebutton/api/join?{BIGBLUEBUTTON}&checksum="
        + hashlib.sha256(f"join{BIGBLUEBUTTON}{SECRET}".encode()).hexdigest()
    ),
    "loyaltylion": hashlib.sha1(
        f"{ID}2027-01-15T08:00:00.250Z{EMAIL}{SECRET}".encode()
    ).hexdigest(),
}  # fmt: skip
RANDOM = {"ably", "looker"}  # these contain a nonce; see their own tests below


def test_every_scheme_is_tested() -> None:
    assert {slug for slug in scheme_slugs() if Scheme.load(slug).mac} == set(TOKENS) | RANDOM
    assert RANDOM.isdisjoint(TOKENS)


@pytest.mark.parametrize("slug", TOKENS)
def test_the_token_equals_one_of_the_standard_library(slug: str) -> None:
    signer = signer_of(slug)
    assert signer.sign(ANN) == TOKENS[slug]
    assert signer.issue(ANN).token == TOKENS[slug]


@pytest.mark.parametrize("slug", OF_ID)
def test_a_bare_id_is_signed_like_a_principal(slug: str) -> None:
    assert signer_of(slug).sign("42") == hexed("42")


@pytest.mark.parametrize("slug", ["intercom-hmac", "featurebase-hmac", "yourgpt", "supportwire"])
def test_the_address_of_a_principal_without_an_id_is_signed(slug: str) -> None:
    signed = signer_of(slug).issue(Principal(email="ann@b.example"))
    assert signed.token == hexed("ann@b.example")
    assert signed.principal_id is None
    assert "ann@b.example" in signed.fields.values()


def test_the_phone_number_of_a_principal_without_id_and_address_is_signed() -> None:
    signed = signer_of("yourgpt").issue(Principal(phone="+15550100"))
    assert signed.fields == {"phone": "+15550100", "user_hash": hexed("+15550100")}


def test_magicbell_signs_addresses_in_lower_case() -> None:
    signed = signer_of("magicbell-hmac").issue(Principal(email=EMAIL))
    assert signed.fields == {
        "userEmail": "ann@b.example",
        "userKey": b64(digest("ann@b.example")),
    }


def test_supportwire_signs_and_sends_ids_in_lower_case() -> None:
    signed = signer_of("supportwire").issue("User-1")
    assert signed.fields == {"userExternalUserId": "user-1", "userSignature": hexed("user-1")}


CONTEXTS: list[tuple[dict[str, Any], str]] = [
    ({"kind": "org", "key": "a:b%c"}, "org:a%3Ab%25c"),
    (
        {"kind": "multi", "user": {"key": "user-1"}, "org": {"key": "a"}},
        "org:a:user:user-1",
    ),
    (
        {"kind": "multi", "user": {"key": "user-1"}, "a.b-c_d": {"key": "1"}},
        "a.b-c_d:1:user:user-1",
    ),
    ({"kind": "multi", "org": {"key": "a"}}, "org:a"),
]


@pytest.mark.parametrize(("context", "key"), CONTEXTS)
def test_launchdarkly_signs_the_key_of_a_context(context: dict[str, Any], key: str) -> None:
    signed = signer_of("launchdarkly").issue(Principal("user-1", attributes={"context": context}))
    assert signed.fields == {"context": context, "key": "user-1", "hash": hexed(key)}


@pytest.mark.parametrize("kind", [[], {}, None, 7, True])
def test_a_context_with_a_kind_that_is_not_text_is_refused(kind: object) -> None:
    who = Principal("user-1", attributes={"context": {"kind": kind, "key": "1"}})
    with pytest.raises(InvalidPrincipal, match="context"):
        signer_of("launchdarkly").sign(who)


def test_novu_signs_a_context_and_the_subscriber() -> None:
    context = {"tenant": {"id": "acme", "data": {"é": 'say "\\"'}}, "app": [1, True, None]}
    canonical = '{"app":[1,true,null],"tenant":{"data":{"é":"say \\"\\\\\\""},"id":"acme"}}'
    who = Principal("user-1", attributes={"context": context})
    assert signer_of("novu").issue(who).fields == {
        "subscriber": "user-1",
        "subscriberHash": hexed("user-1"),
        "context": context,
        "contextHash": hexed(canonical),
    }
    assert set(signer_of("novu").issue("user-1").fields) == {"subscriber", "subscriberHash"}


def test_ably_signs_a_request_with_a_nonce() -> None:
    signer = signer_of("ably", settings={"key_name": "app.key"})
    signed = signer.issue("user-1")
    request = json.loads(signed.token)
    assert request == signed.fields
    assert len(request["nonce"]) >= 16
    lines = ["keyName", "ttl", "capability", "clientId", "timestamp", "nonce"]
    message = "".join(f"{request[name]}\n" for name in lines)
    assert request.pop("mac") == b64(digest(message))
    assert {**request, "nonce": ""} == {
        "keyName": "app.key",
        "ttl": 3_600_000,
        "capability": '{"*":["*"]}',
        "clientId": "user-1",
        "timestamp": 1_800_000_000_250,
        "nonce": "",
    }
    assert signer.sign("user-1") != signed.token
    assert signed.expires_at == SECONDS + 3600


def test_looker_signs_the_lines_of_its_url() -> None:
    url = urlsplit(signer_of("looker", settings={"host": "acme.looker.com:9999"}).sign(ANN))
    assert (url.scheme, url.netloc) == ("https", "acme.looker.com:9999")
    assert url.path == "/login/embed/%2Fembed%2Fdashboards%2F3"
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    signed = [
        "nonce",
        "time",
        "session_length",
        "external_user_id",
        "permissions",
        "models",
        "group_ids",
        "external_group_id",
        "user_attributes",
        "access_filters",
    ]
    message = "\n".join([url.netloc, url.path, *(query[name] for name in signed)])
    assert query["signature"] == b64(digest(message, "sha1"))
    assert {name: json.loads(query[name]) for name in signed[1:]} == {
        "time": SECONDS,
        "session_length": 3600,
        "external_user_id": ID,
        "permissions": ["see_user_dashboards"],
        "models": ["thelook"],
        "group_ids": [5],
        "external_group_id": "group-1",
        "user_attributes": {"vendor": "17"},
        "access_filters": {"sales": {"region": "north"}},
    }
    assert json.loads(query["first_name"]) == "Ann"


def test_looker_needs_only_permissions_and_models() -> None:
    attributes = {name: ATTRIBUTES[name] for name in ("target", "permissions", "models")}
    url = urlsplit(signer_of("looker").sign(Principal("u", attributes=attributes)))
    query = parse_qs(url.query)
    assert query["group_ids"] == ["[]"]
    assert query["external_group_id"] == ['""']
    assert query["user_attributes"] == query["access_filters"] == ["{}"]
    assert "first_name" not in query


@pytest.mark.parametrize(
    ("indices", "written"),
    [("", ""), ("films,more films", "restrictIndices=films%2Cmore%20films&")],
)
def test_algolia_writes_spaces_as_percent_codes(indices: str, written: str) -> None:
    settings = {"user_attribute": "visible_by", "restrict_indices": indices}
    signed = signer_of("algolia", settings=settings, lifetime=60).issue("ann")
    query = f"filters=visible_by%3A%22ann%22&{written}userToken=ann&validUntil={SECONDS + 60}"
    assert base64.b64decode(signed.token).decode() == hexed(query) + query
    assert signed.expires_at == SECONDS + 60


def test_the_example_of_bigbluebutton_which_has_another_call_and_hash() -> None:
    scheme = Scheme.from_mapping(
        {
            "slug": "bigbluebutton-create",
            "values": {"room": {}},
            "payload": {
                "format": "query",
                "encoding": "none",
                "content": {
                    "name": "{name}",
                    "meetingID": "{room}",
                    "attendeePW": "111222",
                    "moderatorPW": "333444",
                },
            },
            "mac": {
                "algorithm": "sha1",
                "construction": "suffix",
                "message": "create{payload}",
                "encoding": "hex",
            },
        }
    )
    who = Principal("u", name="Test Meeting", attributes={"room": "abc123"})
    signer = Signer(scheme, Keyring("639259d4-9dd8-4b25-bf01-95f9567eaf4b"))
    assert signer.sign(who) == "1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17"


def test_a_key_of_typesense_expires_if_that_is_asked_for() -> None:
    settings = {"user_field": "owner"}
    token = signer_of("typesense", settings=settings, lifetime=60).sign("ann")
    text = compact({"filter_by": "owner:=ann", "expires_at": SECONDS + 60})
    assert base64.b64decode(token).decode() == b64(digest(text)) + SECRET[:4] + text

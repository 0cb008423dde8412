"""The JSON Web Tokens of every scheme that has them, decoded by PyJWT."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any
from uuid import UUID

import jwt
import pytest

from countermark import Keyring, Principal, Scheme, Signer, Verifier, WeakKeyWarning
from countermark.keys._secret import SecretKey
from countermark.schemes import scheme_slugs
from tests.samples import ANN, ATTRIBUTES, NOW, SECRET, private_key, signer_of

NOW_S = int(NOW)
HOUR = NOW_S + 3600
ID, EMAIL, NAME = "user-1", "Ann@B.example", "Ann Lee"
PICTURE = "https://a.example/ann.png"
TWILIO = {
    "iss": "the-api_key_sid",
    "sub": "the-account_sid",
    "nbf": NOW_S,
    "exp": HOUR,
}

CLAIMS: dict[str, dict[str, Any]] = {
    "braze": {"sub": ID, "exp": HOUR, "aud": "braze", "iss": "the-api_key"},
    "canny-sso": {"id": ID, "email": EMAIL, "name": NAME, "avatarURL": PICTURE, "plan": "pro"},
    "cello": {"productId": "the-product_id", "productUserId": ID, "iat": NOW_S},
    "changelogfy": {"id": ID, "name": NAME, "email": EMAIL},
    "ckeditor": {
        "aud": "the-environment_id",
        "iat": NOW_S,
        "sub": ID,
        "user": {"email": EMAIL, "name": NAME},
        "auth": ATTRIBUTES["ckeditor_auth"],
    },
    "clad": {
        "aud": "clad_support_chat",
        "sub": ID,
        "widget_id": "the-widget_id",
        "workspace_id": "the-workspace_id",
        "iat": NOW_S,
        "exp": NOW_S + 900,
        "email": EMAIL,
        "name": NAME,
        "company_id": "c1",
    },
    "drift": {"sub": ID},
    "featurebase-jwt": {
        "userId": ID,
        "email": EMAIL,
        "name": NAME,
        "profilePicture": PICTURE,
        "companies": [{"id": "c1", "name": "Acme"}],
        "plan": "pro",
    },
    "feedbear": {"name": NAME, "email": EMAIL},
    "frill": {"email": EMAIL, "id": ID, "name": NAME, "avatar": PICTURE},
    "intercom-jwt": {
        "user_id": ID,
        "email": EMAIL,
        "name": NAME,
        "created_at": 1_700_000_000,
        "plan": "pro",
    },
    "knock": {
        "sub": ID,
        "iat": NOW_S,
        "exp": HOUR,
        "grants": {"https://api.example/u/1": {"read": [{}]}},
        "explicit_grants": True,
    },
    "magicbell-jwt": {
        "user_external_id": ID,
        "user_email": EMAIL,
        "api_key": "the-api_key",
        "exp": NOW_S + 86400,
    },
    "metabase-sso": {
        "email": EMAIL,
        "first_name": "Ann",
        "last_name": "Lee",
        "groups": ["staff"],
        "@tenant": "acme",
        "iat": NOW_S,
        "exp": NOW_S + 180,
        "plan": "pro",
    },
    "metabase-static": {
        "resource": {"dashboard": 7},
        "params": {"state": "on"},
        "exp": NOW_S + 600,
    },
    "nolt": {
        "id": ID,
        "email": EMAIL,
        "name": NAME,
        "imageUrl": PICTURE,
        "noltUserRole": "MODERATOR",
        "plan": "pro",
    },
    "onesignal-jwt": {
        "iss": "the-app_id",
        "exp": HOUR,
        "identity": {"external_id": ID},
        "subscriptions": [{"type": "Email", "token": "ann@b.example"}],
    },
    "pusher-beams": {
        "iss": "https://the-instance_id.pushnotifications.pusher.com",
        "sub": ID,
        "exp": NOW_S + 86400,
    },
    "seggwat-jwt": {
        "sub": ID,
        "project_key": "the-project_key",
        "iat": NOW_S,
        "exp": HOUR,
        "email": EMAIL,
        "name": NAME,
        "subscription_id": "sub_9",
    },
    "sigma": {
        "iss": "the-client_id",
        "sub": EMAIL,
        "iat": NOW_S,
        "exp": HOUR,
        "first_name": "Ann",
        "last_name": "Lee",
        "user_attributes": {"vendor": "17"},
        "account_type": "viewer",
        "teams": ["EmbedTeam"],
        "eval_connection_id": "connection-5",
    },
    "sleekplan": {
        "mail": EMAIL,
        "id": ID,
        "full_name": NAME,
        "img": PICTURE,
        "weight": 3,
        "meta": {"plan": "pro"},
    },
    "smile-io": {"dest": "api.smile.io", "sub": f"the-id_type:{ID}", "exp": NOW_S + 300},
    "stream-chat": {"user_id": ID, "iat": NOW_S},
    "sunshine-conversations": {"scope": "user", "external_id": ID},
    "talkjs-jwt": {"tokenType": "user", "iss": "the-app_id", "sub": ID, "exp": NOW_S + 86400},
    "typewise": {"user_email": EMAIL, "iat": NOW_S, "exp": NOW_S + 86400, "plan": "pro"},
    "userback": {"email": EMAIL, "name": NAME, "avatar_url": PICTURE, "iat": NOW_S},
    "userjot-jwt": {
        "sub": ID,
        "iss": "the-project_id",
        "aud": "userjot",
        "iat": NOW_S,
        "exp": NOW_S + 900,
        "email": EMAIL,
        "firstName": "Ann",
        "lastName": "Lee",
        "avatar": PICTURE,
    },
    "uservitals": {"email": EMAIL, "name": NAME},
    "uservoice": {"guid": ID, "email": EMAIL, "display_name": NAME},
    "website-toolbox": {
        "email": EMAIL,
        "name": NAME,
        "username": "ann",
        "avatarURL": PICTURE,
        "iss": "the-issuer",
        "iat": NOW_S,
        "exp": NOW_S + 300,
    },
    "zendesk-messaging": {
        "scope": "user",
        "external_id": ID,
        "name": NAME,
        "email": EMAIL,
        "email_verified": True,
    },
    "livekit": {
        "iss": "the-api_key",
        "sub": ID,
        "nbf": NOW_S,
        "exp": NOW_S + 21600,
        "name": NAME,
        "metadata": '{"seat":4}',
        "video": {
            "roomJoin": True,
            "room": "room-1",
            "canPublish": True,
            "canSubscribe": True,
            "canPublishData": False,
        },
    },
    "jaas": {
        "aud": "jitsi",
        "iss": "chat",
        "sub": "the-app_id",
        "room": "room-1",
        "nbf": NOW_S,
        "exp": NOW_S + 7200,
        "context": {
            "features": {"recording": True},
            "user": {
                "id": ID,
                "name": NAME,
                "email": EMAIL,
                "avatar": PICTURE,
                "moderator": "false",
            },
        },
    },
    "zoom-video": {
        "app_key": "the-sdk_key",
        "role_type": 1,
        "tpc": "session-1",
        "version": 1,
        "iat": NOW_S,
        "exp": NOW_S + 7200,
        "user_key": ID,
    },
    "daily": {
        "r": "room-1",
        "d": "the-domain_id",
        "iat": NOW_S,
        "exp": HOUR,
        "ud": ID,
        "u": NAME,
        "o": False,
    },
    "twilio-video": TWILIO | {"grants": {"identity": ID, "video": {"room": "room-1"}}},
    "twilio-conversations": TWILIO
    | {"grants": {"identity": ID, "chat": {"service_sid": "the-service_sid"}}},
    "twilio-sync": TWILIO
    | {"grants": {"identity": ID, "data_sync": {"service_sid": "the-service_sid"}}},
    "twilio-voice": TWILIO
    | {
        "grants": {
            "identity": ID,
            "voice": {
                "incoming": {"allow": True},
                "outgoing": {"application_sid": "the-application_sid"},
            },
        }
    },
    "centrifugo": {
        "sub": ID,
        "iat": NOW_S,
        "aud": "the-audience",
        "iss": "the-issuer",
        "info": {"color": "red"},
        "meta": {"plan": "pro"},
        "channels": ["news"],
    },
    "centrifugo-channel": {
        "sub": ID,
        "channel": "private-foobar",
        "iat": NOW_S,
        "aud": "the-audience",
        "iss": "the-issuer",
        "info": {"color": "red"},
    },
    "ably-jwt": {
        "iat": NOW_S,
        "exp": HOUR,
        "x-ably-capability": "the-capability",
        "x-ably-clientId": ID,
    },
    "superset": {
        "resources": [{"type": "dashboard", "id": "d-7"}],
        "rls_rules": [{"clause": "tenant_id = 7"}],
        "iat": NOW_S,
        "exp": NOW_S + 300,
        "aud": "the-audience",
        "type": "guest",
        "user": {"username": ID, "first_name": "Ann", "last_name": "Lee"},
    },
    "tableau": {
        "iss": "the-client_id",
        "exp": NOW_S + 300,
        "aud": "tableau",
        "sub": EMAIL,
        "scp": ["tableau:views:embed"],
    },
    "cube": {"sub": ID, "iat": NOW_S, "plan": "pro"},
    "firebase": {
        "iss": "the-client_email",
        "sub": "the-client_email",
        "aud": "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1"
        ".IdentityToolkit",
        "iat": NOW_S,
        "exp": HOUR,
        "uid": ID,
        "tenant_id": "the-tenant_id",
        "claims": {"premium": True},
    },
    "supabase": {
        "aud": "authenticated",
        "sub": ID,
        "role": "reader",
        "iss": "the-issuer",
        "iat": NOW_S,
        "exp": HOUR,
        "email": EMAIL,
        "phone": "+15550100",
    },
    "hasura": {
        "sub": ID,
        "iat": NOW_S,
        "aud": "the-audience",
        "iss": "the-issuer",
        "https://hasura.io/jwt/claims": {
            "x-hasura-default-role": "editor",
            "x-hasura-allowed-roles": ["editor", "viewer"],
            "x-hasura-user-id": ID,
            "x-hasura-org-id": "org-9",
        },
    },
    "meilisearch": {
        "apiKeyUid": "the-api_key_uid",
        "searchRules": {"orders": {"filter": "plan = pro"}},
    },
    "kustomer": {"externalId": ID, "iat": NOW_S},
    "zendesk-sso": {
        "iat": NOW_S,
        "name": NAME,
        "email": EMAIL,
        "external_id": ID,
        "organization": "Acme",
        "remote_photo_url": PICTURE,
    },
    "tiny-drive": {
        "sub": ID,
        "name": NAME,
        "exp": NOW_S + 600,
        "https://claims.tiny.cloud/drive/root": "/user-1",
    },
    "tiptap": {
        "sub": ID,
        "allowedDocumentNames": ["doc-1"],
        "readonlyDocumentNames": ["doc-2"],
    },
    "lightdash": {
        "user": {"externalId": ID},
        "content": {
            "type": "dashboard",
            "dashboardUuid": "d73e7841-9342-4afd-8e29-b4a416a2498c",
        },
        "userAttributes": {"vendor": "17"},
        "exp": HOUR,
    },
    "holistics": {
        "settings": {},
        "permissions": {"row_based": [{"path": "orders.plan", "values": ["pro"]}]},
        "filters": {},
        "exp": HOUR,
    },
    "powersync": {"sub": ID, "aud": "the-audience", "iat": NOW_S, "exp": NOW_S + 300},
    "grafana-jwt": {
        "sub": ID,
        "email": EMAIL,
        "name": NAME,
        "role": "Viewer",
        "iat": NOW_S,
        "exp": NOW_S + 300,
    },
    "vonage-video": {
        "application_id": "the-application_id",
        "session_id": "session-1",
        "role": "publisher",
        "connection_data": ID,
        "subject": "video",
        "scope": "session.connect",
        "acl": {"paths": {"/session/**": {}}},
        "iat": NOW_S,
        "exp": NOW_S + 900,
    },
    "aws-ivs": {
        "aws:channel-arn": "private-foobar",
        "aws:access-control-allow-origin": "the-allowed_origin",
        "aws:viewer-id": ID,
        "exp": NOW_S + 600,
    },
    "coral": {
        "iat": NOW_S,
        "user": {
            "id": ID,
            "email": EMAIL,
            "username": NAME,
            "role": "COMMENTER",
            "badges": ["subscriber"],
        },
    },
    "emqx": {
        "username": ID,
        "exp": HOUR,
        "acl": [
            {"permission": "allow", "action": "all", "topic": "the-user_topics/user-1/#"},
            {"permission": "deny", "action": "all", "topic": "#"},
            {"permission": "deny", "action": "all", "topic": "$SYS/#"},
        ],
    },
    "gitbook": {"iat": NOW_S, "exp": NOW_S + 7200, "plan": "pro"},
    "jitsi": {
        "aud": "the-audience",
        "iss": "the-app_id",
        "sub": "the-domain",
        "room": "room-1",
        "exp": HOUR,
        "context": {"user": {"id": ID, "name": NAME, "email": EMAIL, "avatar": PICTURE}},
    },
    "synapse-jwt": {"sub": ID, "iss": "the-issuer", "aud": "the-audience"},
    "membrane": {
        "id": ID,
        "name": NAME,
        "fields": {"color": "red"},
        "iss": "the-workspace_key",
        "iat": NOW_S,
        "exp": HOUR,
    },
    "posthog-push": {
        "sub": ID,
        "app_id": "the-app_id",
        "aud": "posthog:push_identity",
        "exp": HOUR,
    },
    "mercure-0": {
        "sub": ID,
        "iat": NOW_S,
        "exp": HOUR,
        "mercure": {"subscribe": [f"the-user_topics/{ID}"], "payload": {"color": "red"}},
    },
    "mercure": {
        "iss": "the-issuer",
        "sub": ID,
        "client_id": "the-issuer",
        "aud": "the-audience",
        "iat": NOW_S,
        "exp": HOUR,
        "authorization_details": [
            {
                "type": "https://mercure.rocks/authorization-detail",
                "actions": ["subscribe"],
                "topics": [{"match": "the-user_topics/user-1/*", "match_type": "urlpattern"}],
                "payload": {"color": "red"},
            }
        ],
    },
    "onlyoffice": {
        "document": ATTRIBUTES["document"],
        "editorConfig": {
            "callbackUrl": "https://app.example/saved",
            "mode": "view",
            "user": {"id": ID, "name": NAME},
        },
    },
    "paragon": {
        "sub": ID,
        "aud": "useparagon.com/the-project_id",
        "iat": NOW_S,
        "exp": HOUR,
    },
    "postgrest": {"role": "reader", "sub": ID, "aud": "the-audience", "iat": NOW_S},
    "prismatic": {
        "sub": ID,
        "external_id": ID,
        "name": NAME,
        "organization": "the-organization",
        "customer": "cus_123",
        "customer_name": "Acme",
        "role": "user",
        "iat": NOW_S,
        "exp": NOW_S + 600,
    },
    "tinybird": {
        "workspace_id": "the-workspace_id",
        "name": ID,
        "exp": NOW_S + 600,
        "scopes": [
            {
                "type": "PIPES:READ",
                "resource": "the-pipe",
                "fixed_params": {"user_id": ID},
            }
        ],
    },
    "iterable": {"email": EMAIL, "iat": NOW_S, "exp": HOUR},
    "iterable-user-id": {"userId": ID, "iat": NOW_S, "exp": HOUR},
    "suprsend": {
        "entity_type": "subscriber",
        "entity_id": ID,
        "iat": NOW_S,
        "exp": HOUR,
        "scope": {"tenant_id": "tenant-3"},
    },
    "engagespot-jwt": {"sub": "user:user-1", "apiKey": "the-api_key", "iat": NOW_S},
    "watsonx-assistant": {"sub": ID, "exp": HOUR},
    "saasquatch": {
        "user": {
            "id": ID,
            "accountId": "account-7",
            "email": EMAIL,
            "firstName": "Ann",
            "lastName": "Lee",
        }
    },
    "quackback": {
        "sub": ID,
        "email": EMAIL,
        "name": NAME,
        "avatarURL": PICTURE,
        "iat": NOW_S,
        "exp": NOW_S + 300,
        "plan": "pro",
    },
    "suggest-feature": {
        "email": EMAIL,
        "name": NAME,
        "profilePic": PICTURE,
        "iat": NOW_S,
        "exp": NOW_S + 1800,
    },
    "tiledesk": {
        "_id": f"the-project_id_{ID}",
        "firstname": "Ann",
        "lastname": "Lee",
        "email": EMAIL,
        "sub": "userexternal",
        "aud": "https://tiledesk.com/projects/the-project_id",
    },
    "ferndesk": {
        "sub": ID,
        "email": EMAIL,
        "name": NAME,
        "customAttributes": {"seats": "4"},
        "exp": HOUR,
    },
    "algomo": {
        "id": ID,
        "name": NAME,
        "email": EMAIL,
        "avatar": PICTURE,
        "companyId": "c1",
        "companyName": "Acme",
        "customData": {"seats": "4"},
        "exp": NOW_S + 30,
    },
    "aha": {
        "iat": NOW_S,
        "sub": ID,
        "first_name": "Ann",
        "last_name": "Lee",
        "email": EMAIL,
    },
    "agentic-trust-jwt": {"sub": ID, "email": EMAIL, "name": NAME, "exp": HOUR},
    "bettermode": {
        "sub": ID,
        "email": EMAIL,
        "name": NAME,
        "tagline": "Reads everything",
        "iat": NOW_S,
        "exp": NOW_S + 60,
    },
    "suggix": {"email": EMAIL, "name": NAME, "id": ID, "photo_url": PICTURE},
    "announcekit": {"id": ID, "name": NAME, "email": EMAIL},
    "productlane": {
        "email": EMAIL,
        "name": NAME,
        "imageUrl": PICTURE,
        "tokenValidity": 15,
        "iat": NOW_S,
    },
    "applied": {"sub": ID, "email": EMAIL, "plan": "pro", "exp": HOUR},
    "verly": {"sub": ID, "name": NAME, "email": EMAIL, "exp": HOUR},
    "refref": {
        "sub": ID,
        "productId": "the-product_id",
        "email": EMAIL,
        "name": NAME,
        "iat": NOW_S,
        "exp": NOW_S + 86400,
    },
    "reditus": {"ProductId": "the-product_id", "UserId": ID, "iat": NOW_S},
}
ALGORITHMS = {
    "aws-ivs": "ES384",
    "braze": "RS256",
    "cello": "HS512",
    "firebase": "RS256",
    "engagespot-jwt": "RS256",
    "grafana-jwt": "RS256",
    "jaas": "RS256",
    "knock": "RS256",
    "onesignal-jwt": "ES256",
    "paragon": "RS256",
    "powersync": "ES256",
    "prismatic": "RS256",
    "reditus": "HS512",
    "supabase": "ES256",
    "suprsend": "ES256",
    "tiny-drive": "RS256",
    "vonage-video": "RS256",
    "watsonx-assistant": "RS256",
}
KEY_IDS = {
    "ably-jwt": "the-key_name",
    "jaas": "the-key_id",
    "powersync": "the-key_id",
    "sigma": "the-client_id",
    "sunshine-conversations": "the-key_id",
    "supabase": "the-key_id",
    "tableau": "the-secret_id",
    "zendesk-messaging": "the-key_id",
}
#: Other entries of headers.
HEADERS = {
    slug: {"cty": "twilio-fpa;v=1", "twr": "the-region"}
    for slug in CLAIMS
    if slug.startswith("twilio-")
}
HEADERS["tableau"] = {"iss": "the-client_id"}
HEADERS["mercure"] = {"typ": "at+jwt"}
NO_TIMES: Any = {f"verify_{name}": False for name in ("exp", "iat", "nbf", "aud")}


def decoded(slug: str, token: str) -> dict[str, Any]:
    algorithm = ALGORITHMS.get(slug, "HS256")
    key = SECRET if algorithm.startswith("HS") else private_key(algorithm)[1]
    claims: dict[str, Any] = jwt.decode(token, key, [algorithm], options=NO_TIMES)
    return claims


def test_every_scheme_is_tested() -> None:
    assert {slug for slug in scheme_slugs() if Scheme.load(slug).jwt} == set(CLAIMS)


@pytest.mark.parametrize("slug", CLAIMS)
def test_pyjwt_decodes_the_expected_claims(slug: str) -> None:
    signed = signer_of(slug).issue(ANN)
    claims = decoded(slug, signed.token)
    if "jti" in claims:  # random, so it is not in CLAIMS
        assert UUID(claims.pop("jti").removeprefix("urn:uuid:")).version == 4
    assert claims == CLAIMS[slug]
    header = {"alg": ALGORITHMS.get(slug, "HS256"), "typ": "JWT"}
    if slug in KEY_IDS:
        header["kid"] = KEY_IDS[slug]
    header |= HEADERS.get(slug, {})
    assert jwt.get_unverified_header(signed.token) == header
    assert signed.expires_at == claims.get("exp")


@pytest.mark.parametrize("slug", CLAIMS)
def test_pyjwt_refuses_the_token_with_another_key(slug: str) -> None:
    algorithm = ALGORITHMS.get(slug, "HS256")
    fresh_pair = private_key.__wrapped__  # not the one that is kept
    key = "x" * 80 if algorithm.startswith("HS") else fresh_pair(algorithm)[1]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(signer_of(slug).sign(ANN), key, [algorithm], options=NO_TIMES)


# Digits alone are a guest's id at Synapse.
@pytest.mark.parametrize("slug", sorted(CLAIMS.keys() - {"synapse-jwt"}))
def test_every_token_contains_ids_as_text(slug: str) -> None:
    who = Principal(42, email=EMAIL, name=NAME, attributes=ATTRIBUTES)
    claims = decoded(slug, signer_of(slug).sign(who))
    flat = json.dumps(claims)
    assert ": 42" not in flat
    if any("user-1" in str(value) for value in CLAIMS[slug].values()):
        assert '42"' in flat


@pytest.mark.parametrize(
    "slug", [slug for slug in CLAIMS if Scheme.load(slug).expires and "exp" not in CLAIMS[slug]]
)
def test_lifetime_adds_an_expiry_to_the_token(slug: str) -> None:
    signed = signer_of(slug, lifetime=60).issue(ANN)
    assert decoded(slug, signed.token)["exp"] == NOW_S + 60 == signed.expires_at


def test_iterable_signs_the_token_that_the_vendor_publishes() -> None:
    published = Keyring(SecretKey.of_example("2EB6A2F34691492F81A819AEDA32427F"))
    scheme = Scheme.load("iterable")
    signer = Signer(scheme, published, lifetime=1, clock=lambda: 1_599_693_218)
    assert signer.sign(Principal("u", email="test@iterable.com")) == (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
        "eyJlbWFpbCI6InRlc3RAaXRlcmFibGUuY29tIiwiaWF0IjoxNTk5NjkzMjE4LCJleHAiOjE1OTk2OTMyMTl9."
        "eDbexB7CnK2jGsXvHfYENrCEkblrLKxgMNbmlfJHXUA"
    )


@pytest.mark.parametrize(
    ("slug", "secret", "id", "after_header"),
    [
        (
            "synapse-jwt",
            "my-secret-token",
            "test-user",
            "eyJzdWIiOiJ0ZXN0LXVzZXIifQ.Ag71GT8v01UO3w80aqRPTeuVPBIBZkYhNTJJ-_-zQIc",
        ),
        (
            "drift",
            "your-256-bit-secret",
            "12345",
            "eyJzdWIiOiIxMjM0NSJ9.22H1g2b8yxmkcEY1Fhku4AhNl-M40P5Sl_B2ktSUdv8",
        ),
    ],
)
def test_the_token_that_the_vendor_publishes_is_valid_and_has_the_same_claims(
    slug: str, secret: str, id: str, after_header: str
) -> None:
    published = f"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.{after_header}"
    keyring = Keyring(SecretKey.of_example(secret))
    with pytest.warns(WeakKeyWarning):
        verifier = Verifier(slug, keyring, allow_short_secret=True)
    with pytest.warns(WeakKeyWarning):
        signed = Signer(slug, keyring).sign(id)
    assert verifier.verify(published).principal_id == id
    assert signed.split(".")[1] == published.split(".")[1]


def test_signed_values_of_intercom_are_not_in_the_fields() -> None:
    signed = signer_of("intercom-jwt").issue(ANN)
    assert signed.fields == {"intercom_user_jwt": signed.token}


@pytest.mark.parametrize("slug", ["featurebase-jwt", "magicbell-jwt"])
def test_one_of_two_optional_values_is_required(slug: str) -> None:
    from countermark import InvalidPrincipal

    signer = signer_of(slug)
    assert EMAIL in decoded(slug, signer.sign(Principal(email=EMAIL))).values()
    with pytest.raises(InvalidPrincipal, match="it needs the principal's id or email") as caught:
        signer.sign(Principal(phone="+15550100"))
    assert caught.value.code == "principal_field"


def test_tokens_that_are_valid_once_differ_at_the_same_time() -> None:
    signer = signer_of("sigma")
    assert signer.sign(ANN) != signer.sign(ANN)


def test_the_payload_has_the_expected_bytes() -> None:
    token = signer_of("stream-chat").sign("jöhn")
    payload = token.split(".")[1]
    assert urlsafe_b64decode(payload + "=" * (-len(payload) % 4)) == (
        b'{"user_id":"j\\u00f6hn","iat":1800000000}'
    )

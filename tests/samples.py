"""A principal who has everything, and a signer for each scheme of the catalogue."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from countermark import Keyring, Principal, Scheme, Signer

#: Hexadecimal, so that it serves where the key is text and where it is decoded.
SECRET = "0123456789abcdef" * 5
NOW = 1_800_000_000.25

#: The attributes of the schemes, with example values.
ATTRIBUTES: dict[str, Any] = {
    "access_filters": {"sales": {"region": "north"}},
    "account_id": "account-7",
    "agent": "agent-7",
    "allowed_documents": ["doc-1"],
    "avatar_url": "https://a.example/ann.png",
    "badges": ["subscriber"],
    "bbb_role": "VIEWER",
    "callback_url": "https://app.example/saved",
    "can_publish": True,
    "can_publish_data": False,
    "can_subscribe": True,
    "centrifugo_channels": ["news"],
    "channel": "private-foobar",
    "ckeditor_auth": {"collaboration": {"doc-1": {"role": "writer"}}},
    "companies": [{"id": "c1", "name": "Acme"}],
    "company_id": "c1",
    "company_name": "Acme",
    "coral_role": "COMMENTER",
    "create_time": 1531155809613,
    "custom_attributes": {"seats": "4"},
    "customer_id": "cus_123",
    "daily_owner": False,
    "dashboard": "d73e7841-9342-4afd-8e29-b4a416a2498c",
    "discourse_add_groups": "staff,beta",
    "discourse_admin": False,
    "discourse_groups": "members",
    "discourse_moderator": False,
    "discourse_remove_groups": "trial",
    "document": {"key": "k1", "url": "https://app.example/1.docx", "permissions": {"edit": False}},
    "drive_root": "/user-1",
    "email_verified": True,
    "fastcomments_admin": False,
    "fastcomments_groups": ["staff"],
    "fastcomments_moderator": False,
    "firebase_claims": {"premium": True},
    "first_name": "Ann",
    "grafana_role": "Viewer",
    "hasura_allowed_roles": ["editor", "viewer"],
    "hasura_default_role": "editor",
    "image_url": "https://a.example/ann.png",
    "incoming_allow": True,
    "info": {"color": "red"},
    "jaas_features": {"recording": True},
    "jaas_moderator": False,
    "knock_explicit_grants": True,
    "knock_grants": {"https://api.example/u/1": {"read": [{}]}},
    "last_name": "Lee",
    "looker_external_group_id": "group-1",
    "looker_group_ids": [5],
    "membrane_fields": {"color": "red"},
    "meta": {"plan": "pro"},
    "metabase_groups": ["staff"],
    "metabase_tenant": "acme",
    "metadata": '{"seat":4}',
    "mode": "view",
    "models": ["thelook"],
    "nolt_role": "MODERATOR",
    "nonce": "cb68251eefb5211e58c00ff1395f0c0b",
    "onesignal_subscriptions": [{"type": "Email", "token": "ann@b.example"}],
    "org_id": "org-9",
    "organization": "Acme",
    "params": {"state": "on"},
    "permissions": ["see_user_dashboards"],
    "phone_number": "+15550199",
    "plan": "pro",
    "postgres_role": "reader",
    "prismatic_role": "user",
    "pusher_watchlist": ["user-2"],
    "readonly_documents": ["doc-2"],
    "require_activation": True,
    "resource": {"dashboard": 7},
    "resources": [{"type": "dashboard", "id": "d-7"}],
    "rls_rules": [{"clause": "tenant_id = 7"}],
    "room": "room-1",
    "row_permissions": {"row_based": [{"path": "orders.plan", "values": ["pro"]}]},
    "search_rules": {"orders": {"filter": "plan = pro"}},
    "session_id": "session-1",
    "sigma_account_type": "viewer",
    "sigma_connection_id": "connection-5",
    "sigma_teams": ["EmbedTeam"],
    "sleekplan_weight": 3,
    "socket_id": "1234.1234",
    "subscription_id": "sub_9",
    "suprsend_scope": {"tenant_id": "tenant-3"},
    "tableau_scopes": ["tableau:views:embed"],
    "tableau_username": "Ann@B.example",
    "tagline": "Reads everything",
    "target": "/embed/dashboards/3",
    "token_validity": 15,
    "topic": "session-1",
    "user_attributes": {"vendor": "17"},
    "username": "ann",
    "video_role": "publisher",
    "zendesk_organization": "Acme",
    "zoom_role_type": 1,
}
ANN = Principal(
    "user-1",
    email="Ann@B.example",
    phone="+15550100",
    name="Ann Lee",
    created=1_700_000_000,
    attributes=ATTRIBUTES,
)


@cache
def private_key(kind: str) -> tuple[str, str]:
    """Return a private key in PEM, and its public one."""
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind == "RS256":
        key = rsa.generate_private_key(65537, 2048)
    else:
        key = ec.generate_private_key(ec.SECP384R1() if kind == "ES384" else ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def signer_of(slug: str, **options: Any) -> Signer:
    """Return a signer with settings that are called by their own names, and without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are ambiguous; that has tests of its own
        return build_signer(slug, **options)


def build_signer(slug: str, **options: Any) -> Signer:
    """Return the same signer, warnings included."""
    scheme = Scheme.load(slug)
    algorithm = scheme.jwt.algorithm if scheme.jwt else ""
    key = private_key(algorithm)[0] if algorithm[:2] in {"RS", "ES"} else SECRET
    given: dict[str, Any] = {
        "settings": {name: f"the-{name}" for name in scheme.settings},
        "claims": ["plan"] if scheme.jwt and scheme.jwt.attributes else (),
        "clock": lambda: NOW,
    }
    return Signer(scheme, Keyring(key), **given | options)

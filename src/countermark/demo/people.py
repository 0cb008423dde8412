"""The users of the demo, with a value for each attribute that a scheme signs."""

from __future__ import annotations

from typing import Any, NamedTuple

from countermark import Principal
from countermark.demo import USERS

ATTRIBUTES: dict[str, Any] = {
    "access_filters": {"sales": {"region": "north"}},
    "account_id": "acme",
    "agent": "agent-7",
    "allowed_documents": ["doc-1"],
    "avatar_url": "https://app.example/avatar.png",
    "badges": ["subscriber"],
    "bbb_role": "VIEWER",
    "callback_url": "https://app.example/saved",
    "can_publish": True,
    "can_publish_data": False,
    "can_subscribe": True,
    "centrifugo_channels": ["news"],
    "channel": "private-room-1",
    "ckeditor_auth": {"collaboration": {"doc-1": {"role": "writer"}}},
    "companies": [{"id": "acme", "name": "Acme"}],
    "company_id": "acme",
    "company_name": "Acme",
    "coral_role": "COMMENTER",
    "create_time": 1531155809613,
    "custom_attributes": {"seats": "4"},
    "daily_owner": False,
    "dashboard": "d73e7841-9342-4afd-8e29-b4a416a2498c",
    "discourse_add_groups": "staff",
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
    "grafana_role": "Viewer",
    "hasura_allowed_roles": ["editor", "viewer"],
    "hasura_default_role": "editor",
    "image_url": "https://app.example/avatar.png",
    "incoming_allow": True,
    "info": {"color": "red"},
    "jaas_features": {"recording": True},
    "jaas_moderator": False,
    "knock_explicit_grants": True,
    "knock_grants": {"https://api.example/documents/1": {"read": [{}]}},
    "looker_external_group_id": "group-1",
    "looker_group_ids": [5],
    "membrane_fields": {"color": "red"},
    "meta": {"plan": "pro"},
    "metabase_groups": ["staff"],
    "metabase_tenant": "acme",
    "metadata": '{"seat":4}',
    "mode": "view",
    "models": ["orders"],
    "nolt_role": "MODERATOR",
    "nonce": "cb68251eefb5211e58c00ff1395f0c0b",
    "onesignal_subscriptions": [{"type": "Email", "token": "ada@moreno.example"}],
    "org_id": "org-9",
    "organization": "Acme",
    "params": {"state": "on"},
    "permissions": ["see_user_dashboards"],
    "phone_number": "+15550100",
    "plan": "pro",
    "postgres_role": "reader",
    "prismatic_role": "user",
    "pusher_watchlist": ["user-2"],
    "readonly_documents": ["doc-2"],
    "require_activation": False,
    "resource": {"dashboard": 7},
    "resources": [{"type": "dashboard", "id": "d-7"}],
    "rls_rules": [{"clause": "tenant_id = 7"}],
    "room": "room-1",
    "row_permissions": {"row_based": [{"path": "orders.plan", "values": ["pro"]}]},
    "search_rules": {"orders": {"filter": "plan = pro"}},
    "session_id": "session-1",
    "session_length": 900,
    "sigma_account_type": "viewer",
    "sigma_connection_id": "connection-5",
    "sigma_teams": ["EmbedTeam"],
    "sleekplan_weight": 3,
    "socket_id": "1234.5678",
    "suprsend_scope": {"tenant_id": "acme"},
    "tableau_scopes": ["tableau:views:embed"],
    "tagline": "Works at Acme",
    "target": "/embed/dashboards/3",
    "token_validity": 15,
    "topic": "session-1",
    "user_attributes": {"region": "north"},
    "video_role": "publisher",
    "zendesk_organization": "Acme",
    "zoom_role_type": 0,
}


class Person(NamedTuple):
    """A user of the demo.

    Attributes:
        number: The position in :data:`countermark.demo.USERS`.
        name: The name on the page.
        principal: What schemes sign.
    """

    number: int
    name: str
    principal: Principal


def _person(number: int, name: str, email: str) -> Person:
    first, _, last = name.partition(" ")
    own = {
        "customer_id": f"cus_{number}",
        "first_name": first,
        "last_name": last,
        "subscription_id": f"sub_{number}",
        "tableau_username": email,
        "username": first.lower(),
    }
    principal = Principal(
        USERS[number],
        email=email,
        phone=f"+1555010{number}",
        name=name,
        created=1_700_000_000 + 86_400 * number,
        attributes=ATTRIBUTES | own,
    )
    return Person(number, name, principal)


PEOPLE = (
    _person(0, "Ada Moreno", "ada@moreno.example"),
    _person(1, "Ben Okafor", "ben@okafor.example"),
    _person(2, "Cleo Lind", "cleo@lind.example"),
)


def person_of(id: object) -> Person | None:
    """Return the user with this id, or None."""
    return next((person for person in PEOPLE if person.principal.id == id), None)


def principal_of(id: object) -> Principal | None:
    """Return the principal with this id, or None."""
    person = person_of(id)
    return None if person is None else person.principal

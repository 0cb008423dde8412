"""The principal in an entry of the session, the state or the environ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countermark._redaction import guarded
from countermark.errors import ConfigurationError
from countermark.principal import Identifier, Principal
from countermark.resolvers._actor import actor_text
from countermark.resolvers._places import (
    CERTIFICATE,
    ENVIRON,
    OWN_USER_ID,
    SESSIONS,
    check_name,
    check_place,
)
from countermark.signing._principal_lookup import Resolver


@guarded
def from_session(
    key: str,
    *,
    session: str = "session",
    actor: str | None = None,
    risk_client_input: bool = False,
) -> Resolver:
    """Resolve by the entry *key* of a session.

    Args:
        key: The entry that holds the id.
        session: The key of the session: ``session`` in the scope of Starlette's
            ``SessionMiddleware``, ``beaker.session`` in the environ of Beaker's.
        actor: The entry that is set while staff act as the user: their id, or True.
            While it is set, no token is signed unless ``sign_impersonated=True``.
        risk_client_input: Accept another *session*. If clients can write to it, they get
            tokens for any user. Parts of the request are refused nevertheless.

    Raises:
        ConfigurationError: *session* is not known to be a session, or is a part of the
            request, which clients write.
    """
    check_place(session, SESSIONS, "Use one of these", risk_client_input=risk_client_input)
    return _from_mapping(key, session, actor)


@guarded
def from_state(key: str, *, actor: str | None = None) -> Resolver:
    """Resolve by the entry *key* that an outer ASGI middleware has put into ``scope["state"]``.

    Choose an entry that your authentication sets, and not a copy of a part of the request,
    such as a request id.

    Args:
        key: The entry that holds the id.
        actor: As for :func:`from_session`.

    Raises:
        ConfigurationError: *key* begins with an underscore, as do entries of frameworks.
            Litestar keeps the parsed request in such an entry.
    """
    check_name(key, "the key")
    if key.startswith("_"):
        raise ConfigurationError(
            "an entry that begins with an underscore belongs to the framework, and may hold the"
            " request; choose the entry that your authentication sets"
        )
    return _from_mapping(key, "state", actor)


@guarded
def from_environ(key: str = "REMOTE_USER", *, risk_client_input: bool = False) -> Resolver:
    """Resolve by the environ variable *key*, by default the one that WSGI servers set.

    Its text is decoded as UTF-8. An empty one means anonymous.

    Args:
        key: ``REMOTE_USER``; ``countermark.user_id``, which the application's own
            middleware may set; or one of mod_ssl's ``SSL_CLIENT_S_DN``,
            ``SSL_CLIENT_S_DN_CN``, ``SSL_CLIENT_S_DN_Email``, ``SSL_CLIENT_S_DN_UID``,
            ``SSL_CLIENT_SAN_Email_0`` and ``SSL_CLIENT_SAN_OTHER_msUPN_0``. Those of
            mod_ssl count only if ``SSL_CLIENT_VERIFY`` is ``SUCCESS``.
        risk_client_input: Accept another *key*. If clients can write that variable, they
            get tokens for any user. Parts of the request are refused nevertheless.

    Do not pass nginx's ``$remote_user`` as ``REMOTE_USER`` without ``auth_basic``: no password
    has proved that name.

    Raises:
        ConfigurationError: *key* is not known to hold an identity, or is a part of the
            request, which clients write.
    """
    own = f'Set environ["{OWN_USER_ID}"] in your own middleware'
    check_place(key, ENVIRON, own, risk_client_input=risk_client_input)
    of_certificate = key in CERTIFICATE

    def resolve(environ: Mapping[str, Any]) -> Identifier | None:
        if of_certificate and environ.get("SSL_CLIENT_VERIFY") != "SUCCESS":
            return None
        value = environ.get(key)
        if not isinstance(value, str):
            return value
        # PEP 3333: the bytes of a native string are its Latin-1 code points.
        return value.encode("latin-1").decode() or None

    return resolve


def _from_mapping(key: str, place: str, actor: str | None) -> Resolver:
    check_name(key, "the key")
    if actor is not None:
        check_name(actor, "actor=")

    def resolve(source: Mapping[str, Any]) -> Identifier | Principal | None:
        entries = source.get(place)
        identifier: Identifier | None = None if entries is None else entries.get(key)
        if actor is None or identifier is None or entries is None:
            return identifier
        acting = actor_text(entries.get(actor))
        return identifier if acting is None else Principal(identifier, actor=acting)

    return resolve

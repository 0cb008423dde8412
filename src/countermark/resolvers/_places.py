"""The keys of a scope or environ that hold an identity, and those that clients can write.

Sources: PEP 3333, the ASGI specification, Apache's mod_ssl and server/util_script.c.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from countermark._redaction import shown
from countermark.errors import ConfigurationError

#: The keys that are reserved for the application's own middleware. No server sets them.
OWN_USER_ID = "countermark.user_id"
OWN_USER = "countermark.user"

#: The variables of a client certificate. Apache's ``SSLVerifyClient optional_no_ca`` also sets
#: them for self-made certificates, so they count only with ``SSL_CLIENT_VERIFY=SUCCESS``.
CERTIFICATE = frozenset(
    {
        "SSL_CLIENT_S_DN",
        "SSL_CLIENT_S_DN_CN",
        "SSL_CLIENT_S_DN_Email",
        "SSL_CLIENT_S_DN_UID",
        "SSL_CLIENT_SAN_Email_0",
        "SSL_CLIENT_SAN_OTHER_msUPN_0",
    }
)

# REDIRECT_REMOTE_USER is not here: a common rewrite rule for CGI copies the client's whole
# Authorization header into it. AUTH_USER and LOGON_USER are missing, as no test runs IIS.
ENVIRON = frozenset({"REMOTE_USER", OWN_USER_ID}) | CERTIFICATE

#: Starlette, Litestar and Channels use ``session``; Beaker uses ``beaker.session``.
SESSIONS = frozenset({"session", "beaker.session"})

USERS = frozenset({"user", OWN_USER})

# No option allows these. The lists need not be complete, as the lists above come first.
_REQUEST_VARIABLE = re.compile(
    "(REDIRECT_)*((HTTP|CONTENT|PATH|QUERY|REQUEST|RAW|SCRIPT|SERVER|GATEWAY)_.+"
    "|THE_REQUEST|REMOTE_(ADDR|HOST|PORT|IDENT)|SSL_TLS_SNI|AUTH_TYPE|(REDIRECT_)+URL)",
    re.IGNORECASE,
)
_REQUEST_PREFIXES = ("bottle.", "route.", "webob.", "werkzeug.", "wsgi.", "wsgiorg.", "falcon.")
_REQUEST_PARTS = re.compile(
    "app|app_root_path|asgi|body|client|cookies|endpoint|extensions|form|headers|http_version|json"
    "|method|params|path|path_params|path_template|query|query_string|raw_path|root_path|route"
    "|route_handler|router|scheme|server|subprotocols|type",
    re.IGNORECASE,
)


#: Parts of the request that a message may name.
REQUEST_NAMES = (
    "QUERY_STRING",
    "REQUEST_URI",
    "PATH_INFO",
    "THE_REQUEST",
    "headers",
    "path_params",
)


def check_name(name: object, where: str) -> None:
    """Raise ``ConfigurationError`` if *name* is not text; the message begins with *where*."""
    if not isinstance(name, str):
        raise ConfigurationError(f"{where} must be text, not {type(name).__name__}")


def check_place(key: str, known: AbstractSet[str], own: str, *, risk_client_input: bool) -> None:
    """Refuse a *key* that is not one of the *known* ones, unless the option allows it.

    Args:
        key: The key of the scope or environ.
        known: The keys that hold an identity.
        own: The advice for values that the application sets itself.
        risk_client_input: The option of the resolver.

    Raises:
        ConfigurationError: *key* is part of the request, or not known to hold an identity.
    """
    check_name(key, "the name of the place")
    if key in known:
        return
    if (
        _REQUEST_VARIABLE.fullmatch(key)
        or _REQUEST_PARTS.fullmatch(key)
        or key.lower().startswith(_REQUEST_PREFIXES)
    ):
        raise ConfigurationError(
            f"{shown(key, REQUEST_NAMES)} is part of the request, which clients write;"
            " use from_proxy_header() to trust a header"
        )
    if risk_client_input is not True:
        raise ConfigurationError(
            f"{shown(key, known)} is not known to hold an identity; the known ones are"
            f" {', '.join(sorted(known))}. {own}, or pass risk_client_input=True if no"
            " client can write it"
        )

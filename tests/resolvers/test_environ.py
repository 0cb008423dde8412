"""The environ variables that are identity, and all the others."""

from __future__ import annotations

import pytest

from countermark import ConfigurationError
from countermark.resolvers import from_environ, from_user

CERTIFICATE = [
    "SSL_CLIENT_S_DN",
    "SSL_CLIENT_S_DN_CN",
    "SSL_CLIENT_S_DN_Email",
    "SSL_CLIENT_S_DN_UID",
    "SSL_CLIENT_SAN_Email_0",
    "SSL_CLIENT_SAN_OTHER_msUPN_0",
]

REQUEST = [
    "REDIRECT_QUERY_STRING",
    "REDIRECT_REDIRECT_QUERY_STRING",
    "REDIRECT_HTTP_AUTHORIZATION",
    "REDIRECT_URL",
    "THE_REQUEST",
    "SSL_TLS_SNI",
    "AUTH_TYPE",
    "REMOTE_IDENT",
    "HTTP_REMOTE_USER",
    "http_x_user",
    "QUERY_STRING",
    "wsgi.input",
    "wsgiorg.routing_args",
    "bottle.request.query",
    "route.url_args",
    "werkzeug.request",
]

UNKNOWN = [
    "REDIRECT_REMOTE_USER",
    "remote_user",
    "AUTH_USER",
    "LOGON_USER",
    "UNMAPPED_REMOTE_USER",
    "SSL_CLIENT_M_SERIAL",
    "SSL_CLIENT_CERT",
    "SSL_CLIENT_VERIFY",
    "SSL_SESSION_ID",
    "UNIQUE_ID",
    "app.user_id",
    "",
]


@pytest.mark.parametrize("key", REQUEST)
def test_no_option_allows_a_part_of_the_request(key: str) -> None:
    for risk in (False, True):
        with pytest.raises(ConfigurationError, match="part of the request, which clients write"):
            from_environ(key, risk_client_input=risk)
        with pytest.raises(ConfigurationError, match="part of the request, which clients write"):
            from_user("id", key=key, risk_client_input=risk)


@pytest.mark.parametrize("key", UNKNOWN)
def test_an_unknown_variable_needs_risk_client_input(key: str) -> None:
    with pytest.raises(ConfigurationError, match="is not known to hold an identity") as caught:
        from_environ(key)
    assert 'Set environ["countermark.user_id"] in your own middleware' in str(caught.value)
    assert "risk_client_input=True if no client can write it" in str(caught.value)
    assert from_environ(key, risk_client_input=True)({key: "user-1"}) == "user-1"
    for unclear in ("yes", 1):
        with pytest.raises(ConfigurationError):
            from_environ(key, risk_client_input=unclear)  # type: ignore[arg-type]


def test_an_application_can_set_its_own_variable() -> None:
    assert from_environ("countermark.user_id")({"countermark.user_id": 7}) == 7


@pytest.mark.parametrize("key", CERTIFICATE)
def test_a_client_certificate_counts_only_after_its_verification(key: str) -> None:
    resolve = from_environ(key)
    assert resolve({key: "CN=Ann", "SSL_CLIENT_VERIFY": "SUCCESS"}) == "CN=Ann"
    for verify in ("NONE", "GENEROUS", "FAILED:self-signed", "success", ""):
        assert resolve({key: "CN=Ann", "SSL_CLIENT_VERIFY": verify}) is None
    assert resolve({key: "CN=Ann"}) is None
    assert resolve({"SSL_CLIENT_VERIFY": "SUCCESS"}) is None

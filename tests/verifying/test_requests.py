"""The same behind both protocols: who gets in, and each code of a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import (
    Keyring,
    Principal,
    SecretKey,
    Signer,
    Verifier,
)
from countermark.verifying import AllowedOrigins, from_cookie, from_header, from_query
from tests.conftest import SECRET
from tests.verifying.protocols import (
    APP,
    ASGI,
    DATED,
    FLOW_SIGNER,
    FLOW_VERIFIER,
    GOOD,
    HEADER,
    OLD,
    ORIGIN,
    OTHER,
    TOKEN,
    WSGI,
    Protocol,
    dated,
    stigg,
)

# Verified


@pytest.mark.parametrize("mode", ["enforce", "monitor"])
def test_a_valid_token_is_allowed_and_identifies_the_principal(
    protocol: Protocol, mode: str
) -> None:
    visit = protocol(TOKEN, mode=mode)
    assert (visit.status, visit.body, visit.headers) == (200, b"ok", {})
    assert visit.identity is not None
    assert visit.verdict is not None
    assert visit.identity.principal_id == visit.verdict.claimed_id == "user-1"
    assert visit.verdict.identity is visit.identity
    assert (visit.verdict.code, visit.verdict.admitted_by) == ("verified", "token")
    assert (visit.verdict.role, visit.verdict.mode) == ("current", mode)
    assert visit.verdict.key_id == visit.identity.key_id
    assert (visit.verdict.scheme, visit.verdict.environment) == ("stigg", "test")
    assert visit.verdict.correlation_id is None


@pytest.mark.parametrize("id", ["a,b", "HMAC-SHA256 a:b,HMAC-SHA256 c:d"])
def test_an_id_may_hold_a_comma(protocol: Protocol, id: str) -> None:
    visit = protocol(stigg(id))
    assert visit.identity is not None
    assert visit.identity.principal_id == id


def test_a_bare_signature_with_its_id_from_the_query(protocol: Protocol) -> None:
    options: dict[str, Any] = {
        "verifier": FLOW_VERIFIER,
        "token": from_query("signature"),
        "claimed_id": from_query("customerReference"),
    }
    signature = FLOW_SIGNER.sign("user-1").replace("+", "%2B").replace("=", "%3D")
    query = f"customerReference=user-1&signature={signature}".encode()
    visit = protocol(query=query, **options)
    assert visit.identity is not None
    assert visit.identity.principal_id == "user-1"
    for wrong in (
        query.replace(b"user-1", b"user-2"),
        query.replace(b"customerReference=user-1", b""),
        query.replace(b"user-1", b"user-1%0A"),
    ):
        assert not protocol(query=wrong, **options).reached
    assert protocol(query=query + b"&customerReference=user-1", **options).code == "ambiguous"


def test_a_token_in_a_cookie_and_an_id_that_the_application_knows(protocol: Protocol) -> None:
    options: dict[str, Any] = {"token": from_cookie("token")}
    cookie = (b"cookie", f"a=b; token={GOOD}".encode())
    assert protocol(cookie, **options).status == 200
    assert protocol(cookie, **options, claimed_id=lambda source: "user-1").status == 200
    assert protocol(cookie, **options, claimed_id=lambda source: Principal("user-1")).status == 200


def test_a_token_for_another_id_or_without_an_id_is_a_mismatch(protocol: Protocol) -> None:
    for principal in ("user-2", None):
        visit = protocol(TOKEN, claimed_id=lambda source, who=principal: who)
        assert visit.code == "mismatch"


# Each code


def test_missing(protocol: Protocol) -> None:
    assert protocol().code == "missing"
    assert protocol((HEADER, b"")).code == "missing"
    assert protocol((b"authorization", GOOD.encode())).code == "missing"


@pytest.mark.parametrize(
    "token",
    [
        b"HMAC-SHA256 user-1:",
        b" ",
        b"x" * 65536,
        b"\xff\xfe",
        "HMAC-SHA256 ü:".encode() + b"0" * 64,
        GOOD.encode() + b"\xc3",
        GOOD.encode().upper(),
        b"\x00",
        GOOD.encode() + b"\n",
    ],
)
def test_malformed(protocol: Protocol, token: bytes) -> None:
    assert protocol((HEADER, token)).code == "malformed"


def test_mismatch(protocol: Protocol) -> None:
    assert protocol(stigg(secret=OTHER)).code == "mismatch"
    assert protocol((HEADER, GOOD.replace("user-1", "user-2").encode())).code == "mismatch"


@pytest.mark.parametrize("name", [b"x-customer-key", b"X-CUSTOMER-KEY", b"X_CUSTOMER_KEY"])
@pytest.mark.parametrize("other", [GOOD.encode(), b"evil", b"", stigg("user-2", OTHER)[1]])
def test_ambiguous(protocol: Protocol, name: bytes, other: bytes) -> None:
    """The attacker's favourite: one header for each of two programs."""
    for headers in ([TOKEN, (name, other)], [(name, other), TOKEN]):
        assert protocol(*headers).code == "ambiguous"


def test_a_header_with_underscores_alone_is_ambiguous_where_that_shows() -> None:
    assert ASGI((b"x_customer_key", GOOD.encode())).code == "ambiguous"
    # WSGI cannot tell; and a good token is good.
    assert WSGI((b"x_customer_key", GOOD.encode())).code == "verified"


def test_a_comma_makes_an_invalid_value_ambiguous_if_servers_join_values(
    protocol: Protocol,
) -> None:
    for headers in ([(HEADER, b"a, b")], [(HEADER, GOOD.encode() + b",")]):
        assert protocol(*headers).code == "ambiguous"
    by_id: dict[str, Any] = {
        "verifier": FLOW_VERIFIER,
        "token": "X-Signature",
        "claimed_id": from_header("X-Id"),
    }
    signature = (b"x-signature", FLOW_SIGNER.sign("user-1").encode())
    assert protocol(signature, (b"x-id", b"user-1,user-2"), **by_id).code == "ambiguous"
    assert protocol(signature, (b"x-id", b"user-2"), **by_id).code == "mismatch"
    assert protocol(query=b"t=a,b", token=from_query("t")).code == "malformed"
    by_function = {**by_id, "claimed_id": lambda source: "user-1,user-2"}
    assert protocol(signature, **by_function).code == "mismatch"


@pytest.mark.parametrize(
    ("now", "code"), [(1050, "verified"), (1061, "expired"), (999, "not_yet_valid")]
)
def test_expired_and_not_yet_valid(protocol: Protocol, now: float, code: str) -> None:
    token = Signer(DATED, Keyring(SECRET), clock=lambda: 1000).sign("user-1")
    visit = protocol((HEADER, token.encode()), verifier=dated(now), token="X-Customer-Key")
    assert visit.code == code


def test_retired_key(protocol: Protocol) -> None:
    ended = SecretKey(OLD, until=1000)
    ring = Keyring(SECRET, previous=ended)
    assert protocol(stigg(secret=OLD), verifier=Verifier("stigg", ring)).code == "retired_key"
    before = Verifier("stigg", ring, clock=lambda: 999)
    visit = protocol(stigg(secret=OLD), verifier=before)
    assert visit.verdict is not None
    assert (visit.code, visit.verdict.role) == ("verified", "previous")


def test_wrong_environment(protocol: Protocol) -> None:
    verifier = Verifier(
        "stigg", Keyring(SECRET), environment="live", other_environments={"test": Keyring(OTHER)}
    )
    assert protocol(stigg(secret=OTHER), verifier=verifier).code == "wrong_environment"


def test_origin_refused_comes_before_the_token(protocol: Protocol) -> None:
    for token in (TOKEN, stigg(secret=OTHER)):
        visit = protocol(token, (b"origin", b"https://evil.example"), origins=[APP])
        assert visit.code == "origin_refused"
    visit = protocol(TOKEN, ORIGIN, origins=[APP])
    assert visit.verdict is not None
    assert (visit.code, visit.verdict.origin) == ("verified", APP)
    assert protocol(TOKEN, ORIGIN, ORIGIN, origins=[APP]).code == "origin_refused"
    lenient = AllowedOrigins([APP], missing="allow")
    assert protocol(TOKEN, origins=lenient).code == "verified"
    assert protocol(origins=lenient).code == "missing"

"""Tenants with keys of their own: a signed and a verified request, with up to 100,000 of them."""

from __future__ import annotations

from random import Random

from benchmarks.asgi_peers import answer
from benchmarks.growth.requests import (
    answered,
    in_turn,
    secret_of,
    status_of,
    tenant_scope,
    token_of,
    token_scope,
)
from benchmarks.measure import Bar, Suite, Variant
from benchmarks.subject import USER_ID
from countermark import Keyring, PerTenant, Principal, Signer, Verifier
from countermark.asgi import App, Scope, SigningMiddleware, VerifyingMiddleware

_BARE = "bare application"
_ONE = "one key for all"


def signed_suite(most: int) -> Suite:
    """Return signed requests of users of 1, 1,000 and *most* tenants, each with its own key."""
    one = SigningMiddleware(answer, signers=_signer_of("0"), principal=_principal)
    variants = [
        Variant(_BARE, in_turn(lambda tenant: answered(answer, tenant_scope(tenant)), ["0"])),
        Variant(
            _ONE,
            in_turn(lambda tenant: answered(one, tenant_scope(tenant)), ["0"]),
            _BARE,
            ours=True,
        ),
    ]
    for count in (1, 1_000, most):
        signers = PerTenant(_signer_of, size=count, seconds=3600)
        app = SigningMiddleware(answer, signers=signers, principal=_principal)
        variants.append(_signed(app, count))
    return Suite(
        "ASGI, signed, each tenant with its own key, all loaded before",
        variants,
        [Bar(f"signed, {most:,} tenants / one", 3, _name(most), _name(1))],
        count=200,
    )


def verified_suite(most: int) -> Suite:
    """Return requests with tokens of 1, 1,000 and *most* tenants."""
    one = VerifyingMiddleware(answer, verifier=_verifier_of("0"), mode="enforce")
    token = token_of(secret_of(0))
    assert status_of(one, token_scope(token)) == 200
    variants = [
        Variant(_BARE, in_turn(lambda token: answered(answer, token_scope(token)), [token])),
        Variant(
            _ONE,
            in_turn(lambda token: answered(one, token_scope(token)), [token]),
            _BARE,
            ours=True,
        ),
    ]
    for count in (1, 1_000, most):
        app = VerifyingMiddleware(
            answer,
            verifier=PerTenant(_verifier_of, size=count, seconds=3600),
            mode="enforce",
            token="x-customer-key",
            tenant=_tenant,
        )
        variants.append(_verified(app, count))
    return Suite(
        "ASGI, verified, each tenant with its own key, all loaded before",
        variants,
        [Bar(f"verified, {most:,} tenants / one", 3, _name(most), _name(1))],
        count=200,
    )


def _signer_of(tenant: str) -> Signer:
    """Return the signer of a tenant, the number of its key."""
    return Signer("stigg", Keyring(secret_of(int(tenant))))


def _verifier_of(tenant: str) -> Verifier:
    return Verifier("stigg", Keyring(secret_of(int(tenant))))


def _principal(scope: Scope) -> Principal:
    return Principal(USER_ID, tenant=scope["tenant"])


def _tenant(scope: Scope) -> str:
    tenant: str = scope["tenant"]
    return tenant


def _signed(app: App, count: int) -> Variant:
    block = in_turn(lambda tenant: answered(app, tenant_scope(tenant)), _shuffled(count))
    block(count)
    return Variant(_name(count), block, _BARE, ours=True)


def _verified(app: App, count: int) -> Variant:
    pairs = [(token_of(secret_of(int(tenant))), tenant) for tenant in _shuffled(count)]
    assert status_of(app, token_scope(*pairs[-1])) == 200
    block = in_turn(lambda pair: answered(app, token_scope(*pair)), pairs)
    block(count)
    return Variant(_name(count), block, _BARE, ours=True)


def _shuffled(count: int) -> list[str]:
    """Return the tenants in an order in which neighbours in memory are not neighbours in time."""
    return [str(number) for number in Random(1).sample(range(count), count)]


def _name(count: int) -> str:
    return f"{count:,} tenant{'s' if count > 1 else ''}"

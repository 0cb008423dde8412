"""Behind both protocols: each tenant with keys of its own."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from countermark import (
    Keyring,
    PerTenant,
    Verifier,
    wsgi,
)
from countermark.keys._tenant_cache import TenantCache
from countermark.verifying import from_header
from tests.conftest import SECRET, Events
from tests.drivers import wsgi_answer
from tests.verifying.protocols import (
    OTHER,
    TOKEN,
    VERIFIER,
    WSGI,
    Protocol,
    Tenants,
    stigg,
)


def test_each_tenant_has_its_own_verifier(protocol: Protocol) -> None:
    tenants = Tenants()
    options: dict[str, Any] = {
        "verifier": tenants, "token": "X-Customer-Key", "tenant": from_header("X-Tenant")
    }  # fmt: skip
    for _ in range(2):
        for tenant, secret in tenants.keys.items():
            visit = protocol(stigg(secret=secret), (b"x-tenant", tenant.encode()), **options)
            assert visit.verdict is not None
            assert (visit.code, visit.verdict.tenant) == ("verified", tenant)
            assert visit.identity is not None
            assert visit.identity.tenant == tenant
        visit = protocol(stigg(secret=OTHER), (b"x-tenant", b"acme"), **options)
        assert visit.code == "mismatch"


def test_a_tenants_verifier_is_loaded_once() -> None:
    tenants = Tenants()
    seen: list[Any] = []
    middleware = wsgi.VerifyingMiddleware(
        wsgi_answer(before=lambda environ: seen.append(environ[wsgi.VERDICT_KEY].code)),
        verifier=tenants,
        token="X-Customer-Key",
        tenant=lambda environ: "acme",
        mode="enforce",
    )
    for _ in range(3):
        middleware(WSGI.source([TOKEN]), lambda *_: None)  # type: ignore[arg-type]
    assert seen == ["verified"] * 3
    assert tenants.loaded == ["acme"]


def test_a_tenants_verifier_is_asked_for_again_after_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key that was taken away, and a tenant who has gone, are not good for ever."""
    now, tenants = [0.0], Tenants()
    cache = partial(TenantCache, clock=lambda: now[0])
    monkeypatch.setattr("countermark.verifying._tenants.TenantCache", cache)
    middleware = wsgi.VerifyingMiddleware(
        wsgi_answer(),
        verifier=tenants,
        token="X-Customer-Key",
        tenant=lambda environ: "acme",
        mode="enforce",
    )

    def status() -> str:
        got: list[str] = []
        start: Any = lambda status, headers: got.append(status)  # noqa: E731
        middleware(WSGI.source([TOKEN]), start)
        return got[0][:3]

    assert status() == "200"
    tenants.keys["acme"] = OTHER
    now[0] = 44.9
    assert status() == "200"
    now[0] = 60
    assert status() == "401"
    del tenants.keys["acme"]
    now[0] = 120
    assert status() == "403"


def test_unknown_tenants_do_not_evict_known_ones() -> None:
    tenants = Tenants()
    middleware = wsgi.VerifyingMiddleware(
        wsgi_answer(),
        verifier=PerTenant(tenants, size=1),
        token="X-Customer-Key",
        tenant=from_header("X-Tenant"),
        mode="monitor",
    )
    for tenant in (b"acme", b"nobody", b"else", b"acme"):
        middleware(WSGI.source([TOKEN, (b"x-tenant", tenant)]), lambda *_: None)  # type: ignore[arg-type]
    assert tenants.loaded == ["acme", "nobody", "else"]


@pytest.mark.parametrize(
    ("tenant", "error"),
    [
        ("nobody", None),
        (None, None),
        ("", None),
        ("a\nb", None),
        (True, "InvalidPrincipal"),
        (["acme"], "InvalidPrincipal"),
        ("broken", "OSError"),
        ("odd", "ConfigurationError"),
        ("bare", "ConfigurationError"),
    ],
)
def test_unknown_tenant(protocol: Protocol, events: Events, tenant: Any, error: str | None) -> None:
    visit = protocol(
        TOKEN, verifier=Tenants(), token="X-Customer-Key", tenant=lambda source: tenant,
        on_event=events,
    )  # fmt: skip
    assert (visit.code, visit.status) == ("unknown_tenant", 403)
    failed = [(event.reason, event.error) for event in events.named("failed")]
    assert failed == ([] if error is None else [("tenant_raised", error)])


def test_a_duplicate_or_unreadable_tenant_is_unknown(protocol: Protocol, events: Events) -> None:
    def raises(source: Any) -> str:
        raise KeyError("somebody")

    twice = [(b"x-tenant", b"acme")] * 2
    for verifier in (Tenants(), VERIFIER):
        options: dict[str, Any] = {"verifier": verifier, "token": "X-Customer-Key"}
        assert protocol(TOKEN, tenant=raises, **options).code == "unknown_tenant"
    visit = protocol(
        TOKEN, *twice, verifier=Tenants(), token="X-Customer-Key", tenant=from_header("X-Tenant")
    )
    assert visit.code == "unknown_tenant"


def test_with_one_verifier_for_all_a_tenant_is_only_noted(protocol: Protocol) -> None:
    for tenant, noted in (("acme", "acme"), (7, "7"), (None, None)):
        visit = protocol(TOKEN, tenant=lambda source, of=tenant: of)
        assert visit.verdict is not None
        assert (visit.code, visit.verdict.tenant) == ("verified", noted)
    # An allowance and a meter count by it, so it must be text that can be one.
    for odd in ("a\nb", "", True, object()):
        assert protocol(TOKEN, tenant=lambda source, of=odd: of).code == "unknown_tenant"


def test_a_tenant_with_loopback_origins_must_not_be_live(
    protocol: Protocol, events: Events
) -> None:
    def load(tenant: str) -> Verifier:
        return Verifier("stigg", Keyring(SECRET), environment=tenant)

    options: dict[str, Any] = {
        "verifier": load, "token": "X-Customer-Key", "origins": ["http://localhost:3000"]
    }  # fmt: skip
    origin = (b"origin", b"http://localhost:3000")
    assert protocol(TOKEN, origin, tenant=lambda source: "test", **options).code == "verified"
    visit = protocol(TOKEN, origin, tenant=lambda source: "live", on_event=events, **options)
    assert visit.code == "unknown_tenant"
    assert [event.error for event in events.named("failed")] == ["ConfigurationError"]

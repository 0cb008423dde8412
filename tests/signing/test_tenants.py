"""Signers by tenant: each tenant uses its own keys only."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from countermark import ConfigurationError, Keyring, PerTenant, Principal, Signer, asgi, wsgi
from countermark.keys import _tenant_cache as tenant_cache
from countermark.keys._tenant_cache import KEPT_FOR
from countermark.signing import _tenants as tenants
from tests.conftest import Events
from tests.drivers import answer, call, header, http_scope, request, wsgi_answer

SECRETS = {name: f"the-secret-of-tenant-{name}-with-enough-bytes" for name in ("acme", "umbrella")}
SIGNERS = {
    "acme": Signer("stigg", Keyring(SECRETS["acme"])),
    "umbrella": Signer("stigg", Keyring(SECRETS["umbrella"]), header="Umbrella-Token"),
}


class Loader:
    """Loads the tenants above, and records the ids that it was called with."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, tenant: str) -> Signer | None:
        self.asked.append(tenant)
        return SIGNERS.get(tenant)


@pytest.fixture
def load() -> Loader:
    return Loader()


def middleware(load: Any, events: Events | None = None, app: Any = None) -> asgi.SigningMiddleware:
    return asgi.SigningMiddleware(
        app or answer([(b"x-app", b"1")]),
        signers=load,
        principal=lambda scope: scope["principal"],
        on_event=events,
    )


def of(tenant: Any, id: str = "user-1") -> Principal:
    return Principal(id, tenant=tenant)


def test_each_tenant_signs_with_its_own_key(load: Loader) -> None:
    app = middleware(load)
    (acme, _) = request(app, http_scope(principal=of("acme")))
    (umbrella, _) = request(app, http_scope(principal=of("umbrella")))
    assert header(acme, b"stigg-customer-token") == SIGNERS["acme"].sign("user-1").encode()
    assert header(acme, b"umbrella-token") is None
    assert header(umbrella, b"umbrella-token") == SIGNERS["umbrella"].sign("user-1").encode()
    assert header(umbrella, b"stigg-customer-token") is None
    for start in (acme, umbrella):
        assert header(start, b"cache-control") == b"private, no-store"
        assert header(start, b"vary") == b"Cookie, Authorization"
        assert header(start, b"x-app") == b"1"


def test_each_tenant_signs_with_its_own_key_under_wsgi(load: Loader) -> None:
    app = wsgi.SigningMiddleware(
        wsgi_answer(), signers=load, principal=lambda environ: environ["app.principal"]
    )
    for tenant, name in {"acme": "Stigg-Customer-Token", "umbrella": "Umbrella-Token"}.items():
        result = call(app, **{"app.principal": of(tenant)})
        assert result.header(name) == SIGNERS[tenant].sign("user-1")


def test_a_header_of_that_name_from_the_application_is_replaced(load: Loader) -> None:
    app = middleware(load, app=answer([(b"Umbrella-Token", b"stale")]))
    for _ in range(2):  # the second time, the name is known to mean nothing to caches
        (start, _) = request(app, http_scope(principal=of("umbrella")))
        assert header(start, b"umbrella-token") == SIGNERS["umbrella"].sign("user-1").encode()
        assert header(start, b"cache-control") == b"private, no-store"
        (start, _) = request(app, http_scope(principal=of("acme")))
        assert header(start, b"umbrella-token") == b"stale"


def test_an_anonymous_response_varies(load: Loader) -> None:
    (start, _) = request(middleware(load), http_scope(principal=None))
    assert header(start, b"vary") == b"Cookie, Authorization"
    assert header(start, b"cache-control") is None
    assert load.asked == []


@pytest.mark.parametrize("principal", ["user-1", Principal("user-1"), of("nobody"), of("Acme")])
def test_an_unknown_tenant_gets_no_token_and_one_event(
    load: Loader, events: Events, principal: Any
) -> None:
    seen: list[Any] = []

    def read(scope: Any) -> None:
        identity = scope["state"]["countermark"]
        seen.extend([identity.payload(), list(identity), identity.get("stigg"), identity.marker])

    app = middleware(load, events, app=answer([], before=read))
    (start, _) = request(app, http_scope(principal=principal))
    assert seen == [{}, [], None, None]
    assert header(start, b"stigg-customer-token") is None
    assert [(event.name, event.reason, event.principal) for event in events] == [
        ("failed", "unknown_tenant", None)
    ]


def test_a_tenant_is_loaded_once_and_an_unknown_one_each_time(load: Loader) -> None:
    app = middleware(load)
    for tenant in ("acme", "acme", "nobody", "acme", "nobody"):
        request(app, http_scope(principal=of(tenant)))
    assert load.asked == ["acme", "nobody", "nobody"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the clock of the caches of tenants, as a list with one number."""
    now = [1000.0]
    defaults = tenant_cache.TenantCache.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "clock", lambda: now[0])
    return now


@pytest.mark.parametrize("side", ["asgi", "wsgi"])
def test_a_new_key_of_a_tenant_signs_after_a_minute_without_a_restart(
    side: str, clock: list[float]
) -> None:
    keys = [
        "the-old-key-of-a-tenant-with-enough-bytes",
        "the-new-key-of-a-tenant-with-enough-bytes",
    ]
    current = [keys[0]]

    def load(tenant: str) -> Signer:
        return Signer("stigg", Keyring(current[0]))

    def token() -> str | None:
        if side == "asgi":
            (start, _) = request(app, http_scope(principal=of("acme")))
            value: bytes | None = header(start, b"stigg-customer-token")
            return None if value is None else value.decode()
        return call(app).header("Stigg-Customer-Token")

    app: Any = (
        middleware(load)
        if side == "asgi"
        else wsgi.SigningMiddleware(
            wsgi_answer(), signers=load, principal=lambda environ: of("acme")
        )
    )
    old, new = (Signer("stigg", Keyring(key)).sign("user-1") for key in keys)
    assert token() == old
    current[0] = keys[1]
    clock[0] += KEPT_FOR * 0.74
    assert token() == old
    clock[0] += KEPT_FOR * 0.26
    assert token() == new


def test_signers_that_have_expired_do_not_sign_while_the_loader_fails(
    clock: list[float], events: Events
) -> None:
    broken = [False]

    def load(tenant: str) -> Signer:
        if broken[0]:
            raise OSError
        return SIGNERS["acme"]

    app = middleware(load, events)
    request(app, http_scope(principal=of("acme")))
    broken[0] = True
    clock[0] += KEPT_FOR
    (start, _) = request(app, http_scope(principal=of("acme")))
    assert header(start, b"stigg-customer-token") is None
    assert [(e.reason, e.error) for e in events][1:] == [("tenant_raised", "OSError")]
    broken[0] = False
    (start, _) = request(app, http_scope(principal=of("acme")))
    assert header(start, b"stigg-customer-token")


def test_a_loader_that_raises_is_an_event(events: Events) -> None:
    def load(tenant: str) -> Signer:
        raise OSError(tenant)

    (start, _) = request(middleware(load, events), http_scope(principal=of("acme")))
    assert header(start, b"stigg-customer-token") is None
    assert [(event.reason, event.error) for event in events] == [("tenant_raised", "OSError")]


def test_a_loader_that_returns_another_type_is_an_event(events: Events) -> None:
    request(middleware(lambda tenant: ["stigg"], events), http_scope(principal=of("acme")))
    assert [(e.reason, e.error) for e in events] == [("tenant_raised", "ConfigurationError")]


def test_an_async_loader_is_refused() -> None:
    async def load(tenant: str) -> None: ...

    with pytest.raises(ConfigurationError, match="signers= must not be async"):
        middleware(load)


HOSTILE = ["ACME", "../acme", "acmé", "ａｃｍｅ", "acme/../umbrella", "acme.", "0", "None"]


@pytest.mark.parametrize("tenant", HOSTILE)
def test_a_hostile_tenant_id_reaches_no_other_key(load: Loader, tenant: str) -> None:
    app = middleware(load)
    request(app, http_scope(principal=of("acme")))

    def principal(scope: Any) -> Principal:
        return Principal("user-1", tenant=tenant)

    hostile = asgi.SigningMiddleware(answer(), signers=load, principal=principal)
    (start, _) = request(hostile, http_scope())
    assert header(start, b"stigg-customer-token") is None
    assert header(start, b"umbrella-token") is None


def test_a_number_and_its_text_are_one_tenant_and_true_is_invalid(load: Loader) -> None:
    kept = tenants.TenantSigners({"1": SIGNERS["acme"]}.get)
    assert kept.of(str(of(1).tenant)) is kept.of("1")
    with pytest.raises(
        Exception, match="the tenant's id must be a str, an int or a UUID, not bool"
    ):
        of(True)


def test_only_the_latest_tenants_are_kept() -> None:
    asked: list[str] = []

    def load(tenant: str) -> Signer:
        asked.append(tenant)
        return SIGNERS["acme"]

    kept = tenants.TenantSigners(PerTenant(load, size=3))
    for tenant in "abcadaeb":
        kept.of(tenant)
    assert asked == ["a", "b", "c", "d", "e", "b"]
    assert len(kept._kept) == 3


def test_another_tenant_in_the_same_request_uses_its_own_key(load: Loader) -> None:
    tokens: list[str] = []

    def switch(scope: Any) -> None:
        identity = scope["state"]["countermark"]
        tokens.append(identity["stigg"].token)
        identity.identify(of("umbrella"))
        tokens.append(identity["stigg"].token)

    app = middleware(load, app=answer([], before=switch))
    (start, _) = request(app, http_scope(principal=of("acme")))
    assert tokens == [SIGNERS[name].sign("user-1") for name in ("acme", "umbrella")]
    assert header(start, b"umbrella-token") == tokens[1].encode()
    assert header(start, b"stigg-customer-token") is None


def test_an_anonymous_request_has_no_tokens(load: Loader) -> None:
    found: list[Any] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        identity = scope["state"]["countermark"]
        with pytest.raises(KeyError):
            identity["stigg"]
        found.append(dict(identity))
        await answer()(scope, receive, send)

    request(middleware(load, app=page), http_scope(principal=None))
    assert found == [{}]
    assert load.asked == []


def test_each_thread_gets_the_signers_of_its_tenant(load: Loader) -> None:
    app = wsgi.SigningMiddleware(
        wsgi_answer(), signers=load, principal=lambda environ: environ["app.principal"]
    )
    wrong: list[str] = []

    def visit(tenant: str, name: str) -> None:
        for number in range(300):
            who = f"user-{number}"
            result = call(app, **{"app.principal": of(tenant, who)})
            if result.header(name) != SIGNERS[tenant].sign(who):
                wrong.append(who)

    threads = [
        threading.Thread(target=visit, args=pair)
        for pair in [("acme", "Stigg-Customer-Token"), ("umbrella", "Umbrella-Token")] * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_request_keeps_the_keys_of_its_tenant(clock: list[float], events: Events) -> None:
    """Even if they expire meanwhile, and the tenant is gone."""
    times = iter([SIGNERS["acme"]])
    seen: list[Any] = []

    def load(tenant: str) -> Signer | None:
        return next(times, None)

    def read(scope: Any) -> None:
        identity = scope["state"]["countermark"]
        seen.append(identity.payload())
        clock[0] += KEPT_FOR
        seen.extend([len(identity), identity["stigg"].token])

    (start, _) = request(
        middleware(load, events, app=answer([], before=read)), http_scope(principal=of("acme"))
    )
    assert seen[1:] == [1, SIGNERS["acme"].sign("user-1")]
    assert header(start, b"stigg-customer-token") == seen[2].encode()
    assert [event.name for event in events] == ["signed"]

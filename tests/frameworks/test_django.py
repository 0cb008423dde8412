"""Django's own users: logins and logouts, threads and event loops, templates, errors."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from countermark import ConfigurationError, EventCounter, Keyring, Principal, Signer
from tests.frameworks.cases import SECRET, Response, signers
from tests.frameworks.django_project import start
from tests.frameworks.driver_django import asgi, cookie, wsgi

start()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.template import Context, Template, TemplateSyntaxError, engines  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402
from django.utils.functional import SimpleLazyObject  # noqa: E402

from countermark.django import identity_from  # noqa: E402
from tests.frameworks.django_project import settings, views  # noqa: E402
from tests.frameworks.django_project.people import person  # noqa: E402

PROJECT = settings.PROJECT
TOKEN = "stigg-customer-token"
STIGG, HELPSCOUT = signers()

Ask = Callable[..., Response]


def ask_wsgi(path: str, session: str = "", **environ: Any) -> Response:
    return wsgi(WSGIHandler(), path, HTTP_COOKIE=session, **environ)


def ask_asgi(path: str, session: str = "", **scope: Any) -> Response:
    headers = [(b"host", b"testserver"), (b"cookie", session.encode())]
    return asyncio.run(asgi(get_asgi_application(), path, headers=headers, **scope))


@pytest.fixture(params=[ask_wsgi, ask_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Any:
    return request.param


def configured(**changes: Any) -> Any:
    return override_settings(COUNTERMARK={**settings.COUNTERMARK, **changes})


@pytest.fixture
def counter() -> Iterator[EventCounter]:
    counter = EventCounter()
    with configured(ON_EVENT=counter):
        yield counter


@pytest.mark.parametrize("prefix", ["/", "/async-"])
def test_login_and_logout_within_the_request_are_seen(ask: Ask, prefix: str) -> None:
    entered = ask(f"{prefix}in/user-1")
    assert json.loads(entered.body) == ["-", STIGG.sign("user-1")]
    assert entered.headers[TOKEN] == STIGG.sign("user-1")
    switched = ask(f"{prefix}in/user-2", cookie(entered))
    assert json.loads(switched.body) == [STIGG.sign("user-1"), STIGG.sign("user-2")]
    assert switched.headers[TOKEN] == STIGG.sign("user-2")
    left = ask(f"{prefix}out", cookie(switched))
    assert json.loads(left.body)[0] == STIGG.sign("user-2")
    assert TOKEN not in left.headers
    assert "private" in left.headers["cache-control"]  # a token stands in the body


def test_what_was_loaded_is_not_signed_after_a_logout(ask: Ask) -> None:
    left = ask("/async-out", cookie(ask("/in/user-1")))
    assert TOKEN not in left.headers
    assert "helpscout-signature" not in left.headers


def test_the_default_resolver_knows_the_address_and_not_who_is_signed_out(ask: Ask) -> None:
    session = cookie(ask("/in/user-1"))
    page = ask("/page", session)
    assert page.headers["helpscout-signature"] == HELPSCOUT.sign(
        Principal(email="user-1@a.example")
    )
    assert TOKEN not in ask("/page").headers
    assert TOKEN not in ask("/page", session + "x").headers  # the session is not ours


@pytest.mark.parametrize("path", ["/page", "/async", "/stream", "/async-stream"])
def test_views_of_both_kinds_show_the_token_under_both_servers(ask: Ask, path: str) -> None:
    page = ask(path, cookie(ask("/in/user-1")))
    assert page.headers[TOKEN] == STIGG.sign("user-1")
    assert STIGG.sign("user-1") in (page.body, page.headers.get("x-state"))


def test_a_view_that_forgets_to_load_gets_no_token_but_the_response_does(
    ask: Ask, counter: EventCounter
) -> None:
    page = ask("/async-unloaded", cookie(ask("/in/user-1")))
    assert page.headers["x-state"] == "-"
    assert page.headers[TOKEN] == STIGG.sign("user-1")
    assert counter.total("failed", reason="not_loaded") == 1
    assert counter.total("failed") == 1


@pytest.mark.parametrize(
    ("resolver", "awaited"), [("own_user", False), ("lazy_user", False), ("django_user", True)]
)
def test_a_lazy_user_of_another_middleware_is_the_one_who_counts(
    resolver: str, awaited: bool
) -> None:
    from countermark.django._resolvers import acurrent_user

    request = RequestFactory().get("/")
    request.auser_was_asked = False

    async def auser() -> Any:
        request.auser_was_asked = True
        return person("user-of-auser")

    request.auser = auser
    if resolver == "own_user":
        request.user = person("user-1")
    elif resolver == "lazy_user":
        request.user = SimpleLazyObject(lambda: person("user-1"))
    else:
        from django.contrib.auth.middleware import AuthenticationMiddleware

        request.session = {}
        AuthenticationMiddleware(lambda request: None).process_request(request)
        request.auser = auser
    found = asyncio.run(acurrent_user(request))
    assert isinstance(found, Principal)
    assert found.id == ("user-of-auser" if awaited else "user-1")
    assert request.auser_was_asked is awaited


def test_the_principal_of_a_user_leaves_out_what_is_odd() -> None:
    from countermark.django._resolvers import principal_of

    ann = person("user-1")
    assert principal_of(ann) == Principal("user-1", email="user-1@a.example", name="Ann")
    ann.email, ann.first_name = "no address", ""
    assert principal_of(ann) == Principal("user-1")
    ann.email = ""
    assert principal_of(ann) == Principal("user-1")
    ann.email, ann.pk = "user-1@a.example", None
    assert principal_of(ann) is None

    class Bare:
        is_authenticated, pk = True, 7

    assert principal_of(Bare()) == Principal(7)
    Bare.is_authenticated = False
    assert principal_of(Bare()) is None


def test_impersonation_as_documented_signs_nothing(ask: Ask) -> None:
    with configured(RESOLVER=f"{PROJECT}.people.impersonating"):
        session = cookie(ask("/in/user-1"))
        assert ask("/page", session).headers[TOKEN] == STIGG.sign("user-1")
        hijacked = ask("/hijack", session)
        assert TOKEN not in hijacked.headers
        assert TOKEN not in ask("/page", cookie(hijacked)).headers
    with configured(RESOLVER=f"{PROJECT}.people.impersonating", SIGN_IMPERSONATED=True):
        assert TOKEN in ask("/page", cookie(hijacked)).headers


def test_tenants_have_keys_of_their_own(ask: Ask) -> None:
    given = {"SIGNERS": f"{PROJECT}.people.signers_of", "RESOLVER": f"{PROJECT}.people.resolve"}
    with override_settings(COUNTERMARK=given):
        for tenant in ("acme", "zeta"):
            who = Principal("user-1", tenant=tenant)
            keyring = Keyring(f"the-secret-of-{tenant}-with-enough-bytes-in-it")
            page = ask("/page", **{"tests.principal": who})
            assert page.headers[TOKEN] == Signer("stigg", keyring).sign("user-1")


def test_cookies_and_other_headers_stay(ask: Ask) -> None:
    response = ask("/cookies", cookie(ask("/in/user-1")))
    lines = response.headers["set-cookie"].split("\n")
    assert [line.strip().partition(";")[0] for line in lines] == ["a=1", "b=2"]
    assert response.headers["x-other"] == "1"
    assert [name.strip() for name in response.headers["vary"].split(",")] == [
        "Accept",
        "Cookie",
        "Authorization",
    ]


def test_a_response_object_for_all_users_keeps_no_token(ask: Ask) -> None:
    for user in ("user-1", "user-2", "user-1"):
        session = cookie(ask(f"/in/{user}"))
        assert ask("/shared", session).headers[TOKEN] == STIGG.sign(user)
    assert TOKEN not in ask("/shared").headers
    assert TOKEN not in views.SHARED.headers


def test_a_header_that_the_application_wrote_itself_is_replaced(ask: Ask) -> None:
    forged = ask("/forged", cookie(ask("/in/user-1")))
    assert forged.headers[TOKEN] == STIGG.sign("user-1")
    assert "helpscout-signature" not in forged.headers


def test_options_and_304_are_left_alone_even_without_a_validator(ask: Ask) -> None:
    session = cookie(ask("/in/user-1"))
    for answer in (ask("/plain", session, method="OPTIONS"), ask("/bare-304", session)):
        assert TOKEN not in answer.headers
        assert "vary" not in answer.headers
        assert "cache-control" not in answer.headers


def test_what_is_withheld_or_exposed_is_told(ask: Ask, counter: EventCounter) -> None:
    session = cookie(ask("/in/user-1"))
    ask("/public", session)
    assert counter.total("withheld", reason="public") == 1
    ask("/public-read", session)
    assert counter.total("exposed", reason="public") == 1


def test_without_headers_a_page_with_a_token_is_closed_to_caches(ask: Ask) -> None:
    given = {"stigg": {"keyring": Keyring(SECRET), "header": None}}
    with override_settings(COUNTERMARK={"SIGNERS": given}):
        page = ask("/page", cookie(ask("/in/user-1")))
    assert page.headers["x-state"] == STIGG.sign("user-1")
    assert TOKEN not in page.headers
    assert page.headers["cache-control"] == "private, no-store"


def test_applied_twice_the_outer_one_serves(ask: Ask, counter: EventCounter) -> None:
    session = cookie(ask("/in/user-1"))
    before = counter.total("signed")
    with override_settings(MIDDLEWARE=[*settings.MIDDLEWARE, settings.MIDDLEWARE[-1]]):
        assert ask("/page", session).headers[TOKEN] == STIGG.sign("user-1")
    assert counter.total("signed") - before == 2  # by each signer once


@pytest.mark.parametrize("path", ["/odd/1", "/odd/2"])
def test_an_odd_response_is_no_reason_to_fail(ask: Ask, counter: EventCounter, path: str) -> None:
    page = ask(path, cookie(ask("/in/user-1")))
    assert (page.status, page.body) == (200, "odd")
    assert counter.total("failed", reason="delivery_raised") == 1


@pytest.mark.parametrize("path", ["/page", "/async", "/plain"])
@pytest.mark.parametrize("resolver", ["resolve", "aresolve"])
def test_a_resolver_that_raises_is_one_event_and_a_page(
    ask: Ask, counter: EventCounter, resolver: str, path: str
) -> None:
    with configured(RESOLVER=f"{PROJECT}.people.{resolver}", ON_EVENT=counter):
        page = ask(path, **{"tests.principal": OSError("no database")})
        endpoint = ask("/signatures", **{"tests.principal": OSError("no database")})
    assert (page.status, TOKEN in page.headers) == (200, False)
    assert endpoint.status == 503
    assert counter.total("failed", reason="resolver_raised") == 2


@pytest.mark.parametrize("outcome", ["user-1", None, OSError("no database")])
def test_who_is_told_while_the_lookup_runs_is_not_forgotten(
    counter: EventCounter, outcome: Any
) -> None:
    from countermark.django import _conf
    from countermark.django._identity import DjangoIdentity

    async def aresolve(request: Any) -> Any:
        identity.identify("user-2")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with configured(RESOLVER=aresolve, ON_EVENT=counter):
        identity = DjangoIdentity(_conf.current(), RequestFactory().get("/"))
        asyncio.run(identity.settle())
        assert identity["stigg"].token == STIGG.sign("user-2")
    assert counter.total("failed", reason="resolver_raised") == 0


@pytest.mark.parametrize("path", ["/page", "/async"])
def test_an_async_resolver_is_awaited_once(ask: Ask, path: str) -> None:
    with configured(RESOLVER=f"{PROJECT}.people.acounted"):
        calls: list[int] = []
        page = ask(path, **{"tests.principal": "user-1", "tests.calls": calls})
    assert page.headers["x-state"] == page.headers[TOKEN] == STIGG.sign("user-1")
    assert len(calls) == 1


def test_the_endpoint_answers_anonymous_visitors_where_all_else_wants_a_login(ask: Ask) -> None:
    required = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    session = cookie(ask("/in/user-1"))
    with override_settings(MIDDLEWARE=[*settings.MIDDLEWARE, required], LOGIN_URL="/page"):
        assert ask("/plain").status == 302
        answer = ask("/signatures")
        assert answer.status == 401
        assert "no-store" in answer.headers["cache-control"]
        head = ask("/signatures", session, method="HEAD")
        assert (head.status, head.headers["content-type"]) == (200, "application/json")
        assert ask("/signatures", method="DELETE").status == 405


def test_the_endpoint_takes_no_input(ask: Ask) -> None:
    session = cookie(ask("/in/user-1"))
    answer = ask("/signatures", session, query_string=b"id=user-2&user=user-2")
    assert json.loads(answer.body)["stigg"]["customerToken"] == STIGG.sign("user-1")


def test_no_identity_without_the_middleware(ask: Ask) -> None:
    with pytest.raises(ConfigurationError, match="into MIDDLEWARE"):
        identity_from(RequestFactory().get("/"))
    with override_settings(MIDDLEWARE=settings.MIDDLEWARE[:-1]):
        assert ask("/plain").status == 200
        assert ask("/signatures").status == 500


def test_the_identity_of_a_request_dies_with_it() -> None:
    from countermark.django.middleware import SigningMiddleware

    gone: list[Any] = []
    gc.disable()
    try:
        request = RequestFactory().get("/")
        request.user = person("user-1")
        SigningMiddleware(views.plain)(request)
        gone.append(weakref.ref(request))
        del request
        assert gone[0]() is None
    finally:
        gc.enable()


def render(source: str, request: Any = None, **context: Any) -> str:
    template = engines["django"].from_string("{% load countermark %}" + source)
    return str(template.render(context, request))


def test_the_tag_writes_one_scheme_with_an_id_and_a_nonce() -> None:
    request = signed_request("user-1")
    script = render('{% countermark "stigg" id="who" nonce=csp_nonce %}', request, csp_nonce="n0")
    head, _, rest = script.partition(">")
    assert head == '<script type="application/json" id="who" nonce="n0"'
    token = json.loads(rest.removesuffix("</script>"))["customerToken"]
    assert token == STIGG.sign("user-1")
    assert "nonce" not in render("{% countermark nonce=csp_nonce %}", request)


def test_the_context_processor_shows_the_identity() -> None:
    request = signed_request("user-1")
    assert render("{{ countermark.stigg.token }}", request) == STIGG.sign("user-1")
    assert render("{{ countermark.sttigg.token }}", request) == ""
    outside = RequestFactory().get("/")  # as a page that an outer middleware answers
    assert render("{{ countermark.stigg.token }}", outside) == ""


def test_the_tag_without_a_request_writes_nothing() -> None:
    assert render("<{% countermark %}>") == "<>"
    assert Template("{% load countermark %}{% countermark %}").render(Context()) == ""


@pytest.mark.parametrize("inside", ["{% countermark %}", "{% if a %}{% countermark %}{% endif %}"])
def test_the_tag_is_refused_in_a_cached_fragment(inside: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="show one user's token"):
        render("{% load cache %}{% cache 60 side %}" + inside + "{% endcache %}")


def test_what_users_write_cannot_end_the_script() -> None:
    ann = "user-</script><!--&"
    assert "</script><!--" not in render("{% countermark %}", signed_request(ann))


def test_the_nonce_of_django_is_the_page_s(ask: Ask) -> None:
    csp = pytest.importorskip("django.middleware.csp", reason="Django 6 has it")
    middleware = [*settings.MIDDLEWARE, f"{csp.__name__}.ContentSecurityPolicyMiddleware"]
    policy = {"default-src": ["'self'", "<CSP_NONCE_SENTINEL>"]}
    with override_settings(MIDDLEWARE=middleware, SECURE_CSP=policy):
        page = ask("/nonce")
    nonce = page.body.partition('nonce="')[2].partition('"')[0]
    assert len(nonce) > 8
    assert nonce in page.headers["content-security-policy"]


def signed_request(user: str) -> Any:
    from countermark.django import _conf
    from countermark.django._identity import DjangoIdentity

    request = RequestFactory().get("/")
    request.user = person(user)
    request.countermark = DjangoIdentity(_conf.current(), request)
    return request


@pytest.mark.parametrize("user", ["user-1", None])
def test_a_page_with_a_validator_becomes_no_store_once_a_token_was_read(user: str | None) -> None:
    from countermark.django.middleware import SigningMiddleware

    def view(request: Any) -> HttpResponse:
        request.countermark.payload()
        return HttpResponse("page", headers={"ETag": '"1"'})

    with configured(RESOLVER=lambda request: user):
        response = SigningMiddleware(view)(RequestFactory().get("/"))
    assert response.get(TOKEN) == (STIGG.sign(user) if user else None)
    assert response.get("Cache-Control") == ("private, no-store" if user else None)
    assert response.get("Vary") == ("Cookie, Authorization" if user else None)
    assert response["ETag"] == '"1"'


@pytest.mark.parametrize("user", ["user-1", None])
def test_an_async_page_with_a_validator_and_a_read_token_is_signed_in_the_event_loop(
    user: str | None, counter: EventCounter
) -> None:
    from countermark.django.middleware import SigningMiddleware

    async def view(request: Any) -> HttpResponse:
        (await request.countermark.load()).payload()
        return HttpResponse("page", headers={"ETag": '"1"'})

    def resolve(request: Any) -> str | None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return user

    with configured(RESOLVER=resolve, ON_EVENT=counter):
        response = asyncio.run(SigningMiddleware(view)(RequestFactory().get("/")))
    assert response.get(TOKEN) == (STIGG.sign(user) if user else None)
    assert response.get("Cache-Control") == ("private, no-store" if user else None)
    assert counter.total("failed", reason="resolver_raised") == 0


def test_after_a_logout_an_async_page_with_a_validator_is_not_signed() -> None:
    from countermark.django.middleware import SigningMiddleware

    async def view(request: Any) -> HttpResponse:
        (await request.countermark.load()).payload()
        request.who = None
        return HttpResponse("page", headers={"ETag": '"1"'})

    request = RequestFactory().get("/")
    request.who = "user-1"
    with configured(RESOLVER=lambda request: request.who):
        response = asyncio.run(SigningMiddleware(view)(request))
    assert TOKEN not in response
    assert response["Cache-Control"] == "private, no-store"

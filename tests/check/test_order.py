"""The order of middlewares, and CORS settings: what is a mistake, and what is not."""

from __future__ import annotations

import pytest

from tests.check.conftest import SECRET, CheckCode

PARTS = f"""
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import Mount
from countermark import Keyring, Signer, Verifier
from countermark.asgi import SigningMiddleware, VerifyingMiddleware, WebhookMiddleware
from countermark.resolvers import from_environ, from_session, from_state, from_user
from countermark.redis import RedisStore
from countermark.verifying import Allowance, EnforcePercent, ModeSwitch, from_cookie
from countermark.webhooks import WebhookVerifier

RING, OTHER = Keyring("{SECRET}"), Keyring("{SECRET[::-1]}")
SIGNER = Signer("stigg", RING)
ORIGIN = "https://a.example"

async def inner(scope, receive, send):
    raise AssertionError

async def principal(scope):
    return scope["user"].id

def by_api_key(scope):
    return scope["headers"]

class Resolver:
    def __call__(self, scope):
        raise AssertionError

class ETagMiddleware: pass
class ResponseCache: pass
class NoCacheMiddleware: pass
class CacheControlMiddleware: pass
class DBSessionMiddleware: pass
class LoginRequiredMiddleware: pass
class SessionTimeoutMiddleware: pass

def signing(signers=SIGNER, principal=principal, **options):
    return Middleware(SigningMiddleware, signers=signers, principal=principal, **options)

def verifying(mode="monitor", verifier=Verifier("stigg", RING), **options):
    return Middleware(VerifyingMiddleware, verifier=verifier, mode=mode, **options)

def cors(**options):
    return Middleware(CORSMiddleware, **options)

webhooks = Middleware(WebhookMiddleware, verifier=WebhookVerifier("stigg", OTHER), paths="/hooks")
session = Middleware(SessionMiddleware, secret_key="of the sessions")
authentication = Middleware(AuthenticationMiddleware, backend=inner)
etag, cache, gzip = map(Middleware, [ETagMiddleware, ResponseCache, GZipMiddleware])
exposed = dict(expose_headers=["stigg-customer-token"])
credentials = dict(allow_credentials=True, **exposed)

def app_of(*middleware, **options):
    return Starlette(middleware=middleware, **options)

NOWHERE = RedisStore("redis://127.0.0.1:1/0")
enforced = VerifyingMiddleware(inner, verifier=Verifier("stigg", RING), mode="enforce")
"""


BESIDE = (
    "mount the two next to each other, or let mode= be a function that returns 'off' for the path"
    " of the deliveries"
)


@pytest.mark.parametrize(
    "app",
    [
        "app_of(gzip, session, authentication, signing())",
        "app_of(session, gzip, signing())",
        "app_of(signing(), gzip, cache)",
        "app_of(Middleware(NoCacheMiddleware), Middleware(CacheControlMiddleware), signing())",
        "app_of(signing(), Middleware(DBSessionMiddleware))",
        "app_of(authentication, signing(), Middleware(LoginRequiredMiddleware))",
        "app_of(session, signing(), Middleware(SessionTimeoutMiddleware))",
        "app_of(session, verifying(tenant=from_session('')), Middleware(SessionTimeoutMiddleware))",
        "app_of(etag, signing())",
        "app_of(session, signing(cache_control='private'))",
        "app_of(signing(signers=Signer('stigg', RING, header=None)), etag)",
        "app_of(signing(principal=from_state('user_id')), session)",
        "app_of(signing(principal=from_environ()), authentication)",
        "app_of(signing(principal=by_api_key), session, authentication)",
        "app_of(verifying(tenant=by_api_key), session)",
        # A wrapper of the whole application reads what the inner layers have found.
        "SigningMiddleware(app_of(session), signers=SIGNER, principal=principal)",
        "app_of(routes=[Mount('/a', app_of(webhooks)), Mount('/b', app_of(verifying('enforce')))])",
        "app_of(webhooks, routes=[Mount('/a', app_of(verifying('enforce')))])",
        "app_of(verifying(lambda context: 'off'), webhooks)",
        "app_of(verifying('monitor'), webhooks)",
        "app_of(webhooks, verifying())",
        "app_of(verifying(), session, cache)",
        "app_of(session, verifying(tenant=from_session('tenant')))",
        # Requests pass either of two mounts.
        "app_of(routes=[Mount('/a', app_of(cache)), Mount('/b', app_of(signing()))])",
    ],
)
def test_an_order_without_a_mistake(app: str, check_code: CheckCode) -> None:
    assert check_code(f"{PARTS}\napp = {app}").findings == []


@pytest.mark.parametrize(
    ("app", "advice"),
    [
        ("app_of(signing(), session)", "put it inside SessionMiddleware"),
        ("app_of(session, signing(), authentication)", "put it inside AuthenticationMiddleware"),
        ("app_of(signing(principal=Resolver()), session)", "put it inside SessionMiddleware"),
        (
            "app_of(signing(principal=lambda s: [s['user'] for _ in s], blocking=True), session)",
            "put it inside SessionMiddleware",
        ),
        (
            "app_of(signing(principal=from_session('id')), session)",
            "put it inside SessionMiddleware",
        ),
        (
            "app_of(signing(principal=from_user('id')), authentication)",
            "put it inside AuthenticationMiddleware",
        ),
        ("app_of(cache, signing())", "put it outside ResponseCache"),
        ("app_of(cache, routes=[Mount('/', app_of(signing()))])", "put it outside ResponseCache"),
        ("app_of(signing(), etag)", "put it inside ETagMiddleware"),
        ("app_of(etag, signing(cache_control='private'))", "leave cache_control= out"),
        ("app_of(cache, verifying())", "put it outside ResponseCache"),
        ("app_of(verifying('enforce'), webhooks)", BESIDE),
        ("app_of(webhooks, verifying('enforce'))", BESIDE),
        ("app_of(webhooks, verifying(EnforcePercent(10)))", BESIDE),
        ("app_of(webhooks, verifying(ModeSwitch(NOWHERE, 'stigg')))", BESIDE),
        ("app_of(verifying('enforce'), routes=[Mount('/hooks', app_of(webhooks))])", BESIDE),
        (
            "WebhookMiddleware(enforced, verifier=WebhookVerifier('stigg', OTHER), paths='/h')",
            BESIDE,
        ),
        (
            "app_of(verifying(tenant=from_session('tenant')), session)",
            "put it inside SessionMiddleware",
        ),
        (
            "app_of(verifying(allowance=Allowance(1, session=from_session('id'))), session)",
            "put it inside SessionMiddleware",
        ),
    ],
)
def test_a_wrong_order_is_found(app: str, advice: str, check_code: CheckCode) -> None:
    (found,) = check_code(f"{PARTS}\napp = {app}").findings
    assert (found["code"], found["advice"]) == ("middleware_order", advice)


def test_a_second_signing_middleware_is_found(check_code: CheckCode) -> None:
    code = f"{PARTS}\napp = app_of(signing(), routes=[Mount('/', app_of(signing()))])"
    assert check_code(code).found == [("middleware_twice", "SigningMiddleware")]


@pytest.mark.parametrize(
    "app",
    [
        "app_of(cors(allow_origins=['*'], **exposed), signing())",
        "app_of(cors(allow_origins=[ORIGIN], allow_credentials=True, **exposed), signing())",
        "app_of(cors(allow_origin_regex=r'https://.*\\.a\\.example', **credentials), signing())",
        "app_of(cors(allow_origin_regex='https://(', **credentials), signing())",
        "app_of(cors(expose_headers=['*']), signing())",
        "app_of(cors(), signing(signers=Signer('stigg', RING, header=None)))",
        "app_of(cors(), signing(signers=lambda tenant: None))",
        "app_of(cors(allow_origins=['*'], allow_credentials=True), webhooks)",
        "app_of(cors(allow_headers=['X-Customer-Key']), verifying('enforce'))",
        "app_of(cors(allow_headers=['*']), verifying('enforce'))",
        "app_of(cors(), verifying('enforce', token=from_cookie('token')))",
        # In enforce the verifying middleware answers preflights itself.
        "app_of(verifying('enforce'), cors())",
        "app_of(routes=[Mount('/a', app_of(cors())), Mount('/b', app_of(signing()))])",
    ],
)
def test_cors_settings_without_a_mistake(app: str, check_code: CheckCode) -> None:
    assert check_code(f"{PARTS}\napp = {app}").findings == []


@pytest.mark.parametrize(
    ("app", "code"),
    [
        ("app_of(cors(), signing())", "cors_header_hidden"),
        ("app_of(signing(), cors(expose_headers='X-Other'))", "cors_header_hidden"),
        (
            "app_of(cors(allow_origins=['*'], allow_credentials=True, **exposed), signing())",
            "cors_origins",
        ),
        (
            "app_of(cors(allow_origin_regex='.*', allow_credentials=True, **exposed), signing())",
            "cors_origins",
        ),
        (
            "app_of(cors(allow_origin_regex='https?://.*', **credentials), signing())",
            "cors_origins",
        ),
        ("app_of(cors(), verifying('enforce'))", "cors_header_refused"),
        ("app_of(verifying('monitor'), cors())", "cors_header_refused"),
        ("app_of(verifying(lambda context: 'off'), cors())", "cors_header_refused"),
    ],
)
def test_a_mistake_in_cors_settings_is_found(app: str, code: str, check_code: CheckCode) -> None:
    assert check_code(f"{PARTS}\napp = {app}").found == [(code, "CORSMiddleware")]


@pytest.mark.parametrize(
    ("origins", "codes"), [("https?://.*", ["cors_origins"]), (r"https://.*\.a\.example", [])]
)
def test_a_pattern_of_origins_in_flask_is_matched(
    origins: str, codes: list[str], check_code: CheckCode
) -> None:
    code = f"""
from flask import Flask
from flask_cors import CORS
from countermark import Keyring, Signer
from countermark.flask import Countermark
app = Flask("flask")
app.config["COUNTERMARK_SIGNERS"] = Signer("stigg", Keyring("{SECRET}"), header=None)
Countermark(app, principal=lambda environ: None)
CORS(app, origins={origins!r}, supports_credentials=True)
"""
    assert [found["code"] for found in check_code(code).findings] == codes


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        (
            "app_of(signing(signers=Signer('stigg', RING, header='Stigg-Customer-Tokn')))",
            "the header Stigg-Customer-Tokn resembles Stigg-Customer-Token",
        ),
        ("app_of(signing(vary=['Cookie', 'Authorisation']))", "resembles Authorization"),
        ("app_of(verifying(token='X-Customer-Keys'))", "resembles X-CUSTOMER-KEY"),
        ("app_of(cors(expose_headers=['stigg-customer-tokens']), signing())", "resembles Stigg-"),
    ],
)
def test_a_misspelled_header_is_found(app: str, problem: str, check_code: CheckCode) -> None:
    (found,) = check_code(f"{PARTS}\napp = {app}").findings
    assert found["code"] == "name_misspelled"
    assert problem in found["problem"]


@pytest.mark.parametrize(
    "app",
    [
        "app_of(signing(signers=Signer('stigg', RING, header='X-User-Token')))",
        "app_of(signing(signers=Signer('stigg', RING, header='stigg-customer-token')))",
        "app_of(signing(signers=Signer('knock', PRIVATE, header='X-Knock')))",
        "app_of(signing(vary='X-Session'))",
        "app_of(verifying(token='Authorization'))",
        "app_of(verifying(tenant=lambda s: 1, verifier=lambda t: None, token='X-Customer-Keys'))",
        "app_of(verifying(verifier=CANNY, token='X-Hash', claimed_id=from_cookie('id')))",
    ],
)
def test_a_header_of_another_name_is_not_misspelled(app: str, check_code: CheckCode) -> None:
    from tests.samples import private_key

    code = f'''
PRIVATE = Keyring("""{private_key("RS256")[0]}""")
CANNY = Verifier("canny-hash", RING)
'''
    assert check_code(f"{PARTS}\n{code}\napp = {app}").findings == []


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ("origins=['https://a.example'], supports_credentials=True", ["cors_header_hidden"]),
        ("expose_headers=['Stigg-Customer-Token']", []),
        ("expose_headers='*', allow_headers=['X-Other']", ["cors_header_refused"]),
        ("expose_headers='*', allow_headers=['X-Other', 'X-Customer-Key']", []),
    ],
)
def test_the_settings_of_flask_cors_are_read(
    options: str, codes: list[str], check_code: CheckCode
) -> None:
    code = f"""
from flask import Flask
from flask_cors import CORS
from countermark.flask import Countermark

app = Flask("checked")
app.config["COUNTERMARK_SIGNERS"] = SIGNER
app.config["COUNTERMARK_VERIFIER"] = Verifier("stigg", RING)
app.config["COUNTERMARK_MODE"] = "monitor"
Countermark(app, principal=lambda environ: None)
app.after_request(lambda response: response)
CORS(app, {options})
"""
    assert [code for code, _ in check_code(f"{PARTS}\n{code}").found] == codes


@pytest.mark.parametrize("prefix", ["live", "sandbox"])
def test_the_environment_of_a_signer_and_its_key_are_compared(
    prefix: str, check_code: CheckCode
) -> None:
    code = f"""
key = Keyring("{prefix}_secret_" + "abcd1234" * 8)
app = app_of(signing(signers=Signer("cognito-flow", key, environment=%s)))
"""
    options = "--ignore", "deprecated_scheme"
    assert check_code(f"{PARTS}\n{code % repr(prefix)}", "app", *options).findings == []
    found = check_code(f"{PARTS}\n{code % None}", "app", *options).found
    assert found == ([] if prefix == "live" else [("key_environment", "SigningMiddleware")])

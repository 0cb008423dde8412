"""The public entries of the package, each with good arguments."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import flask
import redis

from countermark import (
    Keyring,
    PerTenant,
    PrivateKey,
    PublicKey,
    Scheme,
    SecretKey,
    Signer,
    StoreUnavailable,
    Verifier,
    WatchedKeyring,
    asgi,
    resolvers,
    starlette,
    wsgi,
)
from countermark.cli import main
from countermark.explain import explain, explain_webhook
from countermark.fastapi import verified_identity
from countermark.flask import Countermark
from countermark.redis import RedisStore
from countermark.rollout import Meter, set_mode
from countermark.testing import (
    FlowSessions,
    Receiver,
    StiggEdge,
    assert_no_secret,
    assert_not_signed,
    assert_own_identity_only,
    assert_signed,
    tampered,
)
from countermark.verifying import (
    Allowance,
    AllowedOrigins,
    EnforcePercent,
    ModeFile,
    ModeSwitch,
    from_cookie,
    from_header,
    from_query,
)
from countermark.webhooks import WebhookScheme, WebhookSigner, WebhookVerifier, new_webhook_secret
from tests.samples import private_key
from tests.testing.wsgi_users import STIGG, USERS, client_of, log_in, token

KEY = "3f9c2b7d51e8406aa9b4c1d0e7f65a28"
RING = Keyring(KEY)
SIGNER = Signer("stigg", RING)
VERIFIER = Verifier("stigg", RING)
PEM, PUBLIC = private_key("RS256")
UNREACHABLE = RedisStore("redis://127.0.0.1:1/0")
FILES = resources.files("countermark")
SCHEME = tomllib.loads((FILES / "schemes" / "catalogue" / "stigg.toml").read_text())
JWT_SCHEME = tomllib.loads((FILES / "schemes" / "catalogue" / "knock.toml").read_text())
WEBHOOK = tomllib.loads((FILES / "webhooks" / "catalogue" / "stigg.toml").read_text())


class Entry(NamedTuple):
    """A callable, and arguments that it takes."""

    name: str
    call: Callable[..., object]
    good: Mapping[str, Any]

    @property
    def arguments(self) -> Iterator[str]:
        return iter(self.good)

    def build(self, given: Mapping[str, Any]) -> object:
        return self.call(**{**self.good, **given})


def assert_no_secret_of(response: Any, secret: Any) -> None:
    assert_no_secret(response, secret)


def nothing(*given: object) -> None:
    return None


def watched_function(**secrets: Any) -> object:
    return WatchedKeyring(lambda: secrets)


def from_scheme(read: Callable[[dict[str, Any]], object], data: dict[str, Any]) -> Iterator[Any]:
    """Yield a callable for the whole, and for each table of a scheme, with its entries."""

    def whole(**entries: Any) -> object:
        return read(entries)

    yield "", whole, {"slug": "mine", **data}
    for table, content in data.items():
        if isinstance(content, dict):

            def inner(table: str = table, **entries: Any) -> object:
                return read({"slug": "mine", **data, table: entries})

            yield f"[{table}]", inner, content


def flask_app(*, principal: Any, **config: Any) -> object:
    app = flask.Flask("app")
    app.config.update({f"COUNTERMARK_{name}": value for name, value in config.items()})
    return Countermark(app, principal=principal)


def flask_key(*, key: Any) -> object:
    app = flask.Flask("app")
    app.config.update({"COUNTERMARK_SIGNERS": [SIGNER]})
    if isinstance(key, str) and key:
        app.config[f"COUNTERMARK_{key.upper()}"] = 1
    return Countermark(app, principal=nothing)


def command(arguments: list[str]) -> Callable[..., object]:
    """Return the command with one argument of the given text."""

    def run(*, argument: Any) -> object:
        text = argument if isinstance(argument, str) else str(argument)
        return main([part.replace("ARG", text) for part in arguments]) if text else 0

    return run


def unseen(call: Callable[..., object]) -> Callable[..., object]:
    return lambda **given: call(**given) and None


def mode_file(*, text: Any) -> object:
    path = Path(str(text)) if "\n" not in str(text) else Path("nowhere")
    return ModeFile(path) if text else 0


def mode_setting(**given: Any) -> None:
    with suppress(StoreUnavailable):  # as there is no Redis
        set_mode(UNREACHABLE, **given)


def optional(call: Callable[..., object]) -> Callable[..., object]:
    return lambda **given: call(**{name: value for name, value in given.items() if value != "-"})


_SIGNING = {
    "signers": SIGNER,
    "principal": nothing,
    "vary": "Cookie",
    "cache_control": "private",
    "sign_impersonated": False,
    "on_event": None,
}
_VERIFYING = {
    "app": nothing,
    "verifier": VERIFIER,
    "mode": "enforce",
    "token": "X-Token",
    "claimed_id": None,
    "origins": None,
    "allowance": None,
    "tenant": None,
    "meter": None,
    "on_event": None,
    "explain": None,
}
_RECEIVING = {
    "app": nothing,
    "verifier": WebhookVerifier("stigg", RING),
    "paths": "/hooks",
    "max_body": 1000,
    "duplicates": "answer",
    "store": None,
    "when_unavailable": "fail_open",
    "on_event": None,
}
_GUARDING = {
    "app": nothing,
    "mode": "report",
    "secrets": RING,
    "sample": 1.0,
    "on_event": None,
}
_SIGNER = {
    "scheme": "stigg",
    "settings": None,
    "header": "X-Token",
    "environment": None,
    "id_pattern": None,
    "claims": (),
}
_VERIFIER = {
    "scheme": "stigg",
    "settings": None,
    "environment": None,
    "other_environments": None,
    "id_pattern": None,
    "leeway": 10,
    "max_age": None,
}
_PAGE: dict[str, Any] = {
    "counts": Meter(), "authorize": bool, "days": 7, "least": 99.9, "allowance": None,
    "refresh": 10.0,
}  # fmt: skip
_WEBHOOK = {"scheme": "github", "keyring": RING, "tolerance": None}


# All arguments of the commands that handle secrets; each other one is good. A secret that comes
# through a file or a descriptor cannot be told by its position in the command line.
_ARGUMENTS_OF_COMMANDS = """
sign ARG --id user-1
sign stigg --secret-fd ARG --id user-1
sign stigg --setting ARG --id user-1
sign stigg --setting name=ARG --id user-1
sign stigg --ids ARG
sign intercom-hmac --id user-1 --email ARG
sign intercom-hmac --id user-1 --phone ARG
sign intercom-hmac --id user-1 --name ARG
sign intercom-hmac --id user-1 --created ARG
sign intercom-hmac --id ARG
sign intercom-hmac --id user-1 --attribute ARG
sign intercom-hmac --id user-1 --attribute plan=ARG
sign metabase-static --id user-1 --attribute resource=ARG
sign stigg --id user-1 --environment ARG
sign cognito-flow --id user-1 --environment ARG
sign stigg --id user-1 --lifetime ARG
sign stigg --id user-1 --claim ARG
sign intercom-jwt --id user-1 --claim ARG
sign stigg --id user-1 ARG
sign stigg --id user-1 --ARG
verify ARG
verify stigg ARG
verify stigg --token-file ARG
verify stigg --id ARG
verify stigg --leeway ARG
verify stigg --max-age ARG
verify stigg --environment ARG
request ARG http://127.0.0.1/ --id user-1
request stigg ARG --id user-1
request stigg http://127.0.0.1/ --id user-1 --token ARG
request stigg http://127.0.0.1/ --id user-1 --max-age ARG
request webhook:ARG http://127.0.0.1/ --body pyproject.toml
request webhook:stigg ARG --body pyproject.toml
request webhook:stigg http://127.0.0.1/ --body ARG
request webhook:stigg http://127.0.0.1/ --body pyproject.toml --base-url ARG
request webhook:stigg http://127.0.0.1/ --body pyproject.toml --id ARG
keygen ARG
keygen webhook:ARG
keygen stigg --for-tests --environment ARG
keygen cognito-flow --for-tests --environment ARG
keygen discourse --format ARG
completion ARG
mode show ARG --environment live
mode set stigg monitor --environment live --by me --redis ARG
mode set stigg monitor --environment live --redis redis://127.0.0.1:1/0 --by ARG
mode set stigg monitor --environment live --redis redis://127.0.0.1:1/0 --by me --tenant ARG
scan ARG
scan --baseline ARG src/countermark/py.typed
scan --ARG src/countermark/py.typed
""".strip().splitlines()


def _explaining_entries() -> Iterator[Entry]:
    yield Entry("explain", explain, {
        "scheme": "stigg", "keyring": RING, "token": "x", "principal": "u", "settings": None,
        "environment": None, "other_environments": None, "max_age": None,
    })  # fmt: skip
    yield Entry("explain_webhook", explain_webhook, {
        "scheme": "github", "keyring": RING, "headers": {}, "body": b"", "method": "POST",
        "path": "/", "tolerance": None,
    })  # fmt: skip
    yield Entry("explain_webhook of a URL", explain_webhook, {
        "scheme": "twilio", "keyring": RING, "headers": {}, "body": b"",
        "base_url": "https://hooks.example.com",
    })  # fmt: skip
    yield Entry("WebhookVerifier with a verify token", WebhookVerifier, {
        "scheme": "meta", "keyring": RING, "verify_token": RING,
    })  # fmt: skip


def _sending_entries() -> Iterator[Entry]:
    signers: dict[str, dict[str, Any]] = {
        "": {"scheme": "github", "keyring": RING},
        " of HTTP signatures": {"scheme": "cognito", "keyring": {"an-id": RING}},
        " of a URL": {"scheme": "square", "keyring": RING, "base_url": "https://hooks.example.com"},
        " of a private key": {
            "scheme": "wise", "keyring": Keyring(PEM), "also": WebhookSigner("github", RING),
        },
    }  # fmt: skip
    for name, good in signers.items():
        yield Entry(f"WebhookSigner{name}", WebhookSigner, good)
    from_env = {"scheme": "stigg", "also": None}
    yield Entry("WebhookSigner.from_env", WebhookSigner.from_env, from_env)
    yield Entry("new_webhook_secret", unseen(new_webhook_secret), {"scheme": "github"})
    yield Entry("WebhookSigner.sign", unseen(WebhookSigner("github", RING).sign), {
        "body": b"{}", "delivery_id": "evt-1", "method": "POST", "path": "/",
    })  # fmt: skip


def _changing_entries() -> Iterator[Entry]:
    """Yield what takes keys that change, or signs webhooks."""
    yield from _sending_entries()
    watched = {"source": "STIGG_SIGNING_SECRET", "interval": 9999, "on_event": None}
    yield Entry("WatchedKeyring", WatchedKeyring, {**watched, "env_file": None})
    yield Entry("WatchedKeyring of a function", WatchedKeyring, {"source": lambda: KEY})
    yield Entry("a function that returns keys", watched_function, {"current": KEY, "previous": ""})
    yield Entry("PerTenant", PerTenant, {"load": nothing, "size": 1, "seconds": 1})


def _mode_entries() -> Iterator[Entry]:
    yield Entry("ModeFile", mode_file, {"text": ""})
    yield Entry("EnforcePercent", EnforcePercent, {"percent": 10})
    yield Entry("ModeSwitch", ModeSwitch, {
        "store": UNREACHABLE, "scheme": "stigg", "environment": "live", "interval": 1.0,
    })  # fmt: skip
    yield Entry("set_mode", mode_setting, {
        "scheme": "stigg", "mode": "monitor", "by": "me", "environment": "live", "tenant": None,
        "reason": "", "if_revision": None,
    })  # fmt: skip


def _entries() -> Iterator[Entry]:
    yield Entry("SecretKey", SecretKey, {"secret": KEY, "until": None})
    yield Entry("PrivateKey", PrivateKey, {"pem": PEM, "until": None})
    yield Entry("PublicKey", PublicKey, {"pem": PUBLIC, "until": None})
    yield Entry("Keyring", Keyring, {"current": KEY, "previous": (), "next": ()})
    yield Entry("Keyring.from_env", Keyring.from_env, {"name": "STIGG_SIGNING_SECRET"})
    yield Entry("Scheme.load", Scheme.load, {"slug": "stigg"})
    yield Entry("Signer", Signer, {**_SIGNER, "keyring": RING, "lifetime": None})
    yield Entry(
        "Signer of a JWT",
        Signer,
        {
            **_SIGNER,
            "scheme": "intercom-jwt",
            "claims": ["plan"],
            "lifetime": 60,
            "keyring": RING,
        },
    )
    yield Entry("Signer.from_env", Signer.from_env, _SIGNER)
    yield Entry("Verifier", Verifier, {**_VERIFIER, "keyring": RING})
    yield Entry("Verifier.from_env", Verifier.from_env, _VERIFIER)
    for name, call, good in from_scheme(Scheme.from_mapping, SCHEME):
        yield Entry(f"Scheme.from_mapping of a MAC{name}", call, good)
    for name, call, good in from_scheme(Scheme.from_mapping, JWT_SCHEME):
        yield Entry(f"Scheme.from_mapping of a JWT{name}", call, good)
    for name, call, good in from_scheme(WebhookScheme.from_mapping, WEBHOOK):
        yield Entry(f"WebhookScheme.from_mapping{name}", call, good)
    yield Entry("Scheme.from_mapping", Scheme.from_mapping, {"data": {"slug": "mine", **SCHEME}})
    yield Entry("WebhookScheme.load", WebhookScheme.load, {"slug": "stigg"})
    yield Entry("WebhookVerifier", WebhookVerifier, _WEBHOOK)
    yield Entry("WebhookVerifier of HTTP signatures", WebhookVerifier, {
        "scheme": "cognito", "keyring": {"an-id": RING},
    })  # fmt: skip
    yield Entry("WebhookVerifier.from_env", WebhookVerifier.from_env, {
        "scheme": "stigg", "tolerance": None,
    })  # fmt: skip
    yield from _explaining_entries()
    yield Entry("AllowedOrigins", AllowedOrigins, {
        "origins": ["https://app.example"], "missing": "refuse", "null": "refuse", "loopback": None,
    })  # fmt: skip
    yield Entry("Allowance", Allowance, {
        "count": 3, "session": None, "store": None, "when_unavailable": "fail_closed",
    })  # fmt: skip
    yield Entry("RedisStore", RedisStore, {
        "url": "redis://127.0.0.1:1/0", "prefix": "a:", "timeout": 0.2, "pause": 1.0,
        "replicas": 0,
    })  # fmt: skip
    yield Entry("RedisStore of a client", RedisStore, {"client": redis.Redis()})
    for locate in (from_header, from_query, from_cookie):
        yield Entry(locate.__name__, locate, {"name": "X-Token"})
    yield Entry("asgi.SigningMiddleware", asgi.SigningMiddleware, {
        "app": nothing, **_SIGNING, "blocking": False, "websocket_headers": False,
    })  # fmt: skip
    for page in (asgi.RolloutPage, wsgi.RolloutPage):
        yield Entry(f"{page.__module__}.RolloutPage", page, _PAGE)
    yield Entry("wsgi.SigningMiddleware", wsgi.SigningMiddleware, {"app": nothing, **_SIGNING})
    for module in (asgi, wsgi):
        kind = module.__name__.rpartition(".")[2]
        yield Entry(f"{kind}.VerifyingMiddleware", module.VerifyingMiddleware, _VERIFYING)
        yield Entry(f"{kind}.WebhookMiddleware", module.WebhookMiddleware, _RECEIVING)
        yield Entry(f"{kind}.LeakGuardMiddleware", module.LeakGuardMiddleware, _GUARDING)
    yield Entry("starlette.SigningMiddleware", starlette.SigningMiddleware, {
        "app": nothing, **_SIGNING,
    })  # fmt: skip
    yield Entry("starlette.VerifyingMiddleware", starlette.VerifyingMiddleware, _VERIFYING)
    backend = {
        name: value for name, value in _VERIFYING.items()
        if name != "app"
    }  # fmt: skip
    yield Entry("starlette.TokenBackend", starlette.TokenBackend, backend)
    yield Entry("fastapi.verified_identity", verified_identity, {**backend, "optional": False})
    yield Entry("Flask", flask_app, {
        "principal": nothing, **{
            name.upper(): value for name, value in _SIGNING.items() if name != "principal"
        },
    })  # fmt: skip
    yield Entry("a key of Flask's config", flask_key, {"key": ""})
    yield Entry("StiggEdge", StiggEdge, {
        "keyring": RING, "publishable_key": "client-1", "enforced": True,
    })  # fmt: skip
    yield Entry("FlowSessions", FlowSessions, {
        "keyring": RING, "publishable_key": "key", "origins": None, "environment": None,
        "unsigned_sessions": 3, "require_signed": False,
    })  # fmt: skip
    yield from _mode_entries()
    yield Entry("countermark schemes", command(["schemes", "ARG"]), {"argument": ""})
    yield Entry("countermark demo --port", command(["demo", "--port", "ARG"]), {"argument": ""})
    yield Entry("countermark check", command(["check", "ARG"]), {"argument": ""})
    yield Entry(
        "countermark check --ignore", command(["check", "--ignore", "ARG"]), {"argument": ""}
    )
    yield Entry("countermark COMMAND", command(["ARG"]), {"argument": ""})
    yield Entry("countermark schemes --OPTION", command(["schemes", "--ARG"]), {"argument": ""})
    for arguments in _ARGUMENTS_OF_COMMANDS:
        name = f"countermark {' '.join(arguments.split())}"
        yield Entry(name, command(arguments.split()), {"argument": ""})


def _testing_entries() -> Iterator[Entry]:
    yield Entry("Receiver", Receiver, {"scheme": "stigg", "keyring": RING, "mode": "monitor"})
    response = SimpleNamespace(status_code=200, headers={})
    signed = SimpleNamespace(status_code=200, headers={"X-Token": SIGNER.sign("user-1")})
    yield Entry("assert_signed", partial(assert_signed, principal="user-1"), {
        "response": signed, "scheme": SIGNER,
    })  # fmt: skip
    yield Entry("assert_not_signed", assert_not_signed, {"response": response, "scheme": SIGNER})
    yield Entry("assert_no_secret", partial(assert_no_secret_of, response), {"secret": RING})
    yield Entry("assert_own_identity_only", assert_own_identity_only, {
        "client": client_of(lambda environ, user: (200, [], token(user))), "login": log_in,
        "users": USERS, "paths": ["POST /"], "signers": STIGG, "logout": None, "methods": ["GET"],
        "parameters": [], "exclude": [], "max_requests": 1000,
    })  # fmt: skip
    yield Entry("tampered", lambda token: tampered(token) and None, {"token": KEY})


def _resolver_entries() -> Iterator[Entry]:
    yield Entry("from_session", resolvers.from_session, {
        "key": "id", "session": "session", "actor": "by", "risk_client_input": False,
    })  # fmt: skip
    yield Entry("from_state", resolvers.from_state, {"key": "id", "actor": "by"})
    yield Entry("from_environ", resolvers.from_environ, {
        "key": "REMOTE_USER", "risk_client_input": False,
    })  # fmt: skip
    yield Entry("from_user", resolvers.from_user, {
        "attribute": "id", "key": "user", "actor": "by", "risk_client_input": False,
        "email": "email",
    })  # fmt: skip
    yield Entry("from_proxy_header", resolvers.from_proxy_header, {
        "name": "X-User", "proxies": "10.0.0.0/8", "server_keeps_peer": True,
    })  # fmt: skip
    yield Entry("from_signed_header", resolvers.from_signed_header, {
        "name": "X-Assertion", "keys": PUBLIC, "algorithm": "RS256", "issuer": "https://a.example",
        "audience": "app", "claim": "sub", "email": "email", "leeway": 30, "clock": nothing,
    })  # fmt: skip
    yield Entry("from_aws_header", resolvers.from_aws_header, {
        "keys": private_key("ES256")[1], "issuer": "https://a.example", "client": "c",
        "signer": "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/a/1",
        "claim": "sub", "email": "email", "leeway": 30, "clock": nothing,
    })  # fmt: skip


_WORDS = {
    "a text", "an upper-case text", "upper-case words", "upper-case words with digits",
    "a short text", "a long text", "a dotted text", "a webhook secret",
}  # fmt: skip
_SLUGS = {"a text", "a short text", "a long text"}
#: What is shown where it is well-formed, as a name is asked for that is no secret anywhere: a
#: header's in every response, a scheme's slug in every event. An origin is in every request.
NAMES_THAT_ARE_SHOWN: dict[tuple[str, str], set[str]] = {
    **{(name, "header"): _WORDS for name in ("Signer", "Signer of a JWT", "Signer.from_env")},
    **{(name, "slug"): _SLUGS for name in (
        "Scheme.from_mapping of a MAC", "Scheme.from_mapping of a JWT",
        "WebhookScheme.from_mapping",
    )},
    ("from_header", "name"): _WORDS,
    ("countermark request stigg ARG --id user-1", "argument"): {"an origin"},
    ("countermark request webhook:stigg ARG --body pyproject.toml", "argument"): {"an origin"},
    ("from_query", "name"): _WORDS | {
        "a text in braces", "an origin", "a URL with a password",
    },
    ("from_cookie", "name"): _WORDS | {"a text in braces"},
}  # fmt: skip

ENTRIES = [*_entries(), *_changing_entries(), *_resolver_entries(), *_testing_entries()]

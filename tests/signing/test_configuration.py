"""An invalid configuration raises at construction, says what to change, and shows no secret."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from countermark import ConfigurationError, CountermarkError, Keyring, Signer
from countermark import asgi as asgi_side
from countermark import wsgi as wsgi_side
from countermark.resolvers import from_environ, from_proxy_header
from tests.drivers import answer

SECRET = "k7Qw-canary-of-the-configuration-tests"


async def resolve_async(source: Any) -> None: ...


def resolve(source: Any) -> None: ...


def ring() -> Keyring:
    return Keyring(SECRET)


@pytest.mark.parametrize("side", [asgi_side, wsgi_side])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"signers": []}, "signers= is empty"),
        ({"signers": "stigg"}, r"Signer\.from_env\('stigg'\)"),
        ({"signers": None}, "takes Signer objects, not NoneType"),
        ({"signers": ring()}, "takes Signer objects, not Keyring"),
        ({"signers": ["stigg"]}, "takes Signer objects, not str"),
        ({"signers": [Signer("stigg", ring())] * 2}, "two signers are for the scheme 'stigg'"),
        (
            {
                "signers": [
                    Signer("stigg", ring(), header="X-Token"),
                    Signer("cognito-flow", ring(), header="x-token"),
                ]
            },
            "'stigg' and 'cognito-flow' have the same header 'x-token'",
        ),
        ({"principal": None}, "principal= must be a function"),
        ({"principal": "user-1"}, "principal= must be a function"),
        ({"on_event": True}, "on_event= must be a function"),
        ({"on_event": resolve_async}, "on_event= must be a function, not async"),
        ({"vary": ["Cookie;"]}, "vary= takes names"),
        ({"cache_control": "public"}, "cache_control= must be"),
    ],
)
def test_an_invalid_option_of_a_middleware_is_refused(
    side: Any, options: dict[str, Any], message: str
) -> None:
    given = {"signers": Signer("stigg", ring()), "principal": resolve} | options
    with pytest.raises(ConfigurationError, match=message) as caught:
        side.SigningMiddleware(None, **given)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("side", [asgi_side, wsgi_side])
@pytest.mark.parametrize("missing", ["signers", "principal"])
def test_a_missing_option_is_named(side: Any, missing: str) -> None:
    given = {"signers": Signer("stigg", ring()), "principal": resolve}
    del given[missing]
    with pytest.raises(TypeError, match=missing):
        side.SigningMiddleware(None, **given)


@pytest.mark.parametrize("principal", [resolve_async, "user-1"])
def test_blocking_is_refused_for_async_resolvers(principal: Any) -> None:
    with pytest.raises(ConfigurationError, match="blocking=True is for"):
        asgi_side.SigningMiddleware(
            answer(), signers=Signer("stigg", ring()), principal=principal, blocking=True
        )


def test_trusted_proxies_must_be_named() -> None:
    with pytest.raises(ConfigurationError, match="proxies= is empty"):
        from_proxy_header("X-Forwarded-User", proxies=[])
    with pytest.raises(ConfigurationError, match="must hold addresses or networks"):
        from_proxy_header("X-Forwarded-User", proxies=["localhost"])
    with pytest.raises(ConfigurationError, match="from_proxy_header"):
        from_environ("HTTP_X_FORWARDED_USER")


BAD_SECRETS: dict[str, Any] = {
    "trailing newline": f"{SECRET}\n",
    "as a previous key": ("good-" + SECRET, [SECRET + "-1", f"{SECRET}\n", SECRET + "-2"]),
    "as a next key": ("good-" + SECRET, (), f" {SECRET}"),
    "lone surrogate": f"{SECRET}\udc80",
    "instead of a keyring": SECRET,
    "publishable": f"client-{SECRET}",
    "of another environment": f"live_secret_{SECRET}",
}


@pytest.mark.parametrize("case", BAD_SECRETS)
def test_no_traceback_frame_contains_the_secret(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Error trackers send the local variables of every frame, so ours must not hold it."""
    value = BAD_SECRETS[case]
    try:
        if case == "instead of a keyring":
            Signer("stigg", value)
        elif isinstance(value, tuple):
            Keyring(*value)
        else:
            monkeypatch.setattr("os.environ", {"COGNITO_API_SECRET": value})
            scheme = "stigg" if case == "publishable" else "cognito-flow"
            keyring = Keyring.from_env("COGNITO_API_SECRET")
            Signer(scheme, keyring, environment="sandbox")
    except CountermarkError as error:
        caught = error
    shown = traceback.TracebackException.from_exception(caught, capture_locals=True)
    ours = [frame for frame in shown.stack if "countermark/" in frame.filename.replace("\\", "/")]
    assert ours
    assert SECRET not in repr([frame.locals for frame in ours])
    assert SECRET not in str(caught)
    assert caught.__context__ is None
    assert caught.__cause__ is None


@pytest.mark.parametrize("option", ["blocking", "websocket_headers", "sign_impersonated"])
def test_a_text_is_refused_as_a_flag(option: str, stigg: Signer) -> None:
    """A flag read from the environment is a text, and "False" would be true."""
    options: Any = {option: "False"}
    with pytest.raises(ConfigurationError, match=f"{option}= .*must be True or False"):
        asgi_side.SigningMiddleware(answer(), signers=stigg, principal=lambda s: None, **options)

"""A bare WSGI application with wrappers, with five faults."""

from collections.abc import Iterable
from typing import Any

from countermark import Keyring, Signer, Verifier
from countermark.resolvers import from_environ, from_session
from countermark.wsgi import SigningMiddleware, VerifyingMiddleware

SECRET = "one secret for two vendors, which must not be"


def application(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"Hello"]


class BeakerSession:
    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.wrapped({**environ, "beaker.session": {}}, start_response)


class PageCache:
    __slots__ = ("application",)

    def __init__(self, application: Any) -> None:
        self.application = application

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.application(environ, start_response)


def log(inner: Any) -> Any:
    def logging(environ: Any, start_response: Any) -> Any:
        environ["log"].append(environ["PATH_INFO"])
        return inner(environ, start_response)

    return logging


signing = SigningMiddleware(
    log(BeakerSession(application)),
    signers=[Signer("stigg", Keyring(SECRET)), Signer("canny-hash", Keyring(SECRET))],
    principal=from_session("user_id", session="beaker.session"),
)
twice = SigningMiddleware(
    signing, signers=Signer("stigg", Keyring(SECRET)), principal=from_environ()
)
app = PageCache(VerifyingMiddleware(twice, verifier=Verifier("stigg", Keyring(SECRET)), mode="off"))

"""The number of signatures that a request computes."""

from __future__ import annotations

from typing import Any

from countermark import EventCounter, Keyring, Signer
from countermark.asgi import Receive, Scope, Send
from tests.asgi.samples import PLAIN, USER, Wrap
from tests.drivers import answer, request


class TestSignatureCount:
    def test_a_request_signs_once_per_principal_and_scheme(
        self, wrap: Wrap, stigg: Signer, flow: Signer
    ) -> None:
        counter = EventCounter()

        def read(scope: Scope) -> None:
            for _ in range(3):
                scope["state"]["countermark"].payload()

        app = wrap(answer(PLAIN, before=read), signers=[stigg, flow], on_event=counter)
        for number in range(1, 11):
            request(app)
            assert counter.total("signed", scheme="stigg") == number
            assert counter.total("signed", scheme="cognito-flow") == number

    def test_a_request_signs_once_without_a_hook_too(self, wrap: Wrap, stigg: Signer) -> None:
        signed, sign = [], stigg.sign

        def counting(principal: Any) -> str:
            signed.append(principal)
            return sign(principal)

        stigg.sign = counting  # type: ignore[method-assign]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for _ in range(2):
                await answer(PLAIN)(scope, receive, send)
            assert scope["state"]["countermark"]["stigg"].token

        middleware = wrap(app, on_event=None)
        for number in range(1, 4):
            request(middleware)
            assert signed == [USER] * number

    def test_an_anonymous_request_signs_nothing(self, wrap: Wrap) -> None:
        counter = EventCounter()
        app = wrap(
            answer(PLAIN, before=lambda scope: scope["state"]["countermark"].payload()),
            None,
            on_event=counter,
        )
        request(app)
        assert counter.snapshot() == {}

    def test_a_token_that_is_not_read_is_not_signed(self, wrap: Wrap, secret: str) -> None:
        counter = EventCounter()
        quiet = Signer("stigg", Keyring(secret), header=None)
        resolve = {"calls": 0}

        def principal(scope: Scope) -> str:
            resolve["calls"] += 1
            return USER

        app = wrap(answer(PLAIN), principal, signers=quiet, on_event=counter)
        assert request(app) == request(answer(PLAIN))
        assert counter.snapshot() == {}
        assert resolve["calls"] == 0

    def test_only_the_scheme_that_is_read_is_signed(self, wrap: Wrap, secret: str) -> None:
        counter = EventCounter()
        signers = [Signer(s, Keyring(secret), header=None) for s in ("stigg", "cognito-flow")]
        read = answer(PLAIN, before=lambda scope: scope["state"]["countermark"]["stigg"])
        request(wrap(read, signers=signers, on_event=counter))
        assert counter.snapshot() == {("signed", "current", "stigg"): 1}

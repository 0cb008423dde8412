"""Up to 80 schemes in one process."""

from __future__ import annotations

from benchmarks.asgi_peers import answer, user_id
from benchmarks.asgi_stack import requests
from benchmarks.growth.requests import answered, in_turn, status_of, token_scope
from benchmarks.measure import Bar, Suite, Variant
from benchmarks.scheme_count import numbered_scheme, with_schemes
from benchmarks.subject import KEYRING, TOKEN
from countermark import Signer, Verifier
from countermark.asgi import App, SigningMiddleware, VerifyingMiddleware

_BARE = "bare application"
_COUNTS = (1, 8, 40, 80)


def signed_suite() -> Suite:
    """Return responses with the tokens of all schemes, and with one token in the state."""
    read = {count: f"one token read of {count}" for count in _COUNTS}
    sent = {count: f"{count} in headers" for count in _COUNTS}
    return Suite(
        "ASGI, signed, 1 to 80 schemes",
        [
            Variant(_BARE, requests(answer)),
            *(Variant(read[n], requests(with_schemes(n)), _BARE, ours=True) for n in _COUNTS),
            *(Variant(sent[n], requests(_with_headers(n)), _BARE, ours=True) for n in _COUNTS),
        ],
        [
            Bar("one token read, 80 schemes configured / one", 1.1, read[80], read[1]),
            Bar("80 schemes in headers / 8: linear is 10", 12, sent[80], sent[8]),
        ],
        count=50,
    )


def verified_suite() -> Suite:
    """Return requests that bring tokens of 1 to 80 schemes, one each."""
    names = {count: f"{count} scheme{'s' if count > 1 else ''} in turn" for count in _COUNTS}
    variants = [Variant(_BARE, in_turn(lambda app: answered(app, token_scope(TOKEN)), [answer]))]
    for count, name in names.items():
        apps = [_verifying(number) for number in range(count)]
        block = in_turn(lambda app: answered(app, token_scope(TOKEN)), apps)
        variants.append(Variant(name, block, _BARE, ours=True))
    return Suite(
        "ASGI, verified, 1 to 80 schemes, a middleware for each",
        variants,
        [Bar("verified, 80 schemes in turn / one", 1.6, names[80], names[1])],
        count=200,
    )


def _with_headers(count: int) -> App:
    signers = [Signer(numbered_scheme(number), KEYRING) for number in range(count)]
    return SigningMiddleware(answer, signers=signers, principal=user_id)


def _verifying(number: int) -> App:
    verifier = Verifier(numbered_scheme(number), KEYRING)
    app = VerifyingMiddleware(answer, verifier=verifier, mode="enforce", token="x-customer-key")
    assert status_of(app, token_scope(TOKEN)) == 200
    return app

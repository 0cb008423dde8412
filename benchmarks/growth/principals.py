"""Up to a million principals in a meter: a verified request that is counted."""

from __future__ import annotations

from random import Random

from benchmarks.asgi_peers import answer
from benchmarks.growth.requests import answered, in_turn, status_of, token_of, token_scope
from benchmarks.measure import Bar, Suite, Variant
from benchmarks.subject import KEYRING, SECRET_TEXT
from countermark import Verifier
from countermark.asgi import VerifyingMiddleware
from countermark.rollout import Meter

_BARE = "bare application"
_SAMPLE = 1_000


def suite(most: int) -> Suite:
    """Return counted requests, with 1,000 to *most* principals in the meter."""
    counts = [count for count in (1_000, 10_000, 100_000, 1_000_000) if count <= most]
    verifier = Verifier("stigg", KEYRING)
    uncounted = VerifyingMiddleware(answer, verifier=verifier, mode="enforce")
    tokens = [_token(number) for number in range(_SAMPLE)]
    variants = [
        Variant(_BARE, in_turn(lambda token: answered(answer, token_scope(token)), tokens)),
        Variant(
            "without a meter",
            in_turn(lambda token: answered(uncounted, token_scope(token)), tokens),
            _BARE,
            ours=True,
        ),
    ]
    variants += [_counted(verifier, count) for count in counts]
    return Suite(
        "ASGI, verified and counted, principals in the meter",
        variants,
        [Bar(f"counted, {most:,} principals / 1,000", 1.6, _name(most), _name(1_000))],
        count=200,
    )


def _counted(verifier: Verifier, count: int) -> Variant:
    meter = Meter()
    app = VerifyingMiddleware(answer, verifier=verifier, mode="enforce", meter=meter)
    assert status_of(app, token_scope(_token(0))) == 200
    for number in range(count):
        answered(app, token_scope(_token(number)))
    tokens = [_token(number) for number in Random(1).sample(range(count), _SAMPLE)]
    block = in_turn(lambda token: answered(app, token_scope(token)), tokens)
    return Variant(_name(count), block, _BARE, ours=True)


def _token(number: int) -> str:
    return token_of(SECRET_TEXT, f"3a409367-a417-4d46-9a92-{number:012d}")


def _name(count: int) -> str:
    return f"{count:,} principals"

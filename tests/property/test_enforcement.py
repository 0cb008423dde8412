"""Whatever comes: monitor refuses nothing, enforce lets in nothing that is not proved."""

from __future__ import annotations

import hmac
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from countermark import Keyring, SecretKey, Signer, Verdict, Verifier
from countermark.errors import REFUSALS
from countermark.verifying import Allowance, AllowedOrigins, from_cookie, from_header, from_query
from countermark.verifying._locations import Location
from tests.conftest import SECRET
from tests.verifying.protocols import ASGI, HEADER, WSGI, Protocol, Verdicts, Visit

OLD, GONE, FOREIGN = (
    f"{name}-secret-of-the-tests-with-enough-bytes" for name in ("old", "gone", "other")
)
RING = Keyring(SECRET, previous=[OLD, SecretKey(GONE, until=1000)])
VERIFIER = Verifier(
    "stigg", RING, environment="live", other_environments={"test": Keyring(FOREIGN)}
)
APP = "https://app.example"
ORIGINS = AllowedOrigins([APP], missing="allow")

IDS = st.sampled_from(["user-1", "user-2", "a,b", "a:b", "1"])


def signed(id: str, secret: str) -> bytes:
    return Signer("stigg", Keyring(secret)).sign(id).encode()


GENUINE = st.builds(signed, IDS, st.sampled_from([SECRET, OLD]))


@st.composite
def nearly(draw: st.DrawFn) -> bytes:
    """Draw a token with something wrong, or something that may be."""
    token = draw(st.builds(signed, IDS, st.sampled_from([SECRET, OLD, GONE, FOREIGN])))
    at = draw(st.integers(0, len(token)))
    inserted = draw(st.sampled_from([b"", b",", b" ", b"\n", b"\xc3", b"0", b";", b"%", b'"']))
    return token[:at] + inserted + token[at + draw(st.integers(0, 2)) :]


VALUES = GENUINE | nearly() | st.sampled_from([b"", b","]) | st.binary(max_size=20)
NAMES = st.sampled_from([HEADER, b"X-CUSTOMER-KEY", b"x_customer_key", b"x-customer-kez"])
ORIGIN_VALUES = st.sampled_from([APP.encode(), b"null", b"https://evil.example", b""])
COOKIES = VALUES.map(lambda value: b"a=b; token=" + value)
HEADERS = st.lists(
    st.tuples(NAMES, VALUES)
    | st.tuples(st.just(b"origin"), ORIGIN_VALUES)
    | st.tuples(st.just(b"cookie"), COOKIES)
    | st.tuples(st.just(b"access-control-request-method"), st.sampled_from([b"PUT", b""])),
    max_size=4,
)
QUERIES = st.lists(VALUES, max_size=2).map(lambda values: b"&".join(b"token=" + v for v in values))
METHODS = st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "odd"])
LOCATIONS = st.sampled_from(
    [from_header("X-Customer-Key"), from_cookie("token"), from_query("token")]
)


class Asked(NamedTuple):
    """A request, and where its token is to be."""

    headers: list[tuple[bytes, bytes]]
    method: str
    query: bytes
    token: Location
    origins: AllowedOrigins | None

    def of(self, protocol: Protocol, **options: Any) -> Visit:
        return protocol(
            *self.headers, method=self.method, query=self.query, verifier=VERIFIER,
            token=self.token, origins=self.origins, **options,
        )  # fmt: skip


both = pytest.mark.parametrize("protocol", [ASGI, WSGI], ids=["asgi", "wsgi"])


def is_genuine(value: str) -> bool:
    """Check a token by the letter of the vendor's page, with nothing of ours."""
    scheme, _, rest = value.partition(" ")
    id, _, mac = rest.rpartition(":")
    macs = [hmac.new(s.encode(), id.encode(), "sha256").hexdigest() for s in (SECRET, OLD)]
    return scheme == "HMAC-SHA256" and mac in macs


def check_identity(verdict: Verdict) -> None:
    assert verdict.code in {"verified", *REFUSALS}
    assert (verdict.identity is not None) == (verdict.code == "verified") == verdict.verified
    assert (verdict.admitted_by == "token") == verdict.verified
    if verdict.identity is not None:
        assert verdict.claimed_id == verdict.identity.principal_id


REQUESTS = st.builds(Asked, HEADERS, METHODS, QUERIES, LOCATIONS, st.sampled_from([None, ORIGINS]))


@both
@given(REQUESTS)
def test_monitor_never_refuses(protocol: Protocol, asked: Asked) -> None:
    verdicts = Verdicts()
    visit = asked.of(protocol, mode="monitor", allowance=Allowance(1), meter=verdicts)
    assert (visit.reached, visit.status, visit.headers) == (True, 200, {})
    assert verdicts == ([] if visit.verdict is None else [visit.verdict])
    if visit.verdict is None:
        assert asked.method == "OPTIONS"
        assert visit.identity is None
    else:
        check_identity(visit.verdict)
        assert visit.identity is visit.verdict.identity
        assert visit.verdict.admitted_by in ("token", "monitor")


def check_enforced(visit: Visit, verdicts: Verdicts, asked: Asked) -> None:
    for verdict in verdicts:
        check_identity(verdict)
        assert verdict.admitted == visit.reached
    if not visit.reached:
        assert visit.status in (204, 401, 403)
        return
    (verdict,) = verdicts
    assert visit.verdict is verdict
    assert visit.identity is verdict.identity
    if asked.origins is not None:
        assert (b"origin", b"https://evil.example") not in asked.headers
    if verdict.admitted_by == "allowance":
        assert (verdict.code, visit.identity) == ("missing", None)
        return
    assert verdict.admitted_by == "token"
    if asked.token.kind == "header":
        # All that could be it, as one value: so there is one, or one with a comma.
        values = [v for n, v in asked.headers if n.lower().replace(b"_", b"-") == HEADER]
        assert is_genuine(b",".join(values).decode())


@both
@given(REQUESTS, st.sampled_from([None, 0, 1]))
def test_enforce_allows_only_verified_and_allowed_requests(
    protocol: Protocol, asked: Asked, count: int | None
) -> None:
    allowance, verdicts = None if count is None else Allowance(count), Verdicts()
    for _ in range(2):
        verdicts.clear()
        visit = asked.of(protocol, mode="enforce", allowance=allowance, meter=verdicts)
        check_enforced(visit, verdicts, asked)
    if visit.verdict is not None:
        assert visit.verdict.admitted_by == "token"  # the second time nothing is left


@both
@given(GENUINE, METHODS)
def test_a_single_valid_token_is_allowed(protocol: Protocol, token: bytes, method: str) -> None:
    visit = protocol((HEADER, token), method=method, verifier=VERIFIER)
    assert visit.reached
    assert visit.identity is not None


@given(GENUINE | nearly(), VALUES, st.sampled_from([HEADER, b"X_CUSTOMER_KEY"]))
def test_two_tokens_are_never_allowed_under_asgi(one: bytes, other: bytes, name: bytes) -> None:
    for headers in ([(HEADER, one), (name, other)], [(name, other), (HEADER, one)]):
        visit = ASGI(*headers, verifier=VERIFIER)
        assert (visit.reached, visit.code) == (False, "ambiguous")


class Rotation(RuleBasedStateMachine):
    """Two instances that change their keys one after the other, in the documented order.

    ``next`` is added everywhere; then one instance after the other signs with it; when
    all do, the key before is ended, and refused by its name.
    """

    SECRETS = tuple(f"secret-number-{number}-of-the-tests-with-bytes" for number in range(4))

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.signing = [0, 0]  # the number of the current key of each instance
        self.known = [0, 0]  # the latest that each accepts
        self.ended = [0, 0]  # all before that one have ended
        self.tokens: list[tuple[int, bytes]] = []
        self.rings = [self.ring(which) for which in (0, 1)]

    def ring(self, which: int) -> Keyring:
        current = self.signing[which]
        previous = [
            SecretKey(self.SECRETS[old], until=self.now if old < self.ended[which] else None)
            for old in range(current)
        ]
        following = self.SECRETS[current + 1 : self.known[which] + 1]
        return Keyring(self.SECRETS[current], previous=previous, next=list(following))

    def verify(self, which: int, token: bytes) -> Visit:
        verifier = Verifier("stigg", self.rings[which], clock=lambda: self.now)
        return ASGI((HEADER, token), verifier=verifier)

    def sign(self, which: int) -> bytes:
        return Signer("stigg", self.rings[which]).sign("user-1").encode()

    def restart(self, which: int) -> None:
        self.rings[which] = self.ring(which)
        self.now += 1

    @rule(which=st.integers(0, 1))
    def add_next(self, which: int) -> None:
        over = self.ended[which] == self.known[which]  # the rotation before
        if over and self.known[which] + 1 < len(self.SECRETS):
            self.known[which] += 1
            self.restart(which)

    @rule(which=st.integers(0, 1))
    def promote(self, which: int) -> None:
        if min(self.known) > self.signing[which]:
            self.signing[which] += 1
            self.restart(which)

    @rule(which=st.integers(0, 1))
    def retire(self, which: int) -> None:
        if min(self.signing) > self.ended[which]:
            self.ended[which] += 1
            self.restart(which)

    @rule(which=st.integers(0, 1))
    def keep_a_token(self, which: int) -> None:
        self.tokens.append((self.signing[which], self.sign(which)))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), which=st.integers(0, 1))
    def an_old_token_is_good_until_its_key_ends(self, data: st.DataObject, which: int) -> None:
        number, token = data.draw(st.sampled_from(self.tokens))
        visit = self.verify(which, token)
        assert visit.code == ("retired_key" if number < self.ended[which] else "verified")

    @invariant()
    def what_any_instance_signs_now_any_verifies(self) -> None:
        for signing in (0, 1):
            token = self.sign(signing)
            for verifying in (0, 1):
                visit = self.verify(verifying, token)
                assert visit.verdict is not None
                assert visit.code == "verified"
                mine = self.signing[verifying]
                number = self.signing[signing]
                role = "current" if number == mine else "next" if number > mine else "previous"
                assert visit.verdict.role == role


TestRotation = Rotation.TestCase
TestRotation.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

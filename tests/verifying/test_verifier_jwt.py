"""Verifying JSON Web Tokens: what they must say, and when."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest

from countermark import (
    BadToken,
    ConfigurationError,
    Keyring,
    Principal,
    Scheme,
    SecretKey,
    Signer,
    Verifier,
)
from tests.samples import ANN, NOW, private_key, signer_of
from tests.verifying.verifiers import FOREIGN, NEW, OLD, code_of, verifier_of

CLAIMS: dict[str, Any] = {"user_id": "user-1", "exp": int(NOW) + 60}


def token(claims: Any = None, secret: Any = NEW, header: Any = None, **changed: Any) -> str:
    """Return a token by PyJWT's own encoder."""
    wanted = (CLAIMS if claims is None else claims) | changed
    return jwt.encode(wanted, secret, algorithm="HS256", headers=header)


def raw(header: str | bytes, claims: str | bytes, secret: str = NEW) -> str:
    """Return a token of any two texts, well signed."""
    parts = [part if isinstance(part, bytes) else part.encode() for part in (header, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    code = algorithm.sign(signed, secret.encode())
    return f"{signed.decode()}.{base64.urlsafe_b64encode(code).rstrip(b'=').decode()}"


HEADER = '{"alg":"HS256","typ":"JWT"}'


CHAT = Scheme.from_mapping(
    {
        "slug": "acme-chat",
        "jwt": {"algorithm": "HS256", "claims": {"user_id": "{id}", "exp": "{expires:s?}"}},
    }
)


def chat(**options: Any) -> Verifier:
    return Verifier(CHAT, Keyring(NEW), **{"clock": lambda: NOW} | options)


def test_the_claims_identify_the_principal() -> None:
    identity = chat(environment="live").verify(token(plan="pro"))
    assert (identity.principal_id, identity.role) == ("user-1", "current")
    assert identity.key_id == SecretKey(NEW).key_id
    assert identity.claims == {**CLAIMS, "plan": "pro"}
    assert identity.expires_at == int(NOW) + 60
    assert chat().verify(raw(HEADER, json.dumps(CLAIMS))).principal_id == "user-1"
    assert not chat().needs_principal


def test_the_expiry_has_a_leeway() -> None:
    for early, code in ((9.9, "verified"), (10, "expired"), (11, "expired")):
        verifier = chat(clock=lambda early=early: int(NOW) + 60 + early)
        assert verifier.check(token()).code == code
    assert code_of(chat(leeway=0, clock=lambda: int(NOW) + 60), token()) == "expired"


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_the_start_of_validity_has_a_leeway(claim: str) -> None:
    assert chat().verify(token(CLAIMS | {claim: int(NOW) + 10})).principal_id == "user-1"
    assert code_of(chat(), token(CLAIMS | {claim: int(NOW) + 11})) == "not_yet_valid"
    both = token(nbf=int(NOW) - 60, iat=int(NOW) - 60) if claim == "iat" else token(nbf=0)
    assert chat().verify(both).principal_id == "user-1"


def test_a_maximum_age_can_be_set() -> None:
    verifier = chat(max_age=60)
    assert verifier.verify(token(iat=int(NOW) - 69)).principal_id == "user-1"
    assert code_of(verifier, token(iat=int(NOW) - 71)) == "expired"
    assert code_of(verifier, token()) == "malformed"


def test_every_key_of_the_keyring_is_valid_until_it_expires() -> None:
    now = [NOW]
    ring = Keyring(NEW, previous=SecretKey(OLD, until=NOW + 5))
    verifier = Verifier(
        CHAT, ring, other_environments={"test": Keyring(FOREIGN)}, clock=lambda: now[0]
    )
    assert verifier.verify(token(secret=OLD)).role == "previous"
    now[0] += 5
    assert code_of(verifier, token(secret=OLD)) == "retired_key"
    assert code_of(verifier, token(secret=FOREIGN)) == "wrong_environment"
    assert code_of(verifier, token(secret="d" * 40)) == "mismatch"


def test_a_token_for_another_principal_is_refused() -> None:
    assert chat().verify(token(), "user-1").principal_id == "user-1"
    assert code_of(chat(), token(), "user-2") == "mismatch"
    assert code_of(chat(), token(), Principal(email="a@b.example")) == "mismatch"
    feedbear = verifier_of("feedbear")
    signed = signer_of("feedbear").sign(ANN)
    assert feedbear.verify(signed, ANN).principal_id is None
    assert code_of(feedbear, signed, Principal("user-1", email="bob@b.example")) == "mismatch"


HOSTILE: dict[str, tuple[str, str]] = {
    "no algorithm": (jwt.encode(CLAIMS, "", algorithm="none"), "malformed"),
    "another algorithm": (jwt.encode(CLAIMS, NEW + NEW, algorithm="HS512"), "malformed"),
    "a critical extension": (token(header={"crit": ["b64"], "b64": True}), "malformed"),
    "an unencoded payload": (token(header={"b64": False}), "malformed"),
    "a key of its own": (token(secret=FOREIGN, header={"jwk": {"kty": "oct"}}), "mismatch"),
    "two parts": (token().rpartition(".")[0], "malformed"),
    "four parts": (token() + ".x", "malformed"),
    "no signature": (token().rpartition(".")[0] + ".", "malformed"),
    "padding": (token() + "=", "malformed"),
    "spare bits": (token()[:-1] + chr(ord(token()[-1]) + 1), "malformed"),
    "a letter outside the alphabet": (token().replace(".", ".!", 1), "malformed"),
    "a header that is a list": (raw("[]", "{}"), "malformed"),
    "claims that are a list": (raw(HEADER, "[]"), "malformed"),
    "claims that are no JSON": (raw(HEADER, "{'user_id': 1}"), "malformed"),
    "claims that are no text": (raw(HEADER, b"\xff"), "malformed"),
    "claims that lie deep": (raw(HEADER, "[" * 2500), "malformed"),
    "many digits": (raw(HEADER, f'{{"user_id":"u","exp":{"9" * 5000}}}'), "malformed"),
    "infinity": (raw(HEADER, '{"user_id":"u","exp":Infinity}'), "malformed"),
    "an exponent": (raw(HEADER, '{"user_id":"u","exp":1e400}'), "malformed"),
    "a claim twice": (raw(HEADER, '{"user_id":"u","user_id":"v"}'), "ambiguous"),
    "an algorithm twice": (raw('{"alg":"HS256","alg":"HS256"}', "{}"), "ambiguous"),
    "no id": (token(claims={"exp": int(NOW) + 60}), "malformed"),
    "an id that is true": (token(user_id=True), "malformed"),
    "an id that is a fraction": (token(user_id=7.5), "malformed"),
    "an id that is a list": (token(user_id=["u"]), "malformed"),
    "an id that is nothing": (token(user_id=""), "malformed"),
    "an id with a newline": (token(user_id="a\nb"), "malformed"),
    "an end that is true": (raw(HEADER, '{"user_id":"u","exp":true}'), "malformed"),
    "an end that is a text": (raw(HEADER, '{"user_id":"u","exp":"9999999999"}'), "malformed"),
    "an end before time": (raw(HEADER, '{"user_id":"u","exp":-1}'), "malformed"),
    "too long": (token(padding="x" * 9000), "malformed"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_each_hostile_token_has_its_code(what: str) -> None:
    hostile, code = HOSTILE[what]
    assert code_of(chat(), hostile) == code


def test_the_constants_of_a_scheme_must_be_in_the_token() -> None:
    """A token for another application, or of another kind, is not for this one."""
    good = signer_of("talkjs-jwt").sign("user-1")
    claims = jwt.decode(good, options={"verify_signature": False})
    secret = "0123456789abcdef" * 5
    verifier = verifier_of("talkjs-jwt")
    assert verifier.verify(good).principal_id == "user-1"
    for wrong in ({"iss": "another"}, {"tokenType": "app"}):
        assert code_of(verifier, token(claims, secret, **wrong)) == "wrong_environment"
    without = {name: value for name, value in claims.items() if name != "tokenType"}
    assert code_of(verifier, token(without, secret)) == "malformed"


def test_constants_of_every_kind_are_compared() -> None:
    scheme = Scheme.from_mapping(
        {
            "slug": "acme",
            "jwt": {
                "algorithm": "HS256",
                "claims": {"sub": "{id}", "version": 1, "aud": ["a", "{settings.app}"]},
            },
            "settings": {"app": {"variable": "APP"}},
        }
    )
    verifier = Verifier(scheme, Keyring(NEW), settings={"app": "x"})
    good = {"sub": "user-1", "version": 1, "aud": ["a", "x"]}
    assert verifier.verify(token(good)).principal_id == "user-1"
    assert Signer(scheme, Keyring(NEW), settings={"app": "x"}).sign("user-1") == token(good)
    for claim, wrong in (("version", 2), ("version", True), ("aud", ["a", "y"])):
        assert code_of(verifier, token({**good, claim: wrong})) == "wrong_environment"
    malformed: list[Any] = ["a", ["a"], {}]
    for value in malformed:
        assert code_of(verifier, token({**good, "aud": value})) == "malformed"


def test_an_id_inside_a_text_is_found() -> None:
    good = signer_of("smile-io").sign("user-1")
    claims = jwt.decode(good, options={"verify_signature": False})
    verifier, secret = verifier_of("smile-io"), "0123456789abcdef" * 5
    assert claims["sub"] == "the-id_type:user-1"
    assert verifier.verify(good).principal_id == "user-1"
    for sub in ("user-1", "another:user-1", 7, "the-id_type:", None):
        assert code_of(verifier, token(claims, secret, sub=sub)) == "malformed"


def test_claims_inside_claims_are_read() -> None:
    good = signer_of("onesignal-jwt").sign("user-1")
    verifier = verifier_of("onesignal-jwt")
    assert verifier.verify(good).principal_id == "user-1"
    claims = jwt.decode(good, options={"verify_signature": False})
    flat = jwt.encode(claims | {"identity": "user-1"}, private_key("ES256")[0], algorithm="ES256")
    assert code_of(verifier, flat) == "malformed"


@pytest.mark.parametrize("slug", ["knock", "onesignal-jwt"])
def test_a_public_key_is_no_shared_secret(slug: str) -> None:
    """The classic confusion: HS256 over the public key that everybody has."""
    algorithm = "RS256" if slug == "knock" else "ES256"
    claims = jwt.decode(signer_of(slug).sign(ANN), options={"verify_signature": False})
    header = base64.urlsafe_b64encode(HEADER.encode()).rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    signed = header + b"." + body
    hmac_of = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    code = hmac_of.sign(signed, private_key(algorithm)[1].encode())
    forged = f"{signed.decode()}.{base64.urlsafe_b64encode(code).rstrip(b'=').decode()}"
    assert code_of(verifier_of(slug), forged) == "malformed"


def test_one_of_several_names_is_enough() -> None:
    verifier = verifier_of("featurebase-jwt")
    signer = signer_of("featurebase-jwt", claims=())
    by_email = verifier.verify(signer.sign(Principal(email="a@b.example")))
    assert (by_email.principal_id, by_email.claims["email"]) == (None, "a@b.example")
    nobody = token({"name": "Ann"}, "0123456789abcdef" * 5)
    assert code_of(verifier, nobody) == "malformed"


def test_an_id_may_be_written_as_a_number() -> None:
    """As servers do whose ids are numbers; signing takes them too."""
    assert chat().verify(token(user_id=42)).principal_id == "42"
    assert chat().verify(token(user_id=42), 42).principal_id == "42"


def test_other_claims_that_look_like_times_are_ignored() -> None:
    good = jwt.decode(signer_of("intercom-jwt").sign(ANN), options={"verify_signature": False})
    verifier, secret = verifier_of("intercom-jwt"), "0123456789abcdef" * 5
    assert verifier.verify(token(good, secret)).claims["created_at"] == 1_700_000_000
    for value in ("yesterday", None):
        assert verifier.verify(token(good, secret, created_at=value)).principal_id == "user-1"


def test_the_audience_may_be_a_list() -> None:
    """RFC 7519, section 4.1.3."""
    good = jwt.decode(signer_of("clad").sign(ANN), options={"verify_signature": False})
    verifier, secret = verifier_of("clad"), "0123456789abcdef" * 5
    both = token(good, secret, aud=["another", "clad_support_chat"])
    assert verifier.verify(both).principal_id == "user-1"
    assert code_of(verifier, token(good, secret, aud=["another"])) == "wrong_environment"


def test_only_a_signed_token_can_belong_to_another_account() -> None:
    good = jwt.decode(signer_of("talkjs-jwt").sign("u"), options={"verify_signature": False})
    foreign = token(good, "x" * 40, iss="another")
    assert code_of(verifier_of("talkjs-jwt"), foreign) == "mismatch"


def test_an_address_is_compared_as_the_scheme_signs_it() -> None:
    scheme = Scheme.from_mapping(
        {
            "slug": "acme",
            "jwt": {"algorithm": "HS256", "claims": {"sub": "{id}", "mail": "{email}"}},
            "values": {"email": {"lower": True}},
        }
    )
    ann = Principal("u", email="Ann@B.example")
    verifier, signed = Verifier(scheme, Keyring(NEW)), Signer(scheme, Keyring(NEW)).sign(ann)
    assert verifier.verify(signed, ann).principal_id == "u"
    assert code_of(verifier, signed, Principal("u", email="bob@b.example")) == "mismatch"


def test_two_ids_in_one_token_must_be_one() -> None:
    scheme = scheme_of({"sub": "{id}", "user": {"id": "{id}"}})
    verifier = Verifier(scheme, Keyring(NEW))
    assert verifier.verify(token({"sub": "a", "user": {"id": "a"}})).principal_id == "a"
    assert code_of(verifier, token({"sub": "a", "user": {"id": "b"}})) == "ambiguous"


def scheme_of(claims: dict[str, Any]) -> Scheme:
    return Scheme.from_mapping(
        {
            "slug": "acme",
            "jwt": {"algorithm": "HS256", "claims": claims},
            "values": {
                "id": {"refuse_containing": ["@"]},
                "email": {"refuse_containing": ["/"]},
                "role": {"refuse_containing": ["/"]},
            },
        }
        | ({"lifetime": 60} if "expires" in str(claims) else {})
    )


@pytest.mark.parametrize(
    "claim",
    ["{id:url}", "{id:json}", "{id|email}", "{email|id}", "{role}/{id}", "{email}/{role}"],
)
def test_an_id_that_cannot_be_read_again_is_refused_at_once(claim: str) -> None:
    claims = {"exp": "{expires:s}", "sub": claim, "known": {"as": "{email}"}}
    with pytest.raises(ConfigurationError, match="the claim sub has"):
        Verifier(scheme_of(claims), Keyring(NEW))


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("valid_until", "{expires:s}"),
        ("made", "{now:s}"),
        ("exp", "{expires:ms}"),
        ("iat", "{now:ms}"),
        ("exp", "{expires:iso}"),
        ("exp", "{now:s}"),
        ("note", "ends {expires:s}"),
    ],
    ids=lambda text: text,
)
def test_a_time_that_cannot_be_checked_is_refused_at_once(name: str, claim: str) -> None:
    """Else its end would be an end for nobody."""
    claims = {"sub": "{id}", name: claim}
    with pytest.raises(ConfigurationError, match=f"the claim {name} has"):
        Verifier(scheme_of(claims), Keyring(NEW))


def test_a_pattern_applies_to_verified_ids() -> None:
    """One that takes long with an invented id is not tried on it."""
    verifier = chat(id_pattern="([a-z0-9]+-?)+")
    assert verifier.verify(token()).principal_id == "user-1"
    assert code_of(verifier, token(user_id="User 1")) == "malformed"
    assert code_of(verifier, token(user_id="a" * 500 + "!", secret=FOREIGN)) == "mismatch"


def test_an_error_does_not_contain_the_token() -> None:
    hostile = token(user_id="canary-user\n")
    with pytest.raises(BadToken) as refused:
        chat().verify(hostile)
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


def test_a_constant_that_the_account_does_not_have_makes_a_token_foreign() -> None:
    clock: dict[str, Any] = {"clock": lambda: NOW}
    with_issuer = Signer("website-toolbox", Keyring(NEW), settings={"issuer": "acme"}, **clock)
    without = Verifier("website-toolbox", Keyring(NEW), **clock)
    assert code_of(without, with_issuer.sign(ANN)) == "wrong_environment"
    of_acme = Verifier("website-toolbox", Keyring(NEW), settings={"issuer": "acme"}, **clock)
    assert of_acme.verify(with_issuer.sign(ANN)).claims["iss"] == "acme"

"""What is explained, what is not, and what an explanation shows."""

from __future__ import annotations

import hashlib
import random
import traceback
from typing import Any

import pytest

from countermark import ConfigurationError, Keyring, Principal, Scheme, SecretKey, Signer, Verifier
from countermark.explain import MISTAKES, explain
from countermark.mistakes._frames import Frame
from countermark.mistakes._jwt_tokens import readings
from countermark.mistakes._search import Code, Message, search
from countermark.mistakes._wrappings import Unwrapped
from tests.explain.planted import ANN, ID, PAIRS, SECRET, SINGLE, b64, code, mac, stigg
from tests.explain.planted_jwt import jwt
from tests.samples import ANN as EVERYTHING
from tests.samples import NOW, signer_of
from tests.verifying.verifiers import verifier_of

RING = Keyring(SECRET)


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


DATED = Scheme.from_mapping(
    {
        "slug": "dated",
        "mac": {"algorithm": "sha256", "message": "{id}.{now:s}", "encoding": "hex"},
        "token": {"template": "{id}.{now:s}.{mac}"},
    }
)


def test_a_valid_token_is_confirmed() -> None:
    found = explain("stigg", RING, stigg())
    assert (found.outcome, found.mistakes, found.hint) == ("good", (), None)
    assert explain("castle", RING, code().encode(), ID).outcome == "good"


@pytest.mark.parametrize("role", ["previous", "next"])
def test_a_key_other_than_the_current_one_is_a_remark(role: str) -> None:
    ring: Any = Keyring("x" + SECRET, **{role: SECRET})
    found = explain("stigg", ring, stigg())
    assert (found.outcome, found.codes) == ("good", (f"{role}_key",))


def test_a_retired_key_explains_a_refusal() -> None:
    ring = Keyring("x" + SECRET, previous=SecretKey(SECRET, until=1))
    assert explain("stigg", ring, stigg()).codes == ("retired_key",)


@pytest.mark.parametrize(
    ("now", "expected", "part"),
    [
        (1000 + 3600, "expired", "59 minutes ago"),
        (1000 + 61 + 10, "expired", "11 seconds ago"),
        (1000 - 3600 * 30, "not_yet_valid", "in 30 hours"),
        (1000 + 86400 * 9, "expired", "8 days ago"),
    ],
)
def test_a_dated_token_has_the_size_of_the_difference(now: int, expected: str, part: str) -> None:
    token = Signer(DATED, RING, clock=lambda: 1000.0).sign(ID)
    found = explain(DATED, RING, token, max_age=60, clock=lambda: float(now))
    assert found.codes == (expected,)
    assert part in found.mistakes[0].happened
    assert explain(DATED, RING, token, clock=lambda: 5000.0).outcome == "good"


def test_the_time_in_a_token_is_part_of_what_was_signed() -> None:
    token = f"{ID}.1000.{code(SECRET + chr(10), f'{ID}.1000')}"
    assert explain(DATED, RING, token).codes == ("secret_white_space",)


def test_a_token_with_an_expiry_names_it() -> None:
    scheme = Scheme.from_mapping(
        {
            "slug": "expiring",
            "mac": {"algorithm": "sha256", "message": "{id}.{expires:s}", "encoding": "hex"},
            "token": {"template": "{id}.{expires:s}.{mac}"},
            "lifetime": 60,
        }
    )
    token = Signer(scheme, RING, clock=lambda: 1000.0).sign(ID)
    found = explain(scheme, RING, token, clock=lambda: 1061.0 + 10)
    assert found.codes == ("expired",)
    assert "11 seconds" in found.mistakes[0].happened


def test_what_was_signed_is_not_in_the_representation_or_the_hint() -> None:
    found = explain("castle", Keyring(SECRET), code(SECRET, "Ann@b.example"), ANN)
    assert found.signed == "Ann@b.example"
    assert repr(found) == "<Explanation explained other_value>"
    assert found.hint == (
        "The email was signed; this scheme signs the id."
        " Sign the id, or send the value that was signed."
    )


@pytest.mark.parametrize("planted", [*SINGLE, *PAIRS][::3], ids=str)
def test_no_explanation_contains_a_key_a_token_or_an_id(planted: Any) -> None:
    found = explain(planted.scheme, Keyring(planted.secret), planted.token, planted.principal)
    shown = f"{found!r} {found.hint} {found.mistakes} {found.alternatives} {found.remarks}"
    for canary in (planted.secret, planted.token, ID, "Ann@b.example", "user-2"):
        assert canary not in shown


def test_equally_simple_explanations_are_alternatives() -> None:
    others = {name: Keyring("x" + SECRET, "x" + SECRET) for name in ("staging", "preview")}
    found = explain("castle", RING, code("x" + SECRET), ID, other_environments=others)
    assert found.codes == ("other_environment",)
    ((other,),) = found.alternatives
    assert (found.mistakes[0].happened, other.happened) == (
        "It was signed with the secret of the environment staging.",
        "It was signed with the secret of the environment preview.",
    )


def test_an_id_that_a_rule_refuses_explains_a_right_code() -> None:
    verifier = Verifier("castle", RING, id_pattern="[0-9]+")
    assert verifier.explain(code(), ID).codes == ("value_refused",)
    assert explain("castle", RING, code(SECRET, "u\n"), "u\n").codes == ("value_refused",)


def test_an_id_in_a_token_that_a_rule_refuses_is_named() -> None:
    verifier = Verifier("drift", RING, id_pattern="[0-9]+", clock=lambda: 1000.0)
    assert verifier.explain(jwt({"sub": "u1"})).codes == ("value_refused",)
    assert explain("stigg", RING, stigg("é")).codes == ("value_refused",)


def test_an_attribute_that_is_not_signed_is_not_the_reason() -> None:
    token = b64(mac(SECRET, "user-1"))
    other = token[:-2] + chr(ord(token[-2]) + 1) + "="
    who = Principal("user-1", attributes={"note": "\n"})
    assert explain("cognito-flow", RING, other, who).outcome == "unexplained"


def test_an_address_that_a_scheme_lowers_is_compared_in_lower_case() -> None:
    scheme = Scheme.from_mapping(
        {
            "slug": "lower-jwt",
            "jwt": {"algorithm": "HS256", "claims": {"sub": "{id}", "email": "{email}"}},
            "token": {"template": "{jwt}"},
            "values": {"email": {"lower": True}},
        }
    )
    token = jwt({"sub": "U1", "email": "ann@b.example"})
    who = Principal("u1", email="Ann@b.example")
    assert explain(scheme, RING, token, who).codes == ("value_case",)


def test_a_token_without_a_time_of_issue_is_named_if_its_age_is_limited() -> None:
    assert explain("drift", RING, jwt({"sub": "u1"}), "u1", max_age=60).codes == ("jwt_missing",)


@pytest.mark.parametrize(
    "token",
    [
        "HMAC-SHA256 " + "a:b=c d;" * 1000 + "0" * 64,
        "HMAC-SHA256 " + "%2520" * 1600 + ":" + "0" * 64,
        "\\u0022" * 1300,
        "'\"" * 4000,
        "&amp;" * 1600 + "+/" * 64,
        "eyJ" * 2700 + ".e30.e30",
    ],
    ids=["separators", "percents", "escapes", "quotes", "entities", "dots"],
)
def test_a_crafted_token_leads_to_few_searches(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    searches = []

    def counted(*given: Any) -> Any:
        searches.append(given)
        return search(*given)

    monkeypatch.setattr("countermark.mistakes._mac_tokens.search", counted)
    monkeypatch.setattr("countermark.mistakes._jwt_tokens.search", counted)
    for slug in ("stigg", "drift"):
        explain(slug, RING, token[-8192:], ID)
    assert len(searches) <= 7


def test_a_right_code_with_surplus_bits_has_no_known_mistake() -> None:
    token = b64(mac(SECRET, "user-1"))
    other = token[:-2] + chr(ord(token[-2]) + 1) + "="
    found = explain("cognito-flow", RING, other, "user-1")
    assert (found.outcome, found.signed) == ("unexplained", "user-1")


def test_a_scheme_with_a_plain_hash_is_explained() -> None:
    scheme = Scheme.from_mapping(
        {
            "slug": "suffixed",
            "mac": {
                "algorithm": "sha1",
                "construction": "suffix",
                "message": "{id}",
                "encoding": "hex",
            },
            "token": {"template": "{mac}"},
        }
    )
    assert explain(scheme, RING, code(SECRET, ID, "sha1"), ID).codes == ("construction",)
    assert explain(scheme, RING, sha1(SECRET + ID), ID).codes == ("plain_hash",)
    assert explain(scheme, RING, sha1(ID + SECRET), ID).outcome == "good"


def test_a_token_with_several_open_values_is_read_as_a_code_alone() -> None:
    scheme = Scheme.from_mapping(
        {
            "slug": "open",
            "ambiguous": True,
            "mac": {"algorithm": "sha256", "message": "{id}:{email}", "encoding": "hex"},
            "token": {"template": "{id}:{email}:{mac}"},
        }
    )
    signed = code(SECRET + "\n", f"{ID}:Ann@b.example")
    found = explain(scheme, RING, f"{ID}:Ann@b.example:{signed}", ANN)
    assert found.codes == ("secret_white_space", "framed_code")


def test_the_lower_case_that_a_scheme_signs_is_a_mistake_if_it_is_missing() -> None:
    scheme = Scheme.from_mapping(
        {
            "slug": "lower",
            "ambiguous": True,
            "mac": {"algorithm": "sha256", "message": "{id}:{email}", "encoding": "hex"},
            "token": {"template": "{mac}"},
            "values": {"email": {"lower": True}},
        }
    )
    found = explain(scheme, RING, code(SECRET, f"{ID}:Ann@b.example"), ANN)
    assert found.codes == ("value_case",)
    assert "its original case" in found.mistakes[0].happened


def test_a_constant_in_a_list_is_not_compared() -> None:
    scheme = Scheme.from_mapping(
        {
            "slug": "listed",
            "jwt": {"algorithm": "HS256", "claims": {"sub": "{id}", "aud": ["a"], "n": {"x": 1}}},
            "token": {"template": "{jwt}"},
        }
    )
    token = jwt({"sub": "u1", "aud": ["a"], "n": 7})
    assert explain(scheme, RING, token, "u1").codes == ("jwt_missing",)


def test_the_age_of_a_jwt_is_limited_by_an_option() -> None:
    token = jwt({"sub": "u1", "iat": 1000, "exp": 9_000})
    found = explain("drift", RING, token, "u1", max_age=60, clock=lambda: 5000.0)
    assert found.codes == ("expired",)
    assert "65 minutes" in found.mistakes[0].happened


def test_an_audience_may_be_one_of_several() -> None:
    claims = {"aud": ["x", "env-1"], "iat": 1000, "sub": "U1", "user": {}}
    settings = {"environment_id": "env-1"}
    found = explain("ckeditor", RING, jwt(claims), "u1", settings=settings, clock=lambda: 1000.0)
    assert found.codes == ("value_case",)


def test_representations_show_nothing() -> None:
    shown = [Message(b"canary"), Code(b"canary"), Frame("canary", {}), Unwrapped("canary")]
    assert "canary" not in repr([*shown, *readings(jwt({"canary": 1}))])


def test_the_value_that_a_message_lacks_is_replaced_by_another_one() -> None:
    found = explain("reamaze", RING, code(SECRET, f"{ID}:{ID}"), ID)
    assert found.codes == ("other_value",)


def test_the_constants_of_an_account_are_no_values() -> None:
    who = Principal(ID, attributes={"socket_id": "1.2", "channel": "private-a"})
    token = f"key:{code(SECRET, '1.2:PRIVATE-A')}"
    found = explain("pusher", RING, token, who, settings={"app_key": "key"})
    assert found.codes == ("value_case",)
    found = explain(
        "appy-sdk",
        RING,
        code(SECRET, f"kAnn@b.exampleAnn{ID}LEE"),
        Principal(ID, email="Ann@b.example", attributes={"first_name": "Ann", "last_name": "Lee"}),
        settings={"sdk_key": "k"},
    )
    assert found.codes == ("value_case",)


def test_a_hash_for_a_jwt_without_an_id_is_a_credential_of_another_kind() -> None:
    assert explain("intercom-jwt", RING, code()).codes == ("wrong_credential",)


def test_a_header_that_no_reader_accepts_has_no_known_mistake() -> None:
    found = explain("drift", RING, jwt({"sub": "u1"}, crit=["exp"]), "u1")
    assert (found.outcome, found.mistakes) == ("unexplained", ())


def test_a_signature_that_cannot_be_decoded_is_unexplained() -> None:
    signed = jwt({"sub": "u1"}).rpartition(".")[0]
    assert explain("drift", RING, f"{signed}.!?", "u1").outcome == "unexplained"


@pytest.mark.parametrize("token", ["", "x", "ff", "a.b.c", "a.e30.", "\udcff", "é", "=" * 50, "0x"])
@pytest.mark.parametrize("slug", ["stigg", "castle", "cognito-flow", "drift"])
@pytest.mark.parametrize("principal", [None, ID, "\n", "\ud800", 10**600, Principal(email="a@b.c")])
def test_nothing_is_raised_for_any_token_and_principal(
    slug: str, token: str, principal: Any
) -> None:
    found = explain(slug, RING, token, principal)
    assert found.outcome in {"unexplained", "explained"}


def test_tokens_of_other_types_and_sizes_are_unexplained() -> None:
    for token in (None, 7, "x" * 9000, b"\xff\xfe"):
        assert explain("castle", RING, token, ID).outcome == "unexplained"  # type: ignore[arg-type]


def test_a_code_of_another_length_is_a_remark() -> None:
    found = explain("castle", RING, "ab" * 6, ID)
    assert found.outcome == "unexplained"
    assert [remark.code for remark in found.remarks] == ["wrong_length"]


def test_the_claims_of_an_unexplained_jwt_are_remarks() -> None:
    claims = {"sub": "u1", "exp": 5}
    found = explain("drift", RING, jwt(claims, "an-unrelated-secret-of-the-tests"), "u1")
    assert found.outcome == "unexplained"
    assert [remark.code for remark in found.remarks] == ["expired"]


SLUGS = ["castle", "stigg", "cognito-flow", "talkjs-signature", "chatwoot", "drift", "pylon"]


def test_random_mismatches_are_not_explained() -> None:
    """A thousand of them over every scheme give the same result, and take a minute."""
    source = random.Random(12)
    for number in range(49):
        slug = SLUGS[number % len(SLUGS)]
        key = source.randbytes(32).hex()
        token = Signer(Scheme.load(slug), Keyring(key), clock=lambda: NOW).sign(EVERYTHING)
        verifier = verifier_of(slug)
        found = verifier.explain(token, EVERYTHING)
        assert (found.outcome, found.mistakes) == ("unexplained", ())


@pytest.mark.parametrize("slug", ["knock", "onesignal-jwt"])
def test_public_keys_are_tried(slug: str) -> None:
    token = signer_of(slug).sign(EVERYTHING)
    verifier = verifier_of(slug)
    assert verifier.explain(token).outcome == "good"
    changed = token[:-20] + ("A" if token[-20] != "A" else "B") + token[-19:]
    assert verifier.explain(changed).outcome == "unexplained"


def test_the_other_arguments_are_checked() -> None:
    with pytest.raises(ConfigurationError):
        explain("looker", RING, "x", ID)
    with pytest.raises(ConfigurationError):
        explain("nothing-like-this", RING, "x", ID)


def test_a_traceback_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("countermark.mistakes._mac_tokens.search", fail)
    with pytest.raises(RuntimeError) as caught:
        explain("castle", Keyring(SECRET), code("x" * 40), ID)
    frames = caught.value.__traceback__
    assert frames is not None
    shown = traceback.TracebackException(
        RuntimeError, caught.value, frames.tb_next, capture_locals=True
    )
    assert SECRET not in "".join(shown.format())


def test_every_mistake_has_texts_and_a_page() -> None:
    for name, mistake in MISTAKES.items():
        assert mistake.code == name
        assert mistake.happened.endswith(".")
        assert mistake.change.endswith(".")
        assert mistake.page.startswith("docs/explain.md#")


def test_a_verifier_explains_as_the_function_does() -> None:
    verifier = Verifier("castle", RING)
    assert verifier.explain(code(SECRET + "\n"), ID).codes == ("secret_white_space",)
    assert verifier.explain(mac(SECRET, ID).hex(), ID).outcome == "good"
    assert verifier.explain(None).outcome == "unexplained"

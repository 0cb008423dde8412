"""Settings, lifetimes and claims of a signer."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from countermark import (
    ConfigurationError,
    InvalidPrincipal,
    Keyring,
    Principal,
    Scheme,
    Signer,
)
from tests.samples import ANN, NOW, SECRET, signer_of

RING = Keyring(SECRET)
NO_TIMES: Any = {"verify_exp": False, "verify_iat": False}


class TestSettings:
    def test_a_missing_setting_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match=r"cello needs settings=\{'product_id': "):
            Signer("cello", RING)

    def test_an_unknown_setting_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="stigg has no setting <not shown"):
            Signer("stigg", RING, settings={"app_id": "1"})

    @pytest.mark.parametrize("value", ["", " a", "a\n", "é", 5, b"a"])
    def test_a_setting_must_be_visible_text(self, value: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"settings\['product_id'\] must be visible"):
            Signer("cello", RING, settings={"product_id": value})

    @pytest.mark.parametrize("settings", [5, "ab", ["product_id"], {"product_id": "p", 1: "z"}])
    def test_settings_must_be_a_mapping_from_names(self, settings: Any) -> None:
        with pytest.raises(ConfigurationError, match="setting"):
            Signer("cello", RING, settings=settings)

    def test_from_env_reads_settings_from_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CELLO_PRODUCT_SECRET", SECRET)
        with pytest.raises(ConfigurationError, match="or set CELLO_PRODUCT_ID for from_env"):
            Signer.from_env("cello")
        monkeypatch.setenv("CELLO_PRODUCT_ID", "from-env")
        assert Signer.from_env("cello").issue("u").fields["productId"] == "from-env"
        given = Signer.from_env("cello", settings={"product_id": "given"})
        assert given.issue("u").fields["productId"] == "given"

    def test_an_empty_default_counts_as_missing(self) -> None:
        signer = Signer("website-toolbox", RING, clock=lambda: NOW)
        token = signer.sign(Principal(email="a@b.example"))
        claims = jwt.decode(token, options={"verify_signature": False})
        assert "iss" not in claims

    def test_from_env_needs_a_variable(self) -> None:
        data = {
            "slug": "own",
            "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
        }
        with pytest.raises(ConfigurationError, match="own names no environment variable"):
            Signer.from_env(Scheme.from_mapping(data))


class TestLifetime:
    def test_the_scheme_has_the_default_and_the_user_may_override_it(self) -> None:
        assert signer_of("talkjs-jwt").issue("u").expires_at == int(NOW) + 86400
        assert signer_of("talkjs-jwt", lifetime=60).issue("u").expires_at == int(NOW) + 60
        assert signer_of("drift").issue("u").expires_at is None
        assert signer_of("stigg").issue("u").expires_at is None

    def test_each_token_reads_the_clock(self) -> None:
        now = 1000.9
        signer = Signer("talkjs-jwt", RING, settings={"app_id": "a"}, clock=lambda: now)
        first = signer.issue("u")
        now = 2000.9
        assert (first.expires_at, signer.issue("u").expires_at) == (87400.0, 88400.0)
        assert signer.sign("u") != first.token

    @pytest.mark.parametrize("value", [0, -1, True, 1.5, "60", 10**10, 10**400])
    def test_a_lifetime_is_a_whole_number_of_seconds(self, value: Any) -> None:
        with pytest.raises(ConfigurationError, match="whole number of seconds above 0"):
            signer_of("talkjs-jwt", lifetime=value)

    def test_a_lifetime_has_a_maximum(self) -> None:
        assert signer_of("sigma", lifetime=2592000).issue(ANN).expires_at == int(NOW) + 2592000
        with pytest.raises(ConfigurationError, match="lifetime= must be at most 2592000"):
            signer_of("sigma", lifetime=2592001)

    def test_a_lifetime_has_a_minimum(self) -> None:
        assert signer_of("zoom-video", lifetime=1800).issue(ANN).expires_at == int(NOW) + 1800
        with pytest.raises(ConfigurationError, match="lifetime= must be at least 1800 seconds"):
            signer_of("zoom-video", lifetime=1799)

    def test_a_lifetime_is_refused_if_tokens_do_not_expire(self) -> None:
        with pytest.raises(ConfigurationError, match="stigg: its tokens do not expire"):
            signer_of("stigg", lifetime=60)


def test_a_clock_is_callable() -> None:
    clock: Any = 5
    with pytest.raises(ConfigurationError, match="clock= must be callable"):
        Signer("stigg", RING, clock=clock)


#: A scheme that signs nothing but what the application names.
OF_CLAIMS = Scheme.from_mapping(
    {
        "slug": "own",
        "lifetime": 86400,
        "jwt": {"algorithm": "HS256", "claims": {"exp": "{expires:s}"}, "attributes": True},
    }
)


def chosen(*claims: str) -> Signer:
    return Signer(OF_CLAIMS, Keyring(SECRET), claims=claims, clock=lambda: NOW)


class TestClaims:
    def read(self, signer: Signer, who: Principal) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            signer.sign(who), SECRET, ["HS256"], options={"verify_exp": False}
        )
        return claims

    def test_the_user_chooses_claims_by_name(self) -> None:
        signer = chosen("email", "phone", "plan", "missing")
        who = Principal("u", email="a@b.example", attributes={"plan": ["pro", 1], "secret": "x"})
        claims = self.read(signer, who)
        assert claims == {
            "exp": int(NOW) + 86400,
            "email": "a@b.example",
            "plan": ["pro", 1],
        }

    def test_a_token_needs_at_least_one_chosen_claim(self) -> None:
        signer = chosen("plan", "email")
        with pytest.raises(InvalidPrincipal, match="it needs the principal's plan or email") as e:
            signer.sign("alice")
        assert e.value.code == "principal_field"

    def test_the_time_of_sign_up_is_in_seconds(self) -> None:
        who = Principal("u", created=5.5)
        assert self.read(chosen("created"), who)["created"] == 5
        with pytest.raises(InvalidPrincipal):
            chosen("created").sign("u")

    def test_a_chosen_claim_keeps_the_rules_of_its_value(self) -> None:
        data = {
            "slug": "own",
            "values": {"email": {"lower": True}},
            "jwt": {"algorithm": "HS256", "claims": {"sub": "{id}"}, "attributes": True},
        }
        signer = Signer(Scheme.from_mapping(data), RING, claims=["email"])
        who = Principal("u", email="Ann@B.example")
        assert self.read(signer, who) == {"sub": "u", "email": "ann@b.example"}

    @pytest.mark.parametrize("claims", [5, None])
    def test_claims_must_be_a_list(self, claims: Any) -> None:
        with pytest.raises(ConfigurationError, match="claims= must be a list of names"):
            signer_of("intercom-jwt", claims=claims)

    def test_a_single_name_may_be_a_text(self) -> None:
        who = Principal("u", attributes={"plan": "pro"})
        assert self.read(signer_of("intercom-jwt", claims="plan"), who)["plan"] == "pro"

    def test_a_claim_is_required_if_the_scheme_has_none(self) -> None:
        with pytest.raises(ConfigurationError, match="own signs what you choose"):
            chosen()

    @pytest.mark.parametrize("name", ["exp", "user_id", "iat", "sub", 5])
    def test_claims_of_the_scheme_and_of_the_standard_are_reserved(self, name: Any) -> None:
        with pytest.raises(ConfigurationError, match="claims= holds"):
            signer_of("intercom-jwt", claims=[name])

    def test_claims_are_refused_if_the_scheme_takes_none(self) -> None:
        for slug in ("stigg", "drift"):
            with pytest.raises(ConfigurationError, match=f"{slug} takes no further claims"):
                signer_of(slug, claims=["plan"])

    def test_a_claim_that_is_not_json_is_refused(self) -> None:
        signer = signer_of("intercom-jwt")
        for value in ({1, 2}, float("nan"), object()):
            with pytest.raises(
                InvalidPrincipal, match="intercom-jwt: a value cannot be encoded"
            ) as caught:
                signer.sign(Principal("u", attributes={"plan": value}))
            assert caught.value.code == "principal_field"
            assert caught.value.__cause__ is None

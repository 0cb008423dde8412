"""What a signer is told beside scheme and keys: settings, lives, claims, kinds of keys."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from countermark import (
    ConfigurationError,
    InvalidKey,
    InvalidPrincipal,
    Keyring,
    Principal,
    PrivateKey,
    Scheme,
    SecretKey,
    Signer,
    WeakKeyWarning,
)
from tests.unit.samples import ANN, NOW, SECRET, private_key, signer_of

RING = Keyring(SECRET)
NO_TIMES: Any = {"verify_exp": False, "verify_iat": False}


class TestSettings:
    def test_they_must_be_there(self) -> None:
        with pytest.raises(ConfigurationError, match=r"cello needs settings=\{'product_id': "):
            Signer("cello", RING)

    def test_unknown_ones_are_named(self) -> None:
        with pytest.raises(ConfigurationError, match="stigg has no setting <not shown"):
            Signer("stigg", RING, settings={"app_id": "1"})

    @pytest.mark.parametrize("value", ["", " a", "a\n", "é", 5, b"a"])
    def test_they_are_visible_text(self, value: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"settings\['product_id'\] must be visible"):
            Signer("cello", RING, settings={"product_id": value})

    @pytest.mark.parametrize("settings", [5, "ab", ["product_id"], {"product_id": "p", 1: "z"}])
    def test_they_are_a_mapping_by_name(self, settings: Any) -> None:
        with pytest.raises(ConfigurationError, match="setting"):
            Signer("cello", RING, settings=settings)

    def test_they_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CELLO_PRODUCT_SECRET", SECRET)
        with pytest.raises(ConfigurationError, match="or set CELLO_PRODUCT_ID for from_env"):
            Signer.from_env("cello")
        monkeypatch.setenv("CELLO_PRODUCT_ID", "from-env")
        assert Signer.from_env("cello").issue("u").fields["productId"] == "from-env"
        given = Signer.from_env("cello", settings={"product_id": "given"})
        assert given.issue("u").fields["productId"] == "given"

    def test_a_default_of_nothing_is_as_good_as_missing(self) -> None:
        signer = Signer("website-toolbox", RING, clock=lambda: NOW)
        token = signer.sign(Principal(email="a@b.example"))
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims == {"email": "a@b.example", "iat": int(NOW)}

    def test_from_env_needs_a_variable(self) -> None:
        data = {
            "slug": "own",
            "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
        }
        with pytest.raises(ConfigurationError, match="own names no environment variable"):
            Signer.from_env(Scheme.from_mapping(data))


class TestLife:
    def test_the_scheme_has_the_default_and_the_user_may_override_it(self) -> None:
        assert signer_of("talkjs-jwt").issue("u").expires_at == int(NOW) + 86400
        assert signer_of("talkjs-jwt", lifetime=60).issue("u").expires_at == int(NOW) + 60
        assert signer_of("drift").issue("u").expires_at is None
        assert signer_of("stigg").issue("u").expires_at is None

    def test_the_clock_is_asked_each_time(self) -> None:
        now = 1000.9
        signer = Signer("talkjs-jwt", RING, settings={"app_id": "a"}, clock=lambda: now)
        first = signer.issue("u")
        now = 2000.9
        assert (first.expires_at, signer.issue("u").expires_at) == (87400.0, 88400.0)
        assert signer.sign("u") != first.token

    @pytest.mark.parametrize("value", [0, -1, True, 1.5, "60", 10**10, 10**400])
    def test_it_is_whole_seconds(self, value: Any) -> None:
        with pytest.raises(ConfigurationError, match="whole number of seconds above 0"):
            signer_of("talkjs-jwt", lifetime=value)

    def test_it_has_a_maximum(self) -> None:
        assert signer_of("sigma", lifetime=2592000).issue(ANN).expires_at == int(NOW) + 2592000
        with pytest.raises(ConfigurationError, match="lifetime= must be at most 2592000"):
            signer_of("sigma", lifetime=2592001)

    def test_it_is_refused_if_tokens_do_not_expire(self) -> None:
        with pytest.raises(ConfigurationError, match="stigg: its tokens do not expire"):
            signer_of("stigg", lifetime=60)


def test_a_clock_is_callable() -> None:
    clock: Any = 5
    with pytest.raises(ConfigurationError, match="clock= must be callable"):
        Signer("stigg", RING, clock=clock)


class TestClaims:
    def read(self, signer: Signer, who: Principal) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            signer.sign(who), SECRET, ["HS256"], options={"verify_exp": False}
        )
        return claims

    def test_the_user_names_them(self) -> None:
        signer = signer_of("typewise", claims=("email", "phone", "plan", "missing"))
        who = Principal("u", email="a@b.example", attributes={"plan": ["pro", 1], "secret": "x"})
        claims = self.read(signer, who)
        assert claims == {
            "exp": int(NOW) + 86400,
            "email": "a@b.example",
            "plan": ["pro", 1],
        }

    def test_something_of_the_principal_must_be_in_a_token(self) -> None:
        signer = signer_of("typewise", claims=["plan", "email"])
        with pytest.raises(InvalidPrincipal, match="it needs the principal's plan or email") as e:
            signer.sign("alice")
        assert e.value.code == "principal_field"

    def test_the_time_of_sign_up_is_seconds(self) -> None:
        who = Principal("u", created=5.5)
        assert self.read(signer_of("typewise", claims=["created"]), who)["created"] == 5
        with pytest.raises(InvalidPrincipal):
            signer_of("typewise", claims=["created"]).sign("u")

    def test_a_chosen_value_keeps_its_rules(self) -> None:
        data = {
            "slug": "own",
            "values": {"email": {"lower": True}},
            "jwt": {"algorithm": "HS256", "claims": {"sub": "{id}"}, "attributes": True},
        }
        signer = Signer(Scheme.from_mapping(data), RING, claims=["email"])
        who = Principal("u", email="Ann@B.example")
        assert self.read(signer, who) == {"sub": "u", "email": "ann@b.example"}

    @pytest.mark.parametrize("claims", [5, None])
    def test_they_are_a_list(self, claims: Any) -> None:
        with pytest.raises(ConfigurationError, match="claims= must be a list of names"):
            signer_of("intercom-jwt", claims=claims)

    def test_one_name_is_no_list_of_letters(self) -> None:
        who = Principal("u", attributes={"plan": "pro"})
        assert self.read(signer_of("intercom-jwt", claims="plan"), who)["plan"] == "pro"

    def test_one_is_required_if_the_scheme_has_none(self) -> None:
        with pytest.raises(ConfigurationError, match="typewise signs what you choose"):
            signer_of("typewise", claims=())

    @pytest.mark.parametrize("name", ["exp", "user_id", "iat", "sub", 5])
    def test_those_of_the_scheme_and_of_the_standard_are_reserved(self, name: Any) -> None:
        with pytest.raises(ConfigurationError, match="claims= holds"):
            signer_of("intercom-jwt", claims=[name])

    def test_not_every_vendor_takes_them(self) -> None:
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


class TestAttributes:
    @pytest.mark.parametrize(
        ("slug", "name", "value"),
        [
            ("sleekplan", "weight", "3"),
            ("sleekplan", "weight", True),
            ("sleekplan", "meta", [1]),
            ("featurebase-jwt", "companies", {"id": 1}),
            ("launchdarkly", "context", "org:acme"),
        ],
    )
    def test_of_another_kind_are_refused(self, slug: str, name: str, value: Any) -> None:
        attributes = {**ANN.attributes, name: value}
        who = Principal("u", email="a@b.example", attributes=attributes)
        with pytest.raises(InvalidPrincipal, match=f"{slug}: the attribute {name} must be") as e:
            signer_of(slug).sign(who)
        assert e.value.code == "principal_field"

    def test_texts_are_checked_like_ids(self) -> None:
        signer = signer_of("churnkey")
        for value, code in {
            "cus\n1": "principal_control_character",
            "": "principal_empty",
            " cus": "principal_outer_whitespace",
        }.items():
            with pytest.raises(InvalidPrincipal, match="churnkey: the attribute customer_id") as e:
                signer.sign(Principal("u", attributes={"customer_id": value}))
            assert e.value.code == code
        assert signer.sign(Principal("u", attributes={"customer_id": 7})) == signer.sign(
            Principal("v", attributes={"customer_id": "7"})
        )

    @pytest.mark.parametrize(
        "context",
        [
            {},
            {"kind": "org"},
            {"kind": "org", "key": ""},
            {"kind": "multi"},
            {"kind": "multi", "org": "acme"},
            {"kind": "multi", "org": {"key": "a"}, "user": {}},
            {"kind": "multi", "org": {"key": "a"}, "multi": {"key": "b"}},
            {"kind": "multi", "org": {"key": "a"}, 1: {"key": "b"}},
            {"kind": "", "key": "a"},
            {"kind": "kind", "key": "a"},
            {"kind": "org:a:user", "key": "b"},
            {"kind": "örg", "key": "b"},
            {"kind": 5, "key": "a"},
        ],
    )
    def test_a_context_without_a_kind_and_a_key_is_refused(self, context: Any) -> None:
        with pytest.raises(InvalidPrincipal, match="a context of LaunchDarkly must be") as caught:
            signer_of("launchdarkly").sign(Principal("u", attributes={"context": context}))
        assert caught.value.code == "principal_field"

    @pytest.mark.parametrize(
        "context", [{"kind": "user", "key": "a:b"}, {"kind": "multi", "user": {"key": "u"}}]
    )
    def test_a_context_that_is_a_user_is_the_principals_id(self, context: Any) -> None:
        with pytest.raises(InvalidPrincipal, match="launchdarkly: a context that is a user"):
            signer_of("launchdarkly").sign(Principal("u", attributes={"context": context}))

    @pytest.mark.parametrize("value", [1.5, {"a": object()}, [2.0], 2**53, {1: 2}, {None: 1}])
    def test_a_fraction_has_no_place_in_canonical_json(self, value: Any) -> None:
        who = Principal("u", attributes={"context": {"a": value}})
        with pytest.raises(InvalidPrincipal, match="novu: canonical JSON cannot hold"):
            signer_of("novu").issue(who)

    def test_a_lone_surrogate_is_refused_wherever_it_is(self) -> None:
        for context in ({"a": "\ud800"}, {"\ud800": 1}):
            with pytest.raises(InvalidPrincipal) as caught:
                signer_of("novu").issue(Principal("u", attributes={"context": context}))
            assert caught.value.code == "principal_surrogate"

    def test_an_endless_structure_is_refused(self) -> None:
        tree: dict[str, Any] = {}
        tree["again"] = tree
        for slug, name in {"novu": "context", "metabase-static": "params"}.items():
            who = Principal("u", attributes={**ANN.attributes, name: tree})
            with pytest.raises(InvalidPrincipal) as caught:
                signer_of(slug).issue(who)
            assert caught.value.code == "principal_field"
            assert caught.value.__context__ is None

    def test_a_default_is_a_new_one_each_time(self) -> None:
        data = {
            "slug": "own",
            "values": {"groups": {"kind": "list", "default": []}},
            "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
            "fields": {"groups": "{groups}"},
        }
        signer = Signer(Scheme.from_mapping(data), RING)
        signer.issue("mallory").fields["groups"].append("admins")
        assert signer.issue("user-1").fields == {"groups": []}

    def test_a_channel_has_the_form_of_pusher(self) -> None:
        for channel in ("private a", "private/a", "p" * 201, "é"):
            attributes = {"socket_id": "1.2", "channel": channel}
            with pytest.raises(InvalidPrincipal, match="pusher: the attribute channel is refused"):
                signer_of("pusher").sign(Principal("u", attributes=attributes))

    @pytest.mark.parametrize(
        ("slug", "id"), [("smile-io", "a:b"), ("pusher-beams", "u" * 165), ("pusher-user", "a b")]
    )
    def test_ids_are_what_the_vendor_takes(self, slug: str, id: str) -> None:
        with pytest.raises(InvalidPrincipal, match=f"{slug}: the id is refused"):
            signer_of(slug).sign(Principal(id, attributes=ANN.attributes))
        good = id[:1] * (164 if slug == "pusher-beams" else 1)
        assert signer_of(slug).sign(Principal(good, attributes=ANN.attributes))

    @pytest.mark.parametrize("id", ["sub:1", "sub.1", "sub 1"])
    def test_a_subscription_has_no_separator(self, id: str) -> None:
        with pytest.raises(InvalidPrincipal, match="unchurn: the attribute subscription_id is"):
            signer_of("unchurn").sign(Principal("u", attributes={"subscription_id": id}))

    def test_the_socket_of_pusher_is_a_socket(self) -> None:
        for socket in ("1234", "1:2", "a.b", "1.2:3"):
            who = Principal("u", attributes={"socket_id": socket, "channel": "private-a"})
            with pytest.raises(InvalidPrincipal) as caught:
                signer_of("pusher").sign(who)
            assert caught.value.code == "principal_pattern"


def pem_of(key: Any, form: Any = PrivateFormat.PKCS8, lock: Any = None) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, form, lock or NoEncryption())
    return text.decode()


@pytest.mark.parametrize("slug", ["customerly", "refgrow", "ensoras", "supportwire"])
@pytest.mark.parametrize("sign", ["\u212a", "\u0130", "\u212b", "\u1e9e"])
def test_an_address_does_not_become_anothers_in_lower_case(slug: str, sign: str) -> None:
    """The Kelvin sign, the dotted capital I, the Angstrom sign and the capital sharp s."""
    who = Principal(email=f"{sign}im@b.example")
    with pytest.raises(
        InvalidPrincipal, match="in lower case it could be another user's"
    ) as caught:
        signer_of(slug).sign(who)
    assert caught.value.code == "principal_pattern"
    assert signer_of(slug).sign(Principal(email="É.Øß@b.example")) == signer_of(slug).sign(
        Principal(email="é.øß@b.example")
    )


def test_a_token_that_settings_make_long_may_not_fit_into_a_header() -> None:
    data = {
        "slug": "own",
        "settings": {"x": {"variable": "X"}},
        "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
        "token": {"template": "{settings.x}{settings.x}{settings.x}{mac}", "header": "X-Own"},
    }
    scheme = Scheme.from_mapping(data)
    assert Signer(scheme, RING, settings={"x": "y" * 400})._header_safe
    assert not Signer(scheme, RING, settings={"x": "y" * 500})._header_safe


def test_the_id_in_a_token_is_the_one_that_was_signed() -> None:
    mac = {"algorithm": "sha256", "message": "{email}", "encoding": "hex"}
    data = {"slug": "own", "mac": mac, "token": {"template": "{id}:{mac}"}}
    signer = Signer(Scheme.from_mapping(data), RING)
    who = Principal("user-1", email="a@b.example")
    assert signer.sign(who).startswith("user-1:")
    escaped = {"slug": "own", "mac": mac | {"message": "{id:url}"}}
    plain = Signer(Scheme.from_mapping({"slug": "own", "mac": mac | {"message": "{id}"}}), RING)
    assert Signer(Scheme.from_mapping(escaped), RING).sign("a b") == plain.sign("a%20b")


class TestKeys:
    def test_base64_of_pem_is_as_good(self) -> None:
        pem, public = private_key("RS256")
        for form in (pem, pem.encode(), b64encode(pem.encode()).decode(), PrivateKey(pem)):
            signer = Signer("knock", Keyring(form), clock=lambda: NOW)
            claims = jwt.decode(
                signer.sign("u"),
                public,
                ["RS256"],
                options={"verify_exp": False, "verify_iat": False},
            )
            assert claims["sub"] == "u"

    def test_the_older_form_of_rsa_keys_too(self) -> None:
        pem = pem_of(rsa.generate_private_key(65537, 2048), PrivateFormat.TraditionalOpenSSL)
        assert Signer("braze", Keyring(pem)).sign("u").count(".") == 2

    def test_from_the_environment(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        pem, _ = private_key("RS256")
        monkeypatch.setenv("KNOCK_SIGNING_KEY", pem)
        token = Signer.from_env("knock", clock=lambda: NOW).sign("u")
        monkeypatch.delenv("KNOCK_SIGNING_KEY")
        path = tmp_path / "key.pem"
        path.write_text(pem)
        monkeypatch.setenv("KNOCK_SIGNING_KEY_FILE", str(path))
        assert Signer.from_env("knock", clock=lambda: NOW).sign("u") == token

    @pytest.mark.parametrize("slug", ["stigg", "cello", "drift", "loyaltylion"])
    def test_a_private_key_is_no_shared_secret(self, slug: str) -> None:
        ring = Keyring(private_key("RS256")[0])
        with pytest.raises(InvalidKey, match="needs a shared secret, not a key in PEM"):
            Signer(slug, ring, settings={"product_id": "p"} if slug == "cello" else None)

    def test_a_key_of_the_wrong_kind_is_refused(self) -> None:
        rsa_pem, ec_pem = private_key("RS256")[0], private_key("ES256")[0]
        short = pem_of(rsa.generate_private_key(65537, 1024))
        other_curve = pem_of(ec.generate_private_key(ec.SECP384R1()))
        for secret in (SECRET, ec_pem, short):
            with pytest.raises(InvalidKey, match="RS256 needs a private RSA key of 2048 bits"):
                Signer("knock", Keyring(secret))
        for secret in (SECRET, rsa_pem, other_curve):
            with pytest.raises(InvalidKey, match="ES256 needs a private key on the curve P-256"):
                Signer("onesignal-jwt", Keyring(secret), settings={"app_id": "a"})

    def test_a_key_that_cannot_be_read_is_refused(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        locked = pem_of(key, lock=BestAvailableEncryption(b"password"))
        cut_off = pem_of(key)[:300] + "\n-----END PRIVATE KEY-----\n"
        for pem in (locked, cut_off):
            with pytest.raises(InvalidKey, match="cannot be read") as caught:
                Signer("knock", Keyring(pem))
            assert caught.value.__context__ is None

    def test_what_is_no_private_key_is_refused(self) -> None:
        public = private_key("RS256")[1]
        for pem, problem in {
            public: "is not a private key in PEM",
            "": "is not a private key in PEM",
            "LS0tLS1CRUdJTi!!": "is neither PEM nor base64 of PEM",
            b"\xff": "is neither PEM nor base64 of PEM",
            5: "is of type int",
        }.items():
            with pytest.raises(InvalidKey, match=problem):
                PrivateKey(pem)  # type: ignore[arg-type]
        with pytest.raises(InvalidKey, match="is a PEM or SSH key"):
            SecretKey(public.strip())

    def test_a_private_key_is_not_shown(self) -> None:
        import copy
        import pickle

        pem, _ = private_key("RS256")
        key = PrivateKey(pem, until=5)
        assert (key.until, len(key.key_id)) == (5, 8)
        assert repr(key) == f"<PrivateKey {key.key_id}>"
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled"):
                attempt(key)
        signer = Signer("knock", Keyring(key))
        assert len(signer.pseudonym("user-1")) == 16
        assert signer.pseudonym("user-1") != Signer("stigg", RING).pseudonym("user-1")

    @pytest.mark.parametrize("role", ["previous", "next"])
    def test_every_key_of_the_keyring_must_have_the_right_kind(self, role: str) -> None:
        rsa_pem, ec_pem = private_key("RS256")[0], private_key("ES256")[0]
        with pytest.raises(InvalidKey, match="stigg needs a shared secret"):
            Signer("stigg", Keyring(SECRET, **{role: rsa_pem}))
        for other in (SECRET, ec_pem):
            with pytest.raises(InvalidKey, match="RS256 needs a private RSA key"):
                Signer("braze", Keyring(rsa_pem, **{role: other}))

    def test_a_key_of_another_kind_is_not_a_secret(self) -> None:
        pem, public = private_key("RS256")
        key = ec.generate_private_key(ec.SECP256R1())
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        long_der = rsa.generate_private_key(65537, 2048).private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )
        assert der[:1] == long_der[:1] == b"\x30"
        kinds: dict[Any, str] = {
            b64encode(public.encode()).decode(): "is a PEM or SSH key",
            b64encode(pem.encode()).decode()[:401]: "is a PEM or SSH key",
            '{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}': "is a JSON Web Key",
            long_der: "is a key in DER",
        }
        for secret, problem in kinds.items():
            with pytest.raises(InvalidKey, match=problem):
                Keyring(secret)
        assert Keyring(long_der[:-1]).current.key_id  # bytes that only look like it

    def test_a_secret_that_is_no_text_is_not_in_the_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = private_key("RS256")[0].strip().replace("M", "\udcff", 1)
        monkeypatch.setenv("KNOCK_SIGNING_KEY", broken)
        with pytest.raises(InvalidKey, match="the environment variable KNOCK_SIGNING_KEY") as e:
            Signer.from_env("knock")
        assert e.value.__context__ is None

    def test_a_curve_that_is_not_known_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

        def refuse(*arguments: Any, **options: Any) -> None:
            raise UnsupportedAlgorithm("curve")

        monkeypatch.setattr(serialization, "load_pem_private_key", refuse)
        with pytest.raises(InvalidKey, match="cannot be read"):
            Signer("knock", Keyring(private_key("RS256")[0]))

    def test_a_keyring_that_cannot_be_built_keeps_no_key(self) -> None:
        def broken() -> Any:
            yield SECRET
            raise OSError

        with pytest.raises(OSError) as caught:
            Keyring(SECRET, previous=broken())
        frames = caught.traceback
        ours = [frame for frame in frames if "keyring" in str(frame.path)]
        assert ours
        assert all("current" not in frame.frame.f_locals for frame in ours)

    def test_hs512_needs_a_longer_secret(self) -> None:
        with pytest.warns(WeakKeyWarning, match="fewer than 64 bytes"):
            Signer("cello", Keyring("0123456789abcdef" * 3), settings={"product_id": "p"})

    def test_a_scheme_without_a_variable_warns_without_one(self) -> None:
        mac = {"algorithm": "sha256", "message": "{id}", "encoding": "hex"}
        scheme = Scheme.from_mapping({"slug": "own", "mac": mac})
        with pytest.warns(WeakKeyWarning, match="own: the secret has fewer than 32 bytes"):
            Signer(scheme, Keyring("short-but-no-placeholder"))

    def test_a_secret_in_hexadecimal_must_be_in_hexadecimal(self) -> None:
        for secret in ("not-hexadecimal-" * 3, "abc" * 21, SECRET + "é"):
            with pytest.raises(InvalidKey, match="not encoded in hex, as it must be") as e:
                Signer("pylon", Keyring(secret))
            assert secret not in str(e.value)

    def test_and_counts_by_its_bytes(self) -> None:
        with pytest.warns(WeakKeyWarning):
            Signer("pylon", Keyring("ab" * 31))
        Signer("pylon", Keyring("ab" * 32))

    def test_a_secret_in_base64(self) -> None:
        mac = {"algorithm": "sha256", "message": "{id}", "encoding": "base64url", "key": "base64"}
        scheme = Scheme.from_mapping({"slug": "own", "mac": mac})
        text = b64encode(SECRET.encode()).decode()
        plain = Scheme.from_mapping({"slug": "own", "mac": mac | {"key": "text"}})
        assert Signer(scheme, Keyring(text)).sign("u") == Signer(plain, RING).sign("u")
        for wrong in (f"{text}!", text[:-1], "===="):
            with pytest.raises(InvalidKey, match="not encoded in base64"):
                Signer(scheme, Keyring(wrong))


def test_two_public_keys_have_different_ids() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidKey):
        PrivateKey(der)


WITHOUT = """
import sys
sys.modules[{module!r}] = None
from countermark import ConfigurationError, Keyring, Signer
from pathlib import Path
Signer("stigg", Keyring("0123456789abcdef" * 4))
try:
    Signer({slug!r}, Keyring(sys.stdin.read()))
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("module", "slug"), [("jwt", "drift"), ("jwt", "knock"), ("cryptography", "knock")]
)
def test_what_is_not_installed_is_named_with_the_extra(module: str, slug: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(module=module, slug=slug)],
        input=private_key("RS256")[0] if slug == "knock" else SECRET,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "pip install 'countermark[jwt]'" in ran.stdout

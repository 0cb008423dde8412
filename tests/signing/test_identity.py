"""The handle of a request: it is lazy, signs once, and never raises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from countermark import Keyring, Principal, RequestIdentity, Scheme, Signer
from countermark.signing import SigningConfig, text_headers
from tests.conftest import Events
from tests.schemes.mappings import table_of

USER = "user-1"


@pytest.fixture
def build(stigg: Signer, flow: Signer, events: Events) -> Callable[..., RequestIdentity]:
    """Return the identity of a request with two schemes and the given principal."""

    def build(principal: Any, **options: Any) -> RequestIdentity:
        resolver = principal if callable(principal) else lambda source: principal
        config = SigningConfig([stigg, flow], resolver, on_event=events, **options)
        return RequestIdentity(config, {"a": "request"})

    return build


def test_a_signed_in_user_has_tokens_fields_and_a_marker(
    build: Any, stigg: Signer, flow: Signer
) -> None:
    identity = build(USER)
    assert identity
    assert identity.principal == Principal(USER)
    assert identity["stigg"].token == stigg.sign(USER)
    assert identity.get("cognito-flow").token == flow.sign(USER)
    assert list(identity) == ["stigg", "cognito-flow"]
    assert len(identity) == 2
    assert "stigg" in identity
    assert "intercom" not in identity
    assert identity.payload() == {
        "marker": identity.marker,
        "stigg": {"customerId": USER, "customerToken": stigg.sign(USER)},
        "cognito-flow": {"customerReference": USER, "signature": flow.sign(USER)},
    }
    assert not identity.failed


def test_an_anonymous_identity_is_false_and_empty(build: Any, events: Events) -> None:
    identity = build(None)
    assert not identity
    assert identity.principal is None
    assert identity.get("stigg") is None
    assert identity.payload() == {}
    assert list(identity) == []
    with pytest.raises(KeyError, match="stigg"):
        identity["stigg"]
    assert events == []
    assert not identity.failed


@pytest.mark.parametrize(
    ("principal", "text"),
    [
        (7, "7"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Principal("user-1"), "user-1"),
    ],
)
def test_ids_of_all_types_are_signed_as_text(
    build: Any, stigg: Signer, principal: Any, text: str
) -> None:
    assert build(principal)["stigg"].token == stigg.sign(text)
    assert build(principal).principal == Principal(text)


def test_a_token_is_signed_once_for_many_reads(build: Any, events: Events) -> None:
    identity = build(USER)
    for _ in range(3):
        identity["stigg"], identity.payload(), dict(identity), bool(identity)
    assert [event.scheme for event in events.named("signed")] == ["stigg", "cognito-flow"]


def test_a_read_gets_the_current_principal(build: Any, events: Events) -> None:
    session = {"user": "user-1"}
    identity = build(lambda source: session["user"])
    first = identity["stigg"].token
    session["user"] = "user-2"
    assert identity["stigg"].principal_id == "user-2"
    session["user"] = "user-1"
    assert identity["stigg"].token == first
    assert len(events.named("signed")) == 2


def test_the_application_may_set_the_principal(build: Any) -> None:
    identity = build(USER)
    identity.identify(Principal("user-2"))
    assert identity["stigg"].principal_id == "user-2"
    identity.forget()
    assert not identity
    identity.identify("user-3")
    assert identity.principal == Principal("user-3")


def test_a_resolver_that_raises_makes_the_identity_anonymous_with_one_event(
    build: Any, events: Events
) -> None:
    def resolve(source: object) -> str:
        raise OSError("the database is away, says user-1")

    identity = build(resolve)
    for _ in range(3):
        assert identity.payload() == {}
        assert identity.principal is None
        assert identity.get("stigg") is None
    assert identity.failed
    assert [(event.name, event.reason, event.error) for event in events] == [
        ("failed", "resolver_raised", "OSError")
    ]
    identity.identify(USER)
    assert identity
    assert not identity.failed


@pytest.mark.parametrize("error", [KeyboardInterrupt, asyncio.CancelledError, SystemExit])
def test_an_exception_that_is_not_an_error_passes(build: Any, error: type[BaseException]) -> None:
    def resolve(source: object) -> str:
        raise error

    with pytest.raises(error):
        build(resolve).payload()


@pytest.mark.parametrize(
    ("principal", "reason"),
    [
        ("", "principal_empty"),
        ("user\n1", "principal_control_character"),
        (b"user-1", "principal_type"),
        (True, "principal_type"),
        (object(), "principal_type"),
    ],
)
def test_an_invalid_id_makes_one_event_for_all_schemes(
    build: Any, events: Events, principal: Any, reason: str
) -> None:
    identity = build(principal)
    assert identity.payload() == {}
    assert identity.principal is None
    assert [(event.name, event.reason, event.scheme) for event in events] == [
        ("failed", reason, None)
    ]
    assert build(principal).principal is None


def test_an_id_that_one_scheme_refuses_is_signed_for_the_other(
    build: Any, events: Events, stigg: Signer
) -> None:
    identity = build("用户")
    assert list(identity) == ["cognito-flow"]
    assert list(identity) == ["cognito-flow"]
    (event,) = events.named("failed")
    assert (event.reason, event.scheme, event.error) == (
        "principal_pattern",
        "stigg",
        "InvalidPrincipal",
    )
    assert event.principal == stigg.pseudonym("用户")
    assert identity.principal == Principal("用户")


def test_a_signer_that_raises_makes_one_event(build: Any, events: Events, stigg: Signer) -> None:
    def broken(principal: object) -> str:
        raise MemoryError

    stigg.sign = broken  # type: ignore[method-assign]
    identity = build(USER)
    assert list(identity) == ["cognito-flow"]
    assert "stigg" not in identity
    assert [(event.reason, event.scheme) for event in events.named("failed")] == [
        ("signer_raised", "stigg")
    ]


def test_events_contain_a_salted_hash_instead_of_the_id(
    build: Any, events: Events, stigg: Signer
) -> None:
    build(USER).payload()
    assert events[0].principal == stigg.pseudonym(USER)
    assert len(stigg.pseudonym(USER)) == 16
    assert USER not in repr(events)


def test_nothing_is_signed_for_an_impersonated_user(build: Any, events: Events) -> None:
    identity = build(Principal(USER, actor="staff-1"))
    assert not identity
    assert identity.payload() == {}
    assert identity.principal == Principal(USER, actor="staff-1")
    assert [(event.name, event.reason) for event in events] == [("impersonated", "suppressed")]


def test_sign_impersonated_signs_for_an_impersonated_user_and_makes_an_event(
    build: Any, events: Events
) -> None:
    identity = build(Principal(USER, actor="staff-1"), sign_impersonated=True)
    assert identity["stigg"].principal_id == USER
    assert identity["stigg"].principal_id == USER
    assert [(event.name, event.reason) for event in events] == [
        ("impersonated", "signed"),
        ("signed", "current"),
    ]


def test_an_identity_equals_only_itself(build: Any, events: Events) -> None:
    identity = build(USER)
    assert identity == identity  # noqa: PLR0124
    assert identity != build(USER)
    assert len({identity, build(USER)}) == 2
    assert repr(identity) == "<RequestIdentity for stigg, cognito-flow>"
    assert events == []


def test_after_the_request_the_identity_is_anonymous(build: Any) -> None:
    identity = build(lambda source: source["a"])
    assert identity.principal == Principal("request")
    identity.source = None
    assert identity.principal is None


class TestAsynchronous:
    @staticmethod
    def resolver(*answers: Any) -> Callable[[Any], Awaitable[Any]]:
        pending = list(answers)

        async def resolve(source: Any) -> Any:
            await asyncio.sleep(0)
            answer = pending.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return resolve

    def test_the_resolver_is_awaited_once(self, build: Any) -> None:
        identity = build(self.resolver(USER, "never"))
        assert asyncio.run(identity.load()) is identity
        asyncio.run(identity.load())
        assert identity["stigg"].principal_id == USER

    def test_a_read_before_loading_is_anonymous_and_makes_one_event(
        self, build: Any, events: Events
    ) -> None:
        identity = build(self.resolver(USER))
        for _ in range(3):
            assert not identity
        assert [(event.name, event.reason) for event in events] == [("failed", "not_loaded")]
        asyncio.run(identity.load())
        assert identity

    def test_an_error_of_the_resolver_is_an_event(self, build: Any, events: Events) -> None:
        identity = build(self.resolver(OSError()))
        asyncio.run(identity.load())
        assert identity.principal is None
        assert identity.failed
        assert [event.reason for event in events] == ["resolver_raised"]

    def test_after_cancellation_the_identity_can_be_loaded_again(self, build: Any) -> None:
        identity = build(self.resolver(asyncio.CancelledError(), USER))
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(identity.load())
        asyncio.run(identity.load())
        assert identity["stigg"].principal_id == USER

    def test_a_principal_set_while_loading_is_kept(self, build: Any) -> None:
        async def main() -> None:
            identity = build(self.resolver(USER))
            loading = asyncio.ensure_future(identity.load())
            await asyncio.sleep(0)
            identity.identify("user-2")
            await loading
            assert identity["stigg"].principal_id == "user-2"
            assert not identity.needs_load

        asyncio.run(main())

    def test_a_principal_set_while_loading_is_kept_if_the_resolver_raises(
        self, build: Any, events: Events
    ) -> None:
        async def main() -> None:
            identity = build(self.resolver(OSError()))
            loading = asyncio.ensure_future(identity.load())
            await asyncio.sleep(0)
            identity.identify("user-2")
            await loading
            assert identity["stigg"].principal_id == "user-2"
            assert not events.named("failed")

        asyncio.run(main())

    def test_an_object_with_an_async_call_is_asynchronous(self, stigg: Signer) -> None:
        class Resolver:
            async def __call__(self, source: Any) -> str:
                return USER

        assert SigningConfig(stigg, Resolver()).asynchronous

    def test_a_function_that_returns_a_coroutine_makes_an_event(
        self, build: Any, events: Events
    ) -> None:
        resolve = self.resolver(USER)
        identity = build(lambda source: resolve(source))  # noqa: PLW0108  # no longer a coroutine function
        assert identity.payload() == {}
        assert [event.reason for event in events] == ["resolver_not_async_def"]

        future: Any = asyncio.Future(loop=asyncio.new_event_loop())
        assert build(lambda source: future).payload() == {}
        future.get_loop().close()


def test_a_token_that_does_not_fit_a_header_is_only_in_the_page(
    secret: str, events: Events
) -> None:
    data = table_of()
    del data["values"]
    signer = Signer(Scheme.from_mapping(data | {"slug": "own"}), Keyring(secret))
    assert not signer._header_safe
    config = SigningConfig(signer, lambda source: source, on_event=events)
    carried = text_headers(config).tokens

    identity = RequestIdentity(config, "用户")
    assert carried(identity) == []
    assert identity["own"].principal_id == "用户"
    assert carried(RequestIdentity(config, "user-1")) == [
        ("Stigg-Customer-Token", signer.sign("user-1"))
    ]
    assert [event.reason for event in events.named("withheld")] == ["not_visible_ascii"]


def test_a_token_that_is_too_long_for_a_header_is_only_in_the_page(
    secret: str, events: Events
) -> None:
    data = table_of()
    data["token"]["template"] = "x" * 2048 + "{mac}"
    signer = Signer(Scheme.from_mapping(data | {"slug": "own"}), Keyring(secret))
    config = SigningConfig(signer, lambda source: "user-1", on_event=events)
    identity = RequestIdentity(config, {})
    assert text_headers(config).tokens(identity) == []
    assert identity["own"].token.startswith("xxx")
    assert [event.reason for event in events.named("withheld")] == ["too_long"]

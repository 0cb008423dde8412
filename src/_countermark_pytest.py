"""Fixtures for the tests of applications that use countermark, as a plugin of pytest.

It is a module of its own, because pytest imports its plugins at each start and before
coverage: it must import nothing of countermark until a test uses a fixture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from countermark import Keyring, Principal
    from countermark.testing import FlowSessions, FrozenClock, Receiver, StiggEdge


@pytest.fixture
def countermark_secret() -> str:
    """A secret for tests, also for ``monkeypatch.setenv``; override it with one of your own."""
    return "c0de5ec2e7f0a7e575a1b2c3d4e5f607" * 2  # valid as text, hexadecimal and base64


@pytest.fixture
def countermark_keyring(countermark_secret: str) -> Keyring:
    """The keyring with the secret of ``countermark_secret``."""
    from countermark import Keyring

    return Keyring(countermark_secret)


@pytest.fixture
def countermark_clock() -> FrozenClock:
    """A clock that stands still, for ``clock=`` of signers and verifiers."""
    from countermark.testing import FrozenClock

    return FrozenClock()


@pytest.fixture
def countermark_principal() -> Principal:
    """A principal with an id, an e-mail address and a name."""
    from countermark import Principal

    return Principal("user-1", email="user-1@example.com", name="User One")


@pytest.fixture
def countermark_vendor(countermark_keyring: Keyring) -> Callable[..., StiggEdge | FlowSessions]:
    """Returns the stand-in for the vendor of a scheme, ``stigg`` or ``cognito-flow``.

    It verifies with ``countermark_keyring``, and takes the options of the class.
    """
    from countermark import testing

    kinds: dict[str, Callable[..., StiggEdge | FlowSessions]] = {
        "stigg": testing.StiggEdge,
        "cognito-flow": testing.FlowSessions,
    }

    def vendor(scheme: str, **options: Any) -> StiggEdge | FlowSessions:
        if scheme not in kinds:
            raise ValueError("there are stand-ins for the schemes 'stigg' and 'cognito-flow'")
        return kinds[scheme](countermark_keyring, **options)

    return vendor


@pytest.fixture
def countermark_receiver(countermark_keyring: Keyring) -> Callable[..., Receiver]:
    """Returns a service that accepts the tokens of a scheme, made with ``countermark_keyring``.

    It takes the options of :class:`countermark.testing.Receiver`, such as ``clock=``.
    """
    from countermark.testing import Receiver

    def receiver(scheme: str, **options: Any) -> Receiver:
        return Receiver(scheme, countermark_keyring, **options)

    return receiver

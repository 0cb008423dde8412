"""The parts of an application that are ours, and the schemes, functions and stores in them.

This file alone reads the private attributes of the middlewares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from countermark.check._names import names_of
from countermark.check._uses import Use
from countermark.keys._keyring import Key, Keyring
from countermark.signing._config import SigningConfig
from countermark.signing._principal_lookup import AsyncLookup, SyncLookup
from countermark.signing._signer import Signer
from countermark.verifying._enforcement import Enforcement
from countermark.verifying._mode_switch import ModeSwitch
from countermark.verifying._mode_values import EnforcePercent
from countermark.verifying._modes import ModeFile
from countermark.verifying._verifier import Verifier
from countermark.webhooks._gate import WebhookGate


class Part(NamedTuple):
    """A middleware, dependency or backend of ours. One of the three configurations is set.

    Attributes:
        where: Its name in messages.
        asynchronous: Whether its functions run in an event loop.
        signing: The configuration of a signing middleware.
        enforcement: The configuration of anything that verifies requests.
        webhooks: A webhook middleware.
    """

    where: str
    asynchronous: bool
    signing: SigningConfig | None = None
    enforcement: Enforcement | None = None
    webhooks: WebhookGate[Any] | None = None


class Function(NamedTuple):
    """A function of the application that a part calls: the option that gave it, and itself."""

    option: str
    call: Callable[..., Any]


class Store(NamedTuple):
    """A Redis: its purpose, ``meter``, ``allowance``, ``mode`` or ``webhooks``, and the store."""

    purpose: str
    store: Any


class MissingMode(NamedTuple):
    """The mode of a scheme that Redis does not hold, or holds in an invalid form."""

    scheme: str
    environment: str | None
    is_invalid: bool


def part_of(thing: object, where: str) -> Part | None:
    """Return the part that *thing* is; None: it is not ours."""
    names = names_of(thing)
    if not any(name.startswith("countermark.") for name in names):
        return None
    asynchronous = not any(
        name.startswith(("countermark.wsgi.", "countermark.django.")) for name in names
    )
    config, enforcement = getattr(thing, "_config", None), getattr(thing, "_enforcement", thing)
    if isinstance(config, SigningConfig):
        return Part(where, asynchronous, signing=config)
    if isinstance(enforcement, Enforcement):
        return Part(where, asynchronous, enforcement=enforcement)
    if isinstance(thing, WebhookGate):
        return Part(where, asynchronous, webhooks=thing)
    return None


def uses_of(part: Part) -> Iterator[Use]:
    """Yield the schemes that *part* signs or verifies by. Those of tenants are not known."""
    if part.signing is not None:
        for signer in part.signing.signers.values():
            yield Use(part.where, "signing", signer.scheme, (signer._key,), signer.environment)
    if part.enforcement is not None:
        verifier = part.enforcement._verifiers.one
        if verifier is not None:
            scheme, keys = verifier.scheme, tuple(key for _, key, _ in verifier._keys.accepted)
            yield Use(part.where, "verifying", scheme, keys, verifier.environment)
            for other, ring in verifier._keys.others.items():
                yield Use(part.where, "verifying", scheme, _keys_of([ring]), other)
    if part.webhooks is not None:
        found = part.webhooks._verifier
        yield Use(part.where, "webhooks", found.scheme, _keys_of(found._keys.rings.values()))


def _keys_of(rings: Iterable[Keyring]) -> tuple[Key, ...]:
    return tuple(key for ring in rings for _, key in ring.by_role())


def has_tenants(part: Part) -> bool:
    """Tell whether the keys depend on the tenant of a request."""
    if part.signing is not None:
        return part.signing.tenants is not None
    return part.enforcement is not None and part.enforcement._verifiers.one is None


def signers_of(part: Part) -> list[Signer]:
    """Return the signers of *part* that are the same for all tenants."""
    return [] if part.signing is None else list(part.signing.signers.values())


def principal_of(signing: SigningConfig) -> Any:
    """Return the resolver, as the application gave it."""
    lookup = signing.lookup
    given = lookup.load if isinstance(lookup, AsyncLookup) else lookup.current
    # asgiref keeps a function that runs in a thread or in an event loop of its own.
    return getattr(given, "func", getattr(given, "awaitable", given))


def verifier_of(enforcement: Enforcement) -> Verifier | None:
    """Return the verifier that is the same for all tenants, or None."""
    return enforcement._verifiers.one


def enforces(enforcement: Enforcement) -> bool:
    """Tell whether requests without a token are refused, whatever they are."""
    return enforcement._contexts._mode == "enforce"


def may_enforce_each_path(enforcement: Enforcement) -> bool:
    """Tell whether the mode can be enforce, and does not depend on the path."""
    mode = enforcement._contexts._mode
    return mode == "enforce" or isinstance(mode, EnforcePercent | ModeFile | ModeSwitch)


def functions_of(part: Part) -> Iterator[Function]:
    """Yield the functions that *part* calls while it handles a request."""
    if part.signing is not None:
        # Others run in a thread, or are awaited.
        if isinstance(part.signing.lookup, SyncLookup):
            yield Function("principal=", part.signing.lookup.current)
        if part.signing.tenants is not None:
            yield Function("signers=", part.signing.tenants._load)
    if part.enforcement is not None:
        yield from _functions_in(part.enforcement)


def _functions_in(enforcement: Enforcement) -> Iterator[Function]:
    verifiers, allowance = enforcement._verifiers, enforcement._sessions.allowance
    given = {
        "tenant=": verifiers._tenant,
        "verifier=": verifiers._by_tenant and verifiers._by_tenant._load,
        "mode=": enforcement._contexts._mode,
        "claimed_id=": enforcement._token._claimed_id,
        "meter=": enforcement._meter,
        "session=": allowance and allowance._session,
    }
    for option, function in given.items():
        if callable(function):
            yield Function(option, function)


def stores_of(part: Part) -> Iterator[Store]:
    """Yield the stores that *part* shares with other processes."""
    if part.enforcement is not None:
        yield from _stored("meter", part.enforcement._meter)
        yield from _stored(
            "allowance", getattr(part.enforcement._sessions.allowance, "_counted", None)
        )
        yield from _stored("mode", _switch_of(part))
    if part.webhooks is not None:
        yield from _stored("webhooks", part.webhooks._deliveries)


def missing_mode_of(part: Part) -> MissingMode | None:
    """Return the mode that the switch of *part* did not find when it was built, or None."""
    switch = _switch_of(part)
    if switch is None or switch._problem not in {"mode_missing", "mode_invalid"}:
        return None
    scheme, environment = switch._group[:2]
    return MissingMode(scheme, environment, switch._problem == "mode_invalid")


def _switch_of(part: Part) -> ModeSwitch | None:
    mode = None if part.enforcement is None else part.enforcement._contexts._mode
    return mode if isinstance(mode, ModeSwitch) else None


def _stored(purpose: str, holder: object) -> Iterator[Store]:
    store = getattr(holder, "_store", None)
    if store is not None:
        yield Store(purpose, store)

"""Checks of what the servers around the application do: Redis, and the lifespan of ASGI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from shlex import quote
from typing import Any, Final

from countermark.check._application import Application, Layer
from countermark.check._findings import Finding, finding
from countermark.check._parts import missing_mode_of, stores_of
from countermark.errors import StoreUnavailable

#: The maxmemory policies with which each use of Redis keeps its keys, by their beginnings.
_KEEPS: Final = {
    "meter": ("noeviction",),
    "webhooks": ("noeviction",),
    "allowance": ("noeviction", "volatile"),
    "mode": ("noeviction", "volatile"),
}


def check_stores(application: Application) -> Iterator[Finding]:
    """Yield a finding for each Redis that evicts keys. Redis is asked for its settings."""
    for part in application.parts:
        for purpose, store in stores_of(part):
            yield from check_store(application, part.where, purpose, store)


def check_store(
    application: Application, where: str, purpose: str, store: Any
) -> Iterator[Finding]:
    """Yield a finding if the Redis of *store* may evict keys that are needed for *purpose*."""
    try:
        memory = store.ask(lambda client: client.info("memory"))
    except StoreUnavailable as error:
        application.notes.append(
            f"{where}: asking Redis failed ({error.kind}), so it is not checked"
        )
        return
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    # Without a limit nothing is evicted.
    if memory.get("maxmemory", 0) and not policy.startswith(_KEEPS[purpose]):
        yield finding(
            "redis_evicts",
            where,
            f"the Redis of {purpose} evicts keys when its memory is full ({policy})",
            f"set maxmemory-policy to {_KEEPS[purpose][0]}, or give it a Redis of its own",
        )


def check_modes(application: Application) -> Iterator[Finding]:
    """Yield a finding for each switch that enforces because Redis holds no valid mode."""
    for part in application.parts:
        missing = missing_mode_of(part)
        if missing is not None:
            environment = quote(missing.environment or "")
            yield finding(
                "mode_missing",
                part.where,
                f"Redis holds {'an invalid' if missing.is_invalid else 'no'} mode of"
                f" {missing.scheme}, so each process that starts enforces",
                f"set one with countermark mode set {missing.scheme} monitor --environment"
                f" {environment}",
            )


def check_lifespan(application: Application) -> Iterator[Finding]:
    """Yield a finding for each meter that is not flushed at shutdown.

    Each ASGI middleware of ours that gets the lifespan flushes all meters of the process.
    """
    off = os.environ.get("UVICORN_LIFESPAN") == "off"
    if not off and any(layer.gets_lifespan and _flushes(layer) for layer in application.layers):
        return
    for part in application.parts:
        if part.asynchronous and part.enforcement is not None and part.enforcement.flushes:
            reason = (
                "UVICORN_LIFESPAN is off"
                if off
                else "no middleware of countermark gets the lifespan of the server"
            )
            yield finding(
                "lifespan",
                part.where,
                f"{reason}, so the last counts of its meter are lost at shutdown",
                "unset UVICORN_LIFESPAN"
                if off
                else "put countermark.asgi.LifespanMiddleware around the whole application",
            )


def _flushes(layer: Layer) -> bool:
    return "lifespan" in layer.kinds or (layer.part is not None and layer.part.asynchronous)

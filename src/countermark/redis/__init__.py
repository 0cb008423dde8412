"""The Redis or Valkey that several processes and hosts share."""

from __future__ import annotations

try:
    import redis as _redis  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        "countermark.redis needs redis: pip install 'countermark[redis]'", name=error.name
    ) from error

from countermark.redis._exchange import NotAcknowledged as NotAcknowledged
from countermark.redis._store import RedisStore as RedisStore

"""The modes of a scheme in Redis: their keys, and how to read them.

``countermark.rollout.set_mode`` writes them. A scheme in an environment has two keys, in one
slot of a cluster:

* ``modes``, a hash: ``mode`` (of the scheme), ``tenant:ID`` (of a tenant that has its own),
  ``revision`` and ``by`` (who made the last change). All modes are texts, such as ``enforce 10%``.
* ``mode-changes``, a list of changes in JSON, the latest first.

The revision grows with each change, even after Redis lost everything, because it is at least
the time of Redis in milliseconds. So a reader detects a Redis that lost the last changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from countermark.errors import ConfigurationError
from countermark.tokens._options import checked_scheme
from countermark.verifying._mode_values import ModeValue, read_mode

if TYPE_CHECKING:
    from countermark.redis import RedisStore
    from countermark.schemes._scheme import Scheme

#: The beginning of the fields of tenants.
TENANT: Final = "tenant:"

#: The most characters of a name of who made a change.
LONGEST_NAME: Final = 100

# The modes are seldom new, and may be those of many tenants.
_READ: Final = """
local revision = redis.call('HGET', KEYS[1], 'revision')
if revision and revision == ARGV[1] then
  return 'same'
end
return redis.call('HGETALL', KEYS[1])
"""

# The digits of the time in milliseconds until the year 33658; all are exact as numbers in Lua.
_MOST_DIGITS: Final = 15


class StoredModes(NamedTuple):
    """The modes of a scheme in one environment, as they are in Redis.

    Attributes:
        revision: A number that grows with each change.
        mode: The mode of the scheme.
        tenants: The modes of the tenants that have their own, by their ids.
        by: The person or program that made the last change.
    """

    revision: int
    mode: ModeValue
    tenants: Mapping[str, ModeValue]
    by: str

    def of(self, tenant: str | None) -> ModeValue:
        """Return the mode of a tenant, or of a request without one."""
        return self.mode if tenant is None else self.tenants.get(tenant, self.mode)

    @property
    def strictest(self) -> bool:
        """True if ``enforce`` applies to all requests."""
        return all(mode == "enforce" for mode in (self.mode, *self.tenants.values()))


class Unusable(Exception):
    """Redis holds no valid set of modes. ``reason`` is that of the event."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ModeGroup(NamedTuple):
    """A scheme in one environment, and its keys in Redis."""

    scheme: str
    environment: str | None
    modes: str
    changes: str

    @classmethod
    def of(cls, store: RedisStore, scheme: str | Scheme, environment: str | None) -> ModeGroup:
        """Return the group of a scheme. Its name makes one hash tag, so the keys are in one slot.

        Raises:
            UnknownScheme: The catalogue has no scheme of that name.
            ConfigurationError: *scheme* or *environment* is something else.
        """
        given: object = environment
        if given is not None and not isinstance(given, str):
            raise ConfigurationError("environment= must be that of the verifier: a text, or None")
        slug = checked_scheme(scheme).slug
        name = f"{slug}/{environment or ''}"
        modes, changes = store.key(name, "modes"), store.key(name, "mode-changes")
        return cls(slug, environment or None, modes, changes)


def read_stored(
    store: RedisStore, group: ModeGroup, known: StoredModes | None = None
) -> StoredModes:
    """Return the modes in Redis: *known* itself if they have not changed since.

    Raises:
        StoreUnavailable: Redis does not answer.
        Unusable: It holds no modes, invalid ones, or older ones than *known*.
    """
    answer = store.run(_READ, [group.modes], ["" if known is None else known.revision])
    if known is not None and answer == "same":
        return known
    stored = _parsed(dict(zip(answer[::2], answer[1::2], strict=True)))
    if known is not None and stored.revision < known.revision:
        raise Unusable("mode_older")
    return stored


def _parsed(fields: Mapping[str, str]) -> StoredModes:
    if not fields:
        raise Unusable("mode_missing")
    revision, mode = fields.get("revision", ""), read_mode(fields.get("mode"))
    tenants = {
        name.removeprefix(TENANT): read_mode(text)
        for name, text in fields.items()
        if name.startswith(TENANT)
    }
    valid = {tenant: own for tenant, own in tenants.items() if own is not None}
    by, known = fields.get("by", ""), 3 + len(valid)
    is_number = revision.isascii() and revision.isdigit() and len(revision) <= _MOST_DIGITS
    if mode is None or not is_number or len(fields) != known or not is_line(by, LONGEST_NAME):
        raise Unusable("mode_invalid")
    return StoredModes(int(revision), mode, valid, by)


def is_line(text: str, longest: int) -> bool:
    """Tell whether *text* is a line that logs and terminals can show."""
    return 0 < len(text) <= longest and text.isprintable()

"""Sets and shows the mode of a fleet, and the list of its changes.

``verifying/_stored_modes.py`` describes the keys in Redis. ``ModeSwitch`` follows them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

from countermark._redaction import guarded
from countermark.errors import ConfigurationError, ModeNotSet, StoreUnavailable
from countermark.principal import identifier_text
from countermark.rollout._readiness import LEAST_VERIFIED, is_ready, left_out, readiness
from countermark.rollout._redis_reader import read_snapshot
from countermark.rollout._report import group_name
from countermark.rollout._snapshot import Snapshot, label_of
from countermark.verifying._mode_values import EnforcePercent, ModeValue, plain_mode
from countermark.verifying._stored_modes import (
    LONGEST_NAME,
    TENANT,
    ModeGroup,
    StoredModes,
    Unusable,
    is_line,
    read_stored,
)

if TYPE_CHECKING:
    from countermark.redis import RedisStore
    from countermark.schemes._scheme import Scheme

#: The number of changes that are kept for each scheme and environment.
KEPT_CHANGES: Final = 1000

# Each process holds the modes of all of these tenants.
_MOST_TENANTS: Final = 1000
_LONGEST_REASON: Final = 500

# One atomic step: of two simultaneous changes, the second one sees the first. If Redis refuses a
# command, for want of a right for example, neither the mode nor the list has the change.
_SET = """
local field, mode, expected, by = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local number = tonumber(redis.call('HGET', KEYS[1], 'revision') or '0')
if expected ~= '' and expected ~= string.format('%.0f', number) then return 'changed' end
if field ~= 'mode' then
  if redis.call('HEXISTS', KEYS[1], 'mode') == 0 then return 'no mode' end
  if mode ~= '' and redis.call('HEXISTS', KEYS[1], field) == 0
      and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[6]) + 3 then
    return 'full'
  end
end
local before = redis.call('HGET', KEYS[1], field) or ''
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local revision = string.format('%.0f', math.max(now, number + 1))
local entry = cjson.decode(ARGV[5])
entry['revision'], entry['before'], entry['at'] = revision, before, string.format('%.0f', now)
redis.call('LTRIM', KEYS[2], 0, ARGV[7] - 2)
redis.call('LPUSH', KEYS[2], cjson.encode(entry))
local fields = {'revision', revision, 'by', by, field, mode}
local set, problem = pcall(function()
  redis.call('HSET', KEYS[1], unpack(fields, 1, mode == '' and 4 or 6))
  if mode == '' then redis.call('HDEL', KEYS[1], field) end
end)
if not set then
  redis.call('LTRIM', KEYS[2], 1, -1)
  return type(problem) == 'table' and problem or redis.error_reply(problem)
end
return 'set'
"""

_LIST = "return redis.call('LRANGE', KEYS[1], 0, ARGV[1] - 1)"


class ModeChange(NamedTuple):
    """A change of a mode, as the list of changes has it.

    Attributes:
        revision: The revision of the modes after it.
        at: When it was made, in seconds since the epoch, by the clock of Redis.
        tenant: The id of the tenant; None: it was a change for the scheme.
        before: The mode before, such as ``monitor``; None: there was none.
        after: The mode after it; None: the tenant follows the scheme again.
        by: The person or program that made it.
        reason: Why, or an empty text.
        checked: Whether it was made only because the requests were ready to be enforced.
    """

    revision: int
    at: float
    tenant: str | None
    before: str | None
    after: str | None
    by: str
    reason: str
    checked: bool


@guarded
def set_mode(
    store: RedisStore,
    scheme: str | Scheme,
    mode: ModeValue | None,
    *,
    by: str,
    environment: str | None = None,
    tenant: str | None = None,
    reason: str = "",
    if_ready: bool = False,
    if_revision: int | None = None,
    days: int = 7,
    least: float | str = LEAST_VERIFIED,
) -> ModeChange:
    """Set the mode that each :class:`ModeSwitch` of a scheme follows, and record the change.

    The caller decides who may do that. A change of the same mode is recorded as well.

    Args:
        store: The store of the switches.
        scheme: The name of the scheme, or the scheme.
        mode: The mode. None: the tenant follows the scheme again.
        by: The person or program that makes the change, in up to 100 characters. It is logged.
        environment: The environment of the verifiers.
        tenant: The id of a tenant whose mode differs. None: the mode is that of the scheme.
        reason: Why: a line of up to 500 characters. It is kept in the list of changes.
        if_ready: Whether to set it only if :func:`readiness` finds no reason against enforcing
            the requests that the meters of this store have counted, and no other change came
            while that was found out.
        if_revision: Set it only if this is still the revision; 0: only if no mode was set.
        days: As for :func:`read_snapshot`, for *if_ready*.
        least: As for :func:`readiness`, for *if_ready*.

    Raises:
        ModeNotSet: The requests are not ready, or the revision is another one.
        ConfigurationError: An argument is invalid, or the modes in Redis are.
        InvalidPrincipal: *tenant* is not an id.
        StoreUnavailable: Redis does not answer, or too few replicas have the change. The mode
            may have been set.
    """
    field, text, change = _checked(mode, tenant, by, reason)
    if if_revision is not None and (type(if_revision) is not int or if_revision < 0):
        raise ConfigurationError("if_revision= must be a whole number from 0 on, or None")
    group = ModeGroup.of(store, scheme, environment)
    found = read_modes(store, scheme, environment=environment)  # invalid ones would stay so
    if if_ready:
        if not text.startswith("enforce"):
            raise ConfigurationError("if_ready= (--if-ready) is for enforce")
        snapshot = read_snapshot(store, days)
        reasons = tuple(_reasons_against(snapshot, group, change.get("tenant"), least))
        if reasons:
            message = "the requests are not ready to be enforced: " + "; ".join(reasons)
            raise ModeNotSet(message, code="not_ready", reasons=reasons)
        before = 0 if found is None else found.revision
        if_revision = before if if_revision is None else if_revision  # later changes must stay
    expected = "" if if_revision is None else str(if_revision)
    id = uuid4().hex
    entry = json.dumps({**change, "id": id, "checked": if_ready})
    arguments: list[str | int] = [field, text, expected, by, entry, _MOST_TENANTS, KEPT_CHANGES]
    answer = store.run(_SET, [group.modes, group.changes], arguments, durable="set")
    if answer != "set":
        raise _refused(answer)
    for latest in store.run(_LIST, [group.changes], [100]):  # others may have made changes since
        if id in latest:
            return _change(latest)
    raise StoreUnavailable("Redis has lost the change again; look at the modes", kind="Lost")


def _checked(
    mode: object, tenant: object, by: object, reason: object
) -> tuple[str, str, dict[str, Any]]:
    """Return the field of the hash, its text, and the entry of the list as far as it is known."""
    if mode is None:
        if tenant is None:
            raise ConfigurationError(
                "mode=None (default) is for a tenant, which then follows the scheme"
            )
        text = ""
    elif isinstance(mode, EnforcePercent):
        text = str(mode)
    else:
        text = plain_mode(mode) or ""
        if not text:
            raise ConfigurationError(
                "mode= must be 'off', 'monitor' or 'enforce', or an EnforcePercent"
            )
    if not isinstance(by, str) or not is_line(by, LONGEST_NAME):
        raise ConfigurationError(f"by= must be a line of 1 to {LONGEST_NAME} printable characters")
    if not isinstance(reason, str) or not (not reason or is_line(reason, _LONGEST_REASON)):
        raise ConfigurationError(
            f"reason= must be a line of up to {_LONGEST_REASON} printable characters"
        )
    entry = {"after": text, "by": by, "reason": reason}
    if tenant is None:
        return "mode", text, entry
    name = identifier_text(tenant, "the tenant's id")
    return TENANT + name, text, {**entry, "tenant": name}


def _refused(why: str) -> Exception:
    if why == "changed":
        return ModeNotSet(
            "the modes were changed meanwhile; look at them again", code="changed", reasons=()
        )
    if why == "full":
        return ConfigurationError(
            f"{_MOST_TENANTS} tenants have a mode of their own; let some follow the scheme again"
        )
    return ConfigurationError("the scheme has no mode yet; set it before that of a tenant")


def _reasons_against(
    snapshot: Snapshot, group: ModeGroup, tenant: str | None, least: float | str
) -> Iterator[str]:
    label = None if tenant is None else label_of(tenant)
    groups = tuple(
        stats
        for stats in snapshot.groups
        if stats.group[:2] == group[:2] and label in {None, stats.tenant}
    )
    asked = Snapshot(snapshot.taken_at, snapshot.days, groups)
    if not groups:
        yield f"the meters have counted no request of {group_name(*group[:2], label)}"
    elif not is_ready(asked, least=least):
        left = left_out(asked)
        for stats in groups:
            if stats.group not in left:
                found = readiness(asked, stats, least=least)
                yield from (f"{group_name(*stats.group)}: {each}" for each in found.reasons)


def read_modes(
    store: RedisStore, scheme: str | Scheme, *, environment: str | None = None
) -> StoredModes | None:
    """Return the modes that are set for a scheme in an environment; None: none were set.

    Raises:
        ConfigurationError: The modes in Redis are invalid.
        StoreUnavailable: Redis does not answer.
    """
    group = ModeGroup.of(store, scheme, environment)
    try:
        return read_stored(store, group)
    except Unusable as error:
        if error.reason == "mode_missing":
            return None
        problem = "invalid"
    except StoreUnavailable as error:
        if error.kind != "WrongType":
            raise
        problem = "of another type"
    raise ConfigurationError(
        f"the modes in Redis are {problem}; delete the key {group.modes} and set them again"
    )


def mode_history(
    store: RedisStore,
    scheme: str | Scheme,
    *,
    environment: str | None = None,
    most: int = KEPT_CHANGES,
) -> list[ModeChange]:
    """Return the latest changes of the modes of a scheme in an environment, the latest first.

    The last thousand are kept.

    Args:
        store: The store of the switches.
        scheme: The name of the scheme, or the scheme.
        environment: The environment of the verifiers.
        most: The most changes to return.

    Raises:
        ConfigurationError: An entry in Redis is invalid.
        StoreUnavailable: Redis does not answer.
    """
    key = ModeGroup.of(store, scheme, environment).changes
    return [_change(text) for text in store.run(_LIST, [key], [most])]


def _change(text: str) -> ModeChange:
    try:
        entry = json.loads(text)
        return ModeChange(
            int(entry["revision"]),
            int(entry["at"]) / 1000,
            entry.get("tenant"),
            entry["before"] or None,
            entry["after"] or None,
            entry["by"],
            entry["reason"],
            entry["checked"],
        )
    except (ValueError, TypeError, LookupError):
        pass
    raise ConfigurationError("the list of mode changes in Redis has an invalid entry")

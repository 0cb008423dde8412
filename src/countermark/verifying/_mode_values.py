"""The values of a mode: three texts, or enforcement for a percentage of the principals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final, TypeAlias

from countermark._redaction import guarded
from countermark.errors import ConfigurationError
from countermark.verifying._results import Mode

MODES: Final[tuple[Mode, ...]] = ("off", "monitor", "enforce")

# The parts of the principals that are distinguished: hundredths of a percent.
_PARTS: Final = 10_000


class EnforcePercent:
    """Enforces for a percentage of the principals, and monitors the others.

    A principal is chosen by a hash of the scheme, the environment, the tenant and the id. So
    it is the same for each of their requests and in each process, other principals are chosen
    for another scheme, and those of 10 % are among those of 20 %.

    The id is that of ``claimed_id=``, or else the one in the token, before it is proved. A
    request that names no id is monitored; if ``claimed_id=`` raises, ``enforce`` applies.
    Clients choose what they send, so a percentage shows what ``enforce`` would break; it does
    not stop an attacker. Only a function ``claimed_id=`` that takes the id from the service's
    own session protects the chosen principals already.

    Args:
        percent: The percentage, above 0 and below 100, with up to two decimals.

    Raises:
        ConfigurationError: *percent* is something else.
    """

    __slots__ = {"percent": "The percentage.", "_parts": None}

    percent: Final[float]

    @guarded
    def __init__(self, percent: float) -> None:
        parts = _parts_of(percent)
        if parts is None:
            raise ConfigurationError(
                "the percentage must be a number above 0 and below 100 with up to two decimals; for"
                " the ends use 'monitor' and 'enforce'"
            )
        self.percent, self._parts = percent, parts

    def covers(
        self,
        principal_id: str,
        *,
        scheme: str,
        environment: str | None = None,
        tenant: str | None = None,
    ) -> bool:
        """Tell whether a principal is chosen.

        Args:
            principal_id: The id of the principal.
            scheme: The name of the scheme.
            environment: The environment of the verifier, or None.
            tenant: The id of the tenant, or None.
        """
        text = f"{scheme}\n{environment or ''}\n{tenant or ''}\n{principal_id}"
        return _part_of(text) < self._parts

    def __eq__(self, other: object) -> bool:
        return self._parts == other._parts if isinstance(other, EnforcePercent) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._parts)

    def __str__(self) -> str:
        return f"enforce {self._parts / 100:g}%"

    def __repr__(self) -> str:
        return f"EnforcePercent({self._parts / 100:g})"


#: The mode of a request, or of a percentage of the principals.
ModeValue: TypeAlias = "Mode | EnforcePercent"


def may_enforce(modes: Iterable[ModeValue]) -> bool:
    """Tell whether one of *modes* enforces, for all principals or some."""
    return any(mode == "enforce" or isinstance(mode, EnforcePercent) for mode in modes)


def plain_mode(mode: object) -> Mode | None:
    """Return *mode* if it is one of the three texts, otherwise None."""
    for known in MODES:
        if isinstance(mode, str) and mode == known:
            return known
    return None


def read_mode(text: object) -> ModeValue | None:
    """Return the mode that is written as *text*, such as ``enforce 10%``; None: it is invalid."""
    if not isinstance(text, str):
        return None
    found = re.fullmatch(r"enforce ([0-9]{1,2}(?:\.[0-9]{1,2})?)%", text)
    if found is None:
        return plain_mode(text)
    percent = float(found[1])
    return None if percent == 0 else EnforcePercent(percent)


def _parts_of(percent: Any) -> int | None:
    if not isinstance(percent, int | float) or isinstance(percent, bool) or not 0 < percent < 100:
        return None
    parts = round(percent * 100)
    # 0.29 * 100 is not exactly 29.
    return parts if abs(parts - percent * 100) < 1e-6 and 0 < parts < _PARTS else None


def _part_of(text: str) -> int:
    # Clients may send lone surrogates.
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) % _PARTS

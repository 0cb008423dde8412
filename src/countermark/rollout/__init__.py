"""Counts verdicts, and reports when requests are ready to be enforced."""

from typing import TYPE_CHECKING

from countermark.rollout._meter import Meter as Meter
from countermark.rollout._mode_control import ModeChange as ModeChange
from countermark.rollout._mode_control import mode_history as mode_history
from countermark.rollout._mode_control import read_modes as read_modes
from countermark.rollout._mode_control import set_mode as set_mode
from countermark.rollout._readiness import Readiness as Readiness
from countermark.rollout._readiness import is_ready as is_ready
from countermark.rollout._readiness import readiness as readiness
from countermark.rollout._redis_reader import read_snapshot as read_snapshot
from countermark.rollout._snapshot import DAY as DAY
from countermark.rollout._snapshot import DayCount as DayCount
from countermark.rollout._snapshot import GroupStats as GroupStats
from countermark.rollout._snapshot import KeyUse as KeyUse
from countermark.rollout._snapshot import Principals as Principals
from countermark.rollout._snapshot import RequestCount as RequestCount
from countermark.rollout._snapshot import Snapshot as Snapshot

if TYPE_CHECKING:
    from countermark.rollout._page import as_html as as_html
else:
    # A process that only counts does not pay for importing the page.
    from countermark._lazy import lazy_exports

    __getattr__ = lazy_exports(__name__, {"as_html": "countermark.rollout._page"})

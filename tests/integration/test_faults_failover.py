"""Failovers of Sentinel and Cluster, with eight workers that use the servers meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.integration import faults
from tests.integration.fault_run import check_that_nothing_is_lost, run_through
from tests.integration.fleet import Fleet
from tests.integration.redis_cluster import ClusterGroup
from tests.integration.redis_sentinel import SentinelGroup


@pytest.mark.parametrize("fault", [faults.kill_primary, faults.part_primary])
def test_a_failover_of_sentinels_loses_nothing(
    fault: Callable[[SentinelGroup, Fleet], None], sentinel_group: SentinelGroup, tmp_path: Path
) -> None:
    outcome = run_through(sentinel_group.url, tmp_path, partial(fault, sentinel_group))
    check_that_nothing_is_lost(outcome)
    assert outcome.answers.unavailable_since(outcome.began) > 0
    sentinel_group.wait_until_ready()


def test_a_failover_of_a_cluster_loses_nothing(redis_cluster: ClusterGroup, tmp_path: Path) -> None:
    """Also what the replica that takes over had not received."""
    fault = partial(faults.kill_unreplicated_node, redis_cluster)
    outcome = run_through(redis_cluster.url, tmp_path, fault)
    check_that_nothing_is_lost(outcome)
    assert outcome.answers.unavailable_since(outcome.began) > 0
    redis_cluster.wait_until_ready()


def test_slots_that_move_while_they_are_used_lose_nothing(
    redis_cluster: ClusterGroup, tmp_path: Path
) -> None:
    fault = partial(faults.move_slots, redis_cluster)
    check_that_nothing_is_lost(run_through(redis_cluster.url, tmp_path, fault))
    redis_cluster.wait_until_ready()

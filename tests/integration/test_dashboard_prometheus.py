"""The queries of the Grafana dashboard in a real Prometheus, which scrapes a real exporter.

CI does not install Prometheus, because it takes 100 MB; ``tests/rollout/test_dashboard.py`` checks
the queries there. After a change of the dashboard: ``apt-get install prometheus``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from shutil import which
from urllib.parse import urlencode

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from countermark.rollout import Meter
from countermark.rollout.prometheus import CountermarkCollector
from countermark.verifying import Allowance
from tests.integration.servers import fetch, free_port, running
from tests.rollout.dashboard import expressions, filled_in
from tests.rollout.verdicts import claim, unverified, verified

CONFIG = """
global: {{scrape_interval: 200ms}}
scrape_configs: [{{job_name: app, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""
VARIABLES = {"__range": "1m", "__rate_interval": "10s"}
ALL = VARIABLES | dict.fromkeys(("scheme", "environment", "tenant"), ".*")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a Prometheus that has seen requests of two groups for a while."""
    binary, folder = which("prometheus"), tmp_path_factory.mktemp("prometheus")
    if binary is None:
        pytest.skip("prometheus is not installed")
    meter, registry = Meter(), CollectorRegistry()
    registry.register(CountermarkCollector(meter, allowance=Allowance(7)))
    exporter, port = free_port(), free_port()
    server, thread = start_http_server(exporter, "127.0.0.1", registry)
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(port=exporter))
    command = [
        binary, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with running(command, port, folder / "log") as url:
        until_scraped = time.monotonic() + 60
        while fetch(f"{url}/-/ready").status != 200:
            assert time.monotonic() < until_scraped
        while query(url, "count_over_time(up[1m]) >= 8") == []:  # the first one takes 5 seconds
            assert time.monotonic() < until_scraped
            for _ in range(9):
                meter(verified(origin="https://app.example"))
            meter(unverified("user-2", by=None))
            meter(claim("user-3"))
            meter(unverified(environment=None, tenant="acme"))
            time.sleep(0.02)
        yield url
    server.shutdown()
    server.server_close()
    thread.join()


def query(url: str, expression: str) -> list[tuple[dict[str, str], float]]:
    """Return the labels and the value of each series of the result."""
    reply = fetch(f"{url}/api/v1/query?{urlencode({'query': expression})}")
    assert reply.status == 200, reply.body
    result = json.loads(reply.body)["data"]["result"]
    return [(series["metric"], float(series["value"][1])) for series in result]


@pytest.mark.parametrize("title", expressions())
def test_each_panel_has_values(prometheus: str, title: str) -> None:
    found = query(prometheus, filled_in(expressions()[title], ALL))
    assert found
    assert all(value == value for _, value in found), "not a number"  # noqa: PLR0124


def value_of(url: str, title: str, **chosen: str) -> float:
    ((_, value),) = query(url, filled_in(expressions()[title], ALL | chosen))
    return value


def test_the_panels_show_the_counts(prometheus: str) -> None:
    share = value_of(prometheus, "Verified requests")
    assert share == pytest.approx(9 / 11, abs=0.02)  # claims do not count
    live = value_of(prometheus, "Verified requests", environment="live")
    assert live == pytest.approx(9 / 10, abs=0.02)
    assert value_of(prometheus, "Verified requests", tenant="acme") == 0
    assert value_of(prometheus, "Principals stranded") == 2
    assert value_of(prometheus, "Allowance left") == 7
    refused = value_of(prometheus, "Were refused")
    assert value_of(prometheus, "Would be refused") == pytest.approx(3 * refused, rel=0.1)
    assert value_of(prometheus, "Were refused", tenant="acme") == 0
    shares = query(prometheus, filled_in(expressions()["Verified share"], ALL))
    assert sorted(round(value, 1) for _, value in shares) == [0, 0.9]
    keys = query(prometheus, filled_in(expressions()["Verified requests by key"], ALL))
    assert [labels for labels, _ in keys] == [{"key_role": "current"}]

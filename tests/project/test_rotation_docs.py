"""docs/rotation.md: its code runs, and the functions ask the clients as these expect it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from countermark import Signer, WatchedKeyring
from countermark.keys._watch import Watch
from countermark.signing._tenants import TenantSigners
from tests.forks import in_use

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "rotation.md").read_text(encoding="utf-8")
OLD, NEW = "the-old-secret-of-at-least-32-bytes", "the-new-secret-of-at-least-32-bytes"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Run the code of the page, and return its names."""
    for role in ("", "_NEXT", "_PREVIOUS"):  # so that they are removed after the test
        monkeypatch.setenv(f"STIGG_SIGNING_SECRET{role}_FILE", "")
    names: dict[str, Any] = {"__name__": "page"}
    for code in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        exec(compile(code, "rotation.md", "exec"), names)
    yield names
    for watch in in_use(Watch):  # so that its background thread ends
        watch._job.stop()


def test_the_code_runs_and_tenants_have_their_signers(page: dict[str, Any]) -> None:
    kept = TenantSigners(page["signers"])
    assert kept.latest("nobody") == {}
    assert set(kept.latest("acme")) == {"stigg"}


class ClientError(Exception):
    """Stands for botocore's."""

    def __init__(self, code: str) -> None:
        self.response = {"Error": {"Code": code}}


class Aws:
    """Stands for the client of AWS Secrets Manager."""

    def __init__(self, **versions: str) -> None:
        self.versions = versions

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> Any:  # noqa: N803
        if VersionStage not in self.versions:
            raise ClientError("ResourceNotFoundException")
        if self.versions[VersionStage] == "denied":
            raise ClientError("AccessDeniedException")
        return {"SecretString": self.versions[VersionStage]}


def aws(monkeypatch: pytest.MonkeyPatch, client: Aws) -> None:
    monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(client=lambda name: client))
    errors: Any = SimpleNamespace(ClientError=ClientError)
    monkeypatch.setitem(sys.modules, "botocore", SimpleNamespace(exceptions=errors))
    monkeypatch.setitem(sys.modules, "botocore.exceptions", errors)


def test_the_function_for_aws(page: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    client = Aws(AWSCURRENT=OLD)
    aws(monkeypatch, client)
    keyring = WatchedKeyring(page["from_aws"])
    assert keyring.previous == ()
    client.versions = {"AWSCURRENT": OLD, "AWSPENDING": NEW}
    assert keyring.refresh()
    assert len(keyring.next) == 1
    client.versions = {"AWSCURRENT": NEW, "AWSPREVIOUS": OLD}
    assert keyring.refresh()
    assert len(keyring.previous) == 1
    client.versions = {"AWSCURRENT": NEW, "AWSPREVIOUS": "denied"}
    assert not keyring.refresh()
    client.versions = {"AWSPENDING": NEW}
    assert not keyring.refresh()
    client.versions = {"AWSCURRENT": NEW}
    assert isinstance(page["signer"](), Signer)


def test_the_function_for_vault(page: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*, path: str, raise_on_deleted_version: bool) -> Any:
        return {"data": {"data": {"current": NEW, "previous": OLD, "next": ""}}}

    kv = SimpleNamespace(v2=SimpleNamespace(read_secret_version=read))
    client = SimpleNamespace(secrets=SimpleNamespace(kv=kv))
    hvac: Any = SimpleNamespace(Client=lambda *, url, token: client)
    monkeypatch.setitem(sys.modules, "hvac", hvac)
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example")
    monkeypatch.setenv("VAULT_TOKEN", "t")
    keyring = WatchedKeyring(page["from_vault"])
    assert (len(keyring.previous), len(keyring.next)) == (1, 0)


def test_the_function_for_gcp(page: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def access_secret_version(self, *, name: str) -> Any:
            assert name == "projects/p/secrets/stigg/versions/latest"
            data = json.dumps({"current": NEW, "previous": OLD}).encode()
            return SimpleNamespace(payload=SimpleNamespace(data=data))

    module: Any = SimpleNamespace(SecretManagerServiceClient=Client)
    for name in ("google", "google.cloud"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(secretmanager=module))
    monkeypatch.setenv("GCP_PROJECT", "p")
    assert len(WatchedKeyring(page["from_gcp"]).previous) == 1

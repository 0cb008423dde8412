"""The plugin of pytest: its fixtures, and how little it does until a test uses one."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = "pytester"


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:asyncio", *options)


def test_the_plugin_is_registered_with_pytest() -> None:
    (plugin,) = [each for each in entry_points(group="pytest11") if each.name == "countermark"]
    assert plugin.value == "_countermark_pytest"


def test_importing_the_plugin_imports_no_module_of_countermark() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules)\n"
        "import _countermark_pytest\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.split() == ["_countermark_pytest"]


def test_no_fixture_of_the_plugin_is_used_by_itself(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_one(request):
            assert not [name for name in request.fixturenames if "countermark" in name]
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_the_fixtures_work_together(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from starlette.testclient import TestClient
        from countermark import Signer
        from countermark.testing import tampered


        def test_vendor(countermark_vendor, countermark_keyring, countermark_principal):
            edge = countermark_vendor("stigg", enforced=True)
            token = Signer("stigg", countermark_keyring).sign(countermark_principal)
            headers = {"X-API-KEY": "client-for-tests", "X-CUSTOMER-KEY": token}
            path = f"/v1/c/{countermark_principal.id}/entitlements.json"
            assert TestClient(edge).get(path, headers=headers).status_code == 200
            assert edge.verdicts[-1].verified


        def test_flow(countermark_vendor):
            assert countermark_vendor("cognito-flow", unsigned_sessions=7).unsigned_left == 7
            with pytest.raises(ValueError, match="'stigg' and 'cognito-flow'"):
                countermark_vendor("cognito")


        def test_receiver(countermark_receiver, countermark_keyring, countermark_clock):
            receiver = countermark_receiver("intercom-jwt", clock=countermark_clock)
            signer = Signer(
                "intercom-jwt", countermark_keyring, lifetime=60, clock=countermark_clock
            )
            client, token = TestClient(receiver), signer.sign("user-1")
            accepted = client.get("/", headers={receiver.token_header: token})
            assert (accepted.status_code, accepted.json()) == (200, {"principal_id": "user-1"})
            countermark_clock.advance(71)
            late = client.get("/", headers={receiver.token_header: token})
            assert late.status_code == 401
            assert [verdict.code for verdict in receiver.verdicts] == ["verified", "expired"]


        def test_secret(countermark_secret, countermark_keyring, monkeypatch):
            monkeypatch.setenv("STIGG_SIGNING_SECRET", countermark_secret)
            own = Signer("stigg", countermark_keyring)
            assert Signer.from_env("stigg").sign("user-1") == own.sign("user-1")
            for scheme in ("pylon", "intercom-hmac", "cognito-flow"):
                Signer(scheme, countermark_keyring)
        """
    )
    run(pytester).assert_outcomes(passed=4)


def test_a_project_can_set_the_secret_of_the_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def countermark_secret():
            return "another-secret-for-tests-of-32-bytes-or-more"
        """
    )
    pytester.makepyfile(
        """
        from countermark import SecretKey

        def test_one(countermark_keyring, countermark_secret):
            assert countermark_keyring.current.key_id == SecretKey(countermark_secret).key_id
            assert countermark_secret.startswith("another")
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_a_failure_shows_the_line_of_the_test_and_no_frame_of_countermark(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import flask
        from countermark import Signer
        from countermark.testing import assert_signed

        def test_one(countermark_keyring):
            app = flask.Flask(__name__)
            app.add_url_rule("/", "page", lambda: "page")
            signer = Signer("stigg", countermark_keyring)
            assert_signed(app.test_client().get("/"), signer, "user-1")
        """
    )
    ran = run(pytester, "--showlocals")
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(
        [
            '>       assert_signed(app.test_client().get("/"), signer, "user-1")',
            "E       AssertionError: stigg: the response with the status 200 has no token for*",
            "test_a_failure*.py:9: AssertionError",
        ]
    )
    ran.stdout.no_fnmatch_line("*_assertions.py*")
    ran.stdout.no_fnmatch_line("*c0de5ec2*")

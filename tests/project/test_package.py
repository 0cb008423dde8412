"""What is installed: light to import, typed, complete."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from countermark.schemes import scheme_slugs
from countermark.webhooks._scheme import webhook_scheme_slugs

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: The libraries that only adapters and other optional modules import.
BANNED = CONFIGURATION["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]

IMPORTED = """
import sys
before = set(sys.modules)
import {module}
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""

HEAVY = {
    "argparse", "asgiref", "asyncio", "cryptography", "dataclasses", "datetime", "httpx", "inspect",
    "jinja2", "logging", "pathlib", "tomllib", "trio", "uuid", "uvicorn", "werkzeug",
    *BANNED,
}  # fmt: skip


@pytest.mark.parametrize(
    "module", ["countermark", "countermark.verifying", "countermark.asgi", "countermark.wsgi"]
)
def test_importing_loads_no_slow_module_and_no_scheme(module: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTED.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "countermark" in ran.stdout.split()
    assert HEAVY & set(ran.stdout.split()) == set()


# Module, what it needs, and the extra that has it.
OPTIONAL = [
    ("starlette", "starlette", "starlette"),
    ("fastapi", "fastapi", "fastapi"),
    ("flask", "flask", "flask"),
    ("django.middleware", "django", "django"),
    ("django.rest_framework", "rest_framework", "rest-framework"),
    ("redis", "redis", "redis"),
    ("rollout.prometheus", "prometheus_client", "prometheus"),
    ("rollout.opentelemetry", "opentelemetry", "opentelemetry"),
]


@pytest.mark.parametrize(("module", "library", "extra"), OPTIONAL, ids=lambda name: name)
def test_a_module_without_its_library_names_the_extra(
    module: str, library: str, extra: str
) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "import countermark.asgi, countermark.wsgi, countermark.webhooks, countermark.testing\n"
        f"try: import countermark.{module}\n"
        "except ImportError as error: print(error)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.strip().endswith(f"pip install 'countermark[{extra}]'")


def test_the_list_of_optional_modules_has_each_extra_and_their_libraries_are_banned() -> None:
    extras = set(CONFIGURATION["project"]["optional-dependencies"])
    # Functions and commands import these when they are called.
    assert {extra for _, _, extra in OPTIONAL} == extras - {
        "brotli", "completion", "demo", "dotenv", "jwt", "public-keys"
    }  # fmt: skip
    assert {library for _, library, _ in OPTIONAL} <= set(BANNED)


def test_only_the_scheme_asked_for_is_read() -> None:
    code = (
        "import tomllib; loads, read = tomllib.loads, []\n"
        "tomllib.loads = lambda text: read.append(text) or loads(text)\n"
        "from countermark import Keyring, Signer\n"
        "ring = Keyring('a-secret-of-the-tests-with-enough-bytes')\n"
        "Signer('stigg', ring), Signer('stigg', ring)\n"
        "print(len(read))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.strip() == "1"


def test_the_wheel_contains_types_schemes_and_the_page(tmp_path: Path) -> None:
    # In this process and environment: building needs nothing from outside.
    build = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"
    ran = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    wheel = zipfile.ZipFile(tmp_path / ran.stdout.split()[-1])
    names = set(wheel.namelist())
    expected = {f"countermark/schemes/catalogue/{slug}.toml" for slug in scheme_slugs()}
    expected |= {"countermark/py.typed", "countermark/demo/templates/scheme.html"}
    expected |= {"countermark/demo/static/demo.css", "countermark/demo/static/demo.js"}
    expected |= {f"countermark/frontend/countermark.{ending}" for ending in ("js", "d.ts")}
    expected |= {"_countermark_pytest.py"}
    expected |= {f"countermark/webhooks/catalogue/{slug}.toml" for slug in webhook_scheme_slugs()}
    assert expected <= names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)
    (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    required = [
        line
        for line in wheel.read(metadata).decode().splitlines()
        if line.startswith("Requires-Dist") and "extra ==" not in line
    ]
    assert required == ["Requires-Dist: asgiref>=3.8"]

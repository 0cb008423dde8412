"""The page about leaks: its code runs, and its lists are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import trio

from countermark.cli._scan import add_command
from countermark.leaks._rules import Rules
from tests.drivers import asend, http_scope

PAGE = (Path(__file__).resolve().parents[2] / "docs/leaks.md").read_text(encoding="utf-8")


def test_the_application_of_the_page_is_blocked() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "leaks.md", "exec"), names)
    assert trio.run(asend, names["app"], http_scope())[0]["status"] == 500


def test_the_page_names_every_option_of_the_command() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    add_command(parser.add_subparsers())  # type: ignore[arg-type]
    options = re.findall(r'"(--[\w-]+)"', Path(add_command.__code__.co_filename).read_text())
    assert len(options) == 4
    assert [option for option in options if option not in PAGE] == []


def test_the_shapes_are_those_that_the_catalogues_declare() -> None:
    shapes = {rule.removeprefix("shape/") for rule in Rules({}).texts}
    assert shapes == {
        "COGNITO_API_SECRET",
        "LAUNCHDARKLY_SDK_KEY",
        "PRIVATE_KEY",
        "QUACKBACK_WIDGET_SECRET",
        "TALKJS_SECRET_KEY",
        "USERTOUR_SIGNING_SECRET",
        "WEBHOOKS_PRIVATE_KEY",
        "WEBHOOKS_SECRET",
    }

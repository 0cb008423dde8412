"""Plays one package in a process of its own: log in, act as a user, stop. Prints JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from countermark import EventCounter

counter = EventCounter()

#: For each package the requests that start and stop acting as user 2: method, path, form.
ROUTES: dict[str, tuple[tuple[str, str, dict[str, Any]], tuple[str, str, dict[str, Any]]]] = {
    "hijack": (("post", "/staff/acquire/", {"user_pk": 2}), ("post", "/staff/release/", {})),
    "loginas": (("post", "/staff/login/user/2/", {}), ("get", "/staff/logout/", {})),
    "impersonate": (("get", "/staff/2/", {}), ("get", "/staff/stop/", {})),
    "django_su": (("post", "/staff/2/", {}), ("get", "/staff/", {})),
}


def seen(response: Any) -> dict[str, Any]:
    return {
        "status": response.status_code,
        "token": response.headers.get("Stigg-Customer-Token"),
        "body": response.content.decode(),
        "vary": response.headers.get("Vary"),
        "impersonated": counter.total("impersonated"),
        "failed": counter.total("failed"),
    }


def play() -> list[dict[str, Any]]:
    from django.contrib.auth import get_user_model
    from django.test import Client

    client, steps = Client(), []
    steps.append(seen(client.get("/page")))
    client.force_login(
        get_user_model().objects.get(pk=1), "django.contrib.auth.backends.ModelBackend"
    )
    steps.append(seen(client.get("/page")))
    start, stop = ROUTES[os.environ["STAFF_PACKAGE"]]
    rest: Any = (start, ("get", "/page", {}), ("get", "/quiet", {}), stop, ("get", "/page", {}))
    for method, path, form in rest:
        steps.append(seen(getattr(client, method)(path, form)))
    return steps


async def aplay() -> list[dict[str, Any]]:
    from django.contrib.auth import get_user_model
    from django.test import AsyncClient

    client, steps, pages = AsyncClient(), [], "/async-page"
    steps.append(seen(await client.get(pages)))
    staff = await get_user_model().objects.aget(pk=1)
    await client.aforce_login(staff, "django.contrib.auth.backends.ModelBackend")
    steps.append(seen(await client.get(pages)))
    start, stop = ROUTES[os.environ["STAFF_PACKAGE"]]
    rest: Any = (start, ("get", pages, {}), ("get", "/quiet", {}), stop, ("get", pages, {}))
    for method, path, form in rest:
        steps.append(seen(await getattr(client, method)(path, form)))
    return steps


def main(mode: str) -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.frameworks.django_staff.settings"
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    users = get_user_model().objects
    users.create_superuser("staff", "staff@a.example", None)
    users.create_user("user", "user@a.example", None)
    if mode == "check":
        from django.core.checks import run_checks

        found = [[message.id, message.msg] for message in run_checks()]
        print(json.dumps([pair for pair in found if pair[0].startswith("countermark")]))  # noqa: T201
        return
    steps = play() if mode == "sync" else asyncio.run(aplay())
    print(json.dumps(steps))  # noqa: T201


if __name__ == "__main__":
    # The settings import this module by its name, so that both have one counter.
    from tests.frameworks.django_staff.play import main as main_by_name

    main_by_name(sys.argv[1])

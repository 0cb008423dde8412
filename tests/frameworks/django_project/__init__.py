"""A Django project for the tests: users in memory, sessions in cookies, no database."""

from __future__ import annotations

import os

import django


def start() -> None:
    """Set Django up, once for all tests of the process."""
    os.environ["DJANGO_SETTINGS_MODULE"] = f"{__name__}.settings"
    django.setup()

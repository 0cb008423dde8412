"""The app for ``INSTALLED_APPS``."""

from __future__ import annotations

from django.apps import AppConfig


class CountermarkConfig(AppConfig):  # type: ignore[misc]
    """The app with the template tag, the command and the checks."""

    name = "countermark.django"
    label = "countermark"  # the last part of the name is Django's own
    verbose_name = "Countermark"

    def ready(self) -> None:
        """Register the checks."""
        from countermark.django import _checks

        _checks.register_all()

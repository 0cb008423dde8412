"""The command ``manage.py countermark``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from countermark.django import _conf
from countermark.errors import ConfigurationError
from countermark.signing._signer import Signer
from countermark.signing._vectors import check


class Command(BaseCommand):  # type: ignore[misc]
    """Lists the configured schemes and computes their published examples."""

    help = "List the configured schemes, and compute their published examples."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            configuration = _conf.current()
        except ConfigurationError as error:
            raise CommandError(str(error)) from None
        if configuration.signing.tenants is not None:
            self.stdout.write("Each tenant has its own signers.")
        results = [self._show(signer) for signer in configuration.signing.signers.values()]
        if not all(results):
            raise CommandError("A token differs from the published example.")

    def _show(self, signer: Signer) -> bool:
        results = [right for _, right in check(signer.scheme)]
        examples = f"{sum(results)} of {len(results)}" if results else "none published"
        self.stdout.write(
            f"{signer.scheme.slug} ({signer.scheme.name}):"
            f" header {signer.header or '-'}, key {signer.key_id},"
            f" environment {signer.environment or '-'}, examples right: {examples}"
        )
        return all(results)

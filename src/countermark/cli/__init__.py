"""The command ``countermark``."""

from countermark.cli._main import main as main

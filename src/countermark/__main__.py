"""``python -m countermark``."""

import sys

from countermark.cli._main import main

sys.exit(main())

"""``python -m countermark``."""

import sys

from countermark.cli import main

sys.exit(main())

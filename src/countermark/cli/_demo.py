"""``countermark demo``: a page that shows its user's tokens."""

from __future__ import annotations

import argparse
import sys

from countermark.cli._arguments import Commands, whole_number


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("demo", help="serve a page with the tokens of all schemes")
    parser.add_argument(
        "--once",
        action="store_true",
        help="check the tokens without a browser, print two tables and exit",
    )
    parser.add_argument(
        "--port",
        type=whole_number(1, 65535),
        default=8000,
        help="port on 127.0.0.1 (default: 8000)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve the demo, or check it once: 0 if all tokens are equal, otherwise 1."""
    try:
        return _check() if options.once else _serve(options.port)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("countermark"):
            raise
        print(
            f"the demo needs {error.name}; install it: pip install 'countermark[demo]'",
            file=sys.stderr,
        )
        return 2


def _check() -> int:
    from countermark.demo.once import rows, table

    found = list(rows())
    print(table(found))
    return 0 if all(row.equal for row in found) else 1


def _serve(port: int) -> int:
    import uvicorn

    from countermark.demo.asgi_app import create_app

    uvicorn.run(create_app(), host="127.0.0.1", port=port, log_level="info")
    return 0

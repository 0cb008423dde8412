"""The ``countermark`` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from countermark._redaction import guarded
from countermark.cli._arguments import Parser, whole_number
from countermark.cli._rollout import add_arguments as add_rollout_arguments
from countermark.errors import CountermarkError


@guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = Parser(prog="countermark", description="Sign users for front ends.")
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser("demo", help="serve a page that shows the signatures of its user")
    demo.add_argument(
        "--once", action="store_true", help="check the same without a browser, print a table, exit"
    )
    demo.add_argument(
        "--port",
        type=whole_number(1, 65535),
        default=8000,
        help="port on 127.0.0.1 (default: 8000)",
    )
    demo.set_defaults(run=_demo)
    schemes = commands.add_parser("schemes", help="list the vendors, or show one")
    schemes.add_argument("slug", nargs="?", help="the scheme to show")
    schemes.add_argument("--markdown", action="store_true", help="print docs/vendors.md")
    schemes.set_defaults(run=_schemes)
    rollout = commands.add_parser("rollout", help="say whether requests are ready to be enforced")
    add_rollout_arguments(rollout)
    rollout.set_defaults(run=_rollout)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has read enough. Python writes what is left when it ends: nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("countermark"):
            raise
        print(f"The demo needs {error.name}: pip install 'countermark[demo]'", file=sys.stderr)
        return 2
    except (CountermarkError, ImportError) as error:  # one of ours names the extra
        print(error, file=sys.stderr)
        return 2
    return code


def _demo(options: argparse.Namespace) -> int:
    if options.once:
        from countermark.demo.once import rows, table

        found = list(rows())
        print(table(found))
        return 0 if all(row.equal for row in found) else 1

    import uvicorn

    from countermark.demo.asgi_app import create_app

    uvicorn.run(create_app(), host="127.0.0.1", port=options.port, log_level="info")
    return 0


def _schemes(options: argparse.Namespace) -> int:
    from countermark.cli._schemes import described, listed, markdown
    from countermark.schemes import Scheme, scheme_slugs

    if options.slug:
        print(described(Scheme.load(options.slug)))
    else:
        show = markdown if options.markdown else listed
        print(show(map(Scheme.load, scheme_slugs())))
    return 0


def _rollout(options: argparse.Namespace) -> int:
    from countermark.cli._rollout import run

    report, code = run(options)
    if report:
        print(report)
    return code

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


def _parser() -> Parser:
    parser = Parser(prog="countermark", description="Sign the current user for front-end vendors.")
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser("demo", help="serve a page that shows its user's tokens")
    demo.add_argument(
        "--once",
        action="store_true",
        help="check the tokens without a browser, print a table and exit",
    )
    demo.add_argument(
        "--port",
        type=whole_number(1, 65535),
        default=8000,
        help="port on 127.0.0.1 (default: 8000)",
    )
    demo.set_defaults(run=_demo)
    schemes = commands.add_parser("schemes", help="list all schemes, or show one")
    schemes.add_argument("slug", nargs="?", help="the scheme to show")
    schemes.add_argument("--markdown", action="store_true", help="print the page docs/vendors.md")
    schemes.set_defaults(run=_schemes)
    rollout = commands.add_parser("rollout", help="report whether it is safe to enforce")
    add_rollout_arguments(rollout)
    rollout.set_defaults(run=_rollout)
    return parser


@guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the pipe has gone. Python flushes the rest at exit: to the null device.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("countermark"):
            raise
        print(
            f"the demo needs {error.name}; install it: pip install 'countermark[demo]'",
            file=sys.stderr,
        )
        return 2
    except (CountermarkError, ImportError) as error:  # our own ImportErrors name the extra
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
    from countermark.cli._schemes import details, markdown, overview
    from countermark.schemes import Scheme, scheme_slugs

    if options.slug:
        print(details(Scheme.load(options.slug)))
    else:
        show = markdown if options.markdown else overview
        print(show(map(Scheme.load, scheme_slugs())))
    return 0


def _rollout(options: argparse.Namespace) -> int:
    from countermark.cli._rollout import run

    report, code = run(options)
    if report:
        print(report)
    return code

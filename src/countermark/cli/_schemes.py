"""``countermark schemes``: the catalogue, a scheme of it, or mistakes in files of schemes."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from countermark.cli._arguments import Commands
from countermark.errors import ConfigurationError

if TYPE_CHECKING:
    from countermark.schemes import Scheme
    from countermark.webhooks import WebhookScheme

_EPILOG = """\
examples:
  countermark schemes stigg
  countermark schemes lint acme.toml
  countermark schemes --schema signing > signing-scheme.schema.json
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "schemes",
        help="list all schemes, show one, or check files",
        description="List all schemes, those of webhooks last, or show one. With lint instead of a"
        " scheme, check files of signing and webhook schemes, and print each mistake as FILE:LINE:"
        " MESSAGE. The exit code is 1 if there is one. No message contains a value of the file.",
        epilog=_EPILOG,
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "slug",
        nargs="?",
        help="the scheme to show, webhook: and the name or path of a webhook scheme, or lint",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="after lint: a file to check")
    shown.add_argument("--markdown", action="store_true", help="print the page docs/vendors.md")
    shown.add_argument(
        "--json",
        action="store_true",
        help="print the whole catalogue, webhooks included, as one JSON document for programs in"
        " other languages; docs/catalogue-format.md describes it",
    )
    shown.add_argument(
        "--due",
        action="store_true",
        help="print the schemes and webhook formats whose source was read more than a year ago",
    )
    shown.add_argument(
        "--schema",
        choices=["signing", "webhook"],
        help="print the JSON Schema of the files of such schemes, for editors",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the schemes; return 1 if one is to be read again, or if a file has a mistake.

    Raises:
        ConfigurationError: There is no such scheme or file.
    """
    if options.slug == "lint":
        from countermark.cli._lint import lint

        return lint(options.files)
    if options.files:
        raise ConfigurationError("only lint takes files; give one scheme")
    if options.due:
        return _print_due(_today())
    if options.json:
        from countermark.cli._catalogue_document import catalogue_document

        print(catalogue_document())
    elif options.slug:
        print(_details(options.slug))
    elif options.schema:
        print(_schema(options.schema), end="")
    elif options.markdown:
        print(_vendors_page())
    else:
        print(_overview())
    return 0


def _schema(kind: str) -> str:
    from importlib.resources import files

    folder = files("countermark") / {"signing": "schemes", "webhook": "webhooks"}[kind]
    return (folder / f"{kind}-scheme.schema.json").read_text(encoding="utf-8")


def _details(name: str) -> str:
    """Return the details of a scheme or, after ``webhook:``, of a webhook scheme."""
    from countermark.cli._scheme_argument import named_scheme, named_webhook_scheme, path_in
    from countermark.cli._scheme_pages import details
    from countermark.cli._webhook_page import webhook_details

    webhook, path = named_webhook_scheme(name), path_in(name)
    if webhook is not None:
        return webhook_details(webhook, _today(), path)
    return details(named_scheme(name), _today(), path)


def _overview() -> str:
    from countermark.cli._overview import overview

    return overview(*_catalogue(), _today())


def _vendors_page() -> str:
    from countermark.cli._vendors_page import markdown

    return markdown(*_catalogue())


def _print_due(today: date) -> int:
    """Print what is to be read again, with its sources."""
    from countermark.cli._scheme_pages import is_due

    schemes, webhooks = _catalogue()
    every: list[Scheme | WebhookScheme] = [*schemes, *webhooks]
    due = [scheme for scheme in every if is_due(scheme.read, today)]
    for scheme in due:
        print(f"{scheme.slug}: read {scheme.read}: {', '.join(scheme.source)}")
    return 1 if due else 0


def _catalogue() -> tuple[list[Scheme], list[WebhookScheme]]:
    from countermark.schemes import Scheme, scheme_slugs
    from countermark.webhooks._scheme import WebhookScheme, webhook_scheme_slugs

    webhooks = [WebhookScheme.load(slug) for slug in webhook_scheme_slugs()]
    return [Scheme.load(slug) for slug in scheme_slugs()], webhooks


def _today() -> date:
    return datetime.now(UTC).date()

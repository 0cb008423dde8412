"""``countermark pseudonym``: the hash that stands for a user in logs."""

from __future__ import annotations

import argparse
import sys

from countermark.cli._arguments import Commands
from countermark.cli._scheme_argument import add_scheme_argument, named_scheme
from countermark.cli._secrets import add_secret_option, keyring_of
from countermark.errors import ConfigurationError

_EPILOG = """\
examples:
  countermark pseudonym stigg --id customer-demo-01
  countermark pseudonym stigg --id customer-demo-01 | grep -F -f - app.log
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "pseudonym",
        help="find a user in logs",
        description="Print the salted hash that stands for a user in the events and the log of"
        " countermark, one line for each key: the key in use at that time is the salt.",
        epilog=_EPILOG,
    )
    add_scheme_argument(parser)
    parser.add_argument(
        "--id",
        required=True,
        help="the id; for a scheme that signs another text, the email address or phone number",
    )
    add_secret_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the hashes, that of the current key first.

    Raises:
        ConfigurationError: The secret is missing or invalid, or the key is public.
    """
    from countermark.keys._public import PublicKey  # late, as few schemes have one

    keys = [key for _, key in keyring_of(named_scheme(options.scheme), options).by_role()]
    if any(isinstance(key, PublicKey) for key in keys):
        raise ConfigurationError(
            "a public key is no secret, so each process has a salt of its own; find the line of a"
            " refusal by its correlation"
        )
    sys.stdout.writelines(f"{key.pseudonym(options.id)}\n" for key in keys)
    return 0

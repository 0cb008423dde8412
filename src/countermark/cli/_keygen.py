"""``countermark keygen``: a new secret."""

from __future__ import annotations

import argparse
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from countermark.cli._arguments import Commands
from countermark.cli._scheme_argument import (
    WEBHOOK,
    add_scheme_argument,
    named_scheme,
    named_webhook_scheme,
)
from countermark.cli._secrets import add_secret_option, keyring_from
from countermark.errors import ConfigurationError

_EPILOG = """\
examples:
  countermark keygen discourse
  countermark keygen webhook:standard-webhooks --format env >> .env
  countermark keygen webhook:standard-webhooks-ed25519 --public 3< key.txt --secret-fd 3
  (umask 077 && countermark keygen braze > key.pem) && openssl pkey -in key.pem -pubout
  countermark keygen stigg --for-tests
"""


class _Asked(NamedTuple):
    """A scheme of tokens or webhooks, and a function that makes a secret for it."""

    slug: str
    variable: str
    is_chosen: bool
    make: Callable[[], str]


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "keygen",
        help="generate a secret",
        description="Generate a secret from 256 random bits, or a private key, in the form that the"
        " scheme needs, and print it once. Most vendors issue their secrets: those schemes are"
        " refused, except for tests.",
        epilog=_EPILOG,
    )
    add_scheme_argument(parser, webhooks=True)
    parser.add_argument(
        "--format",
        choices=("value", "env"),
        default="value",
        help="print the secret alone (value, the default), or NAME=secret with the scheme's"
        " environment variable (env). A private key is in PEM, or its base64 on one line",
    )
    parser.add_argument(
        "--environment",
        metavar="ENV",
        help="the environment, for schemes whose secrets show it; the default is not live",
    )
    parser.add_argument(
        "--for-tests",
        action="store_true",
        help="generate a secret even if the vendor issues them: the vendor does not accept it",
    )
    parser.add_argument(
        "--public",
        action="store_true",
        help="generate nothing, and print the public key of the private key that signs your"
        " webhooks, for receivers",
    )
    add_secret_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the secret, or the public key of one.

    Raises:
        ConfigurationError: The vendor issues the secret, or an option does not fit.
    """
    if options.public:
        return _print_public(options)
    if options.secret_fd is not None:
        raise ConfigurationError("--secret-fd gives the key of --public; leave it out")
    asked = _asked(options)
    if not (asked.is_chosen or options.for_tests):
        raise ConfigurationError(
            f"the vendor of {asked.slug} issues its secret; copy it from there, or pass --for-tests"
        )
    if options.format == "env" and not asked.variable:
        raise ConfigurationError(
            f"{asked.slug} names no environment variable for its secret; leave --format out"
        )
    secret = asked.make()
    if options.format == "value":
        print(secret.removesuffix("\n"))
        return 0
    if "\n" in secret:  # PEM has several lines, and an environment file one for each variable
        secret = b64encode(secret.encode()).decode()
    print(f"{asked.variable}={secret}")
    return 0


def _asked(options: argparse.Namespace) -> _Asked:
    from countermark.cli._new_secrets import new_secret
    from countermark.webhooks import new_webhook_secret

    webhooks = named_webhook_scheme(options.scheme)
    if webhooks is None:
        scheme = named_scheme(options.scheme)
        make = partial(new_secret, scheme, options.environment)
        return _Asked(scheme.slug, scheme.variable, scheme.secret_is_chosen, make)
    if options.environment is not None:
        raise ConfigurationError("secrets of webhooks show no environment; leave --environment out")
    is_chosen = webhooks.secret.is_chosen or bool(webhooks.secret.private_variable)
    make = partial(new_webhook_secret, webhooks)
    return _Asked(f"{WEBHOOK}{webhooks.slug}", webhooks.signing_variable, is_chosen, make)


def _print_public(options: argparse.Namespace) -> int:
    """Print the public key of the current private key."""
    from countermark.webhooks import WebhookSigner

    scheme = named_webhook_scheme(options.scheme)
    if scheme is None or not scheme.has_public_key:
        raise ConfigurationError(
            "--public is for webhooks that receivers verify with a public key; leave it out"
        )
    ring = keyring_from(scheme.slug, scheme.signing_variable, options)
    print(WebhookSigner(scheme, ring).public_keys[0].removesuffix("\n"))
    return 0

"""``countermark sign``: the token of a user, or the tokens of many."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

from countermark.cli._arguments import Commands, whole_number
from countermark.cli._inputs import lines_of
from countermark.cli._principal_options import add_principal_options, principal_of
from countermark.cli._scheme_argument import add_scheme_arguments, named_scheme, settings_of
from countermark.cli._secrets import add_secret_option, keyring_of
from countermark.errors import InvalidPrincipal
from countermark.keys import Keyring
from countermark.schemes._scheme import Scheme
from countermark.signing import SignedIdentity, Signer

_EPILOG = """\
examples:
  countermark sign stigg --id customer-demo-01
  countermark sign cognito-flow --id customer-demo-01 --environment live --json
  countermark sign stigg --ids - < ids.txt > tokens.txt
  countermark sign stigg --id customer-demo-01 --secret-fd 3 3< secret.txt
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "sign",
        help="sign an id, or many",
        description="Sign a user, and print the token alone on a line. An id that cannot be signed"
        " is an error: exit code 2, and nothing is printed for it and for the ids after it.",
        epilog=_EPILOG,
    )
    add_scheme_arguments(parser)
    add_secret_option(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--id", help="the user's id")
    which.add_argument(
        "--ids",
        metavar="FILE",
        help="sign each id in FILE (- for standard input), one in each line; the other values are"
        " the same for all",
    )
    add_principal_options(parser)
    add_signer_options(parser)
    parser.add_argument(
        "--json",
        action="store_true",
        help="print an object in a line for each token: scheme, token, response header, key id,"
        " fields for the front end, and expiry in seconds since the epoch",
    )
    parser.set_defaults(run=run)


def add_signer_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`signer_of` reads."""
    parser.add_argument(
        "--environment",
        metavar="ENV",
        help="the environment, such as live; a key of another one is refused",
    )
    parser.add_argument(
        "--lifetime",
        type=whole_number(1),
        metavar="SECONDS",
        help="how long a token is valid; the scheme has the default",
    )
    parser.add_argument(
        "--claim",
        action="append",
        default=[],
        metavar="NAME",
        help="a value that becomes a claim, for schemes that accept any; may be repeated",
    )


def signer_of(
    scheme: Scheme,
    options: argparse.Namespace,
    keyring: Keyring,
    clock: Callable[[], float] = time.time,
) -> Signer:
    """Return the signer of the options.

    Raises:
        ConfigurationError: An option or a setting is missing or invalid, or the key does not fit.
    """
    return Signer(
        scheme,
        keyring,
        settings=settings_of(scheme, options),
        environment=options.environment,
        lifetime=options.lifetime,
        claims=options.claim,
        clock=clock,
    )


def run(options: argparse.Namespace) -> int:
    """Print the tokens.

    Raises:
        CountermarkError: Something is missing or invalid.
    """
    scheme = named_scheme(options.scheme)
    show = _json if options.json else _token
    if options.ids is None:
        signer = signer_of(scheme, options, keyring_of(scheme, options))
        print(show(signer.issue(principal_of(scheme, options, options.id))))
        return 0
    lines = lines_of(options.ids, "--ids", options)
    signer = signer_of(scheme, options, keyring_of(scheme, options))
    for number, line in enumerate(lines, 1):
        try:
            signed = signer.issue(principal_of(scheme, options, _text(line)))
        except InvalidPrincipal as error:
            raise InvalidPrincipal(f"--ids, line {number}: {error}", code=error.code) from None
        print(show(signed))
    return 0


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        pass  # its message quotes the line
    raise InvalidPrincipal("the id is not UTF-8 text; convert the file", code="principal_surrogate")


def _token(signed: SignedIdentity) -> str:
    return signed.token


def _json(signed: SignedIdentity) -> str:
    return json.dumps(
        {
            "scheme": signed.scheme,
            "token": signed.token,
            "header": signed.header,
            "key_id": signed.key_id,
            "fields": signed.fields,
            "expires_at": signed.expires_at,
        }
    )

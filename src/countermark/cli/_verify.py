"""``countermark verify``: a token, checked with the keys of a keyring."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from countermark.cli._arguments import Commands, whole_number
from countermark.cli._inputs import content_of, without_newline
from countermark.cli._principal_options import add_principal_options, principal_of
from countermark.cli._scheme_argument import add_scheme_arguments, named_scheme, settings_of
from countermark.cli._secrets import add_secret_option, keyring_of
from countermark.errors import REFUSALS
from countermark.principal import Principal
from countermark.schemes._scheme import Scheme
from countermark.tokens._reader import MAX_TOKEN

if TYPE_CHECKING:
    from countermark.verifying import TokenCheck, Verifier

_EPILOG = """\
examples:
  countermark verify stigg < token.txt
  countermark verify cognito-flow --id customer-demo-01 --token-file token.txt --json
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "verify",
        help="verify a token",
        description="Verify a token, and print the id that it proves. The reason for an invalid"
        " token is on standard error, after its code, and the exit code is 1. The token is read"
        " from standard input, because other users of the machine can see arguments.",
        epilog=_EPILOG,
    )
    add_scheme_arguments(parser)
    add_secret_option(parser)
    parser.add_argument(
        "--token-file",
        default="-",
        metavar="FILE",
        help="read the token from FILE (default: -, standard input); a newline at the end is"
        " dropped",
    )
    parser.add_argument(
        "--id", help="the claimed id: required if tokens do not contain it, otherwise compared"
    )
    add_principal_options(parser)
    parser.add_argument(
        "--environment",
        metavar="ENV",
        help="the environment, such as live; a key of another one is refused",
    )
    parser.add_argument(
        "--leeway",
        type=whole_number(0),
        default=10,
        metavar="SECONDS",
        help="the tolerated difference of the clocks (default: 10)",
    )
    parser.add_argument(
        "--max-age",
        type=whole_number(1),
        metavar="SECONDS",
        help="the maximum age, for tokens with a time of issue",
    )
    parser.add_argument(
        "--allow-short-secret",
        action="store_true",
        help="accept a secret of fewer than 32 bytes, with a warning",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print an object: whether the token is valid, the code, the id, the claims, the key"
        " and the expiry",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the identity: 0 if the token is valid, otherwise 1.

    Raises:
        CountermarkError: An option, the secret or a setting is missing or invalid.
    """
    scheme = named_scheme(options.scheme)
    principal = _claimed(scheme, options)
    token = content_of(options.token_file, "--token-file", options, 4 * MAX_TOKEN + 2)
    verifier = _verifier(scheme, options)
    check = verifier.check(without_newline(token), principal)
    if options.json:
        print(json.dumps(_as_dict(scheme, check)))
    elif check.identity is None:
        print(f"{check.code}: {REFUSALS[check.code]}", file=sys.stderr)
    else:
        print(check.identity.principal_id or (principal.label if principal else ""))
    return 1 if check.identity is None else 0


def _verifier(scheme: Scheme, options: argparse.Namespace) -> Verifier:
    from countermark.verifying import Verifier

    return Verifier(
        scheme,
        keyring_of(scheme, options),
        settings=settings_of(scheme, options),
        environment=options.environment,
        leeway=options.leeway,
        max_age=options.max_age,
        allow_short_secret=options.allow_short_secret,
    )


def _claimed(scheme: Scheme, options: argparse.Namespace) -> Principal | None:
    """Return the principal that the options claim, or None."""
    if not any((options.id is not None, options.email, options.phone)):
        return None
    return principal_of(scheme, options, options.id)


def _as_dict(scheme: Scheme, check: TokenCheck) -> dict[str, Any]:
    identity = check.identity
    return {
        "scheme": scheme.slug,
        "valid": identity is not None,
        "code": check.code,
        "reason": REFUSALS.get(check.code),
        "principal_id": identity and identity.principal_id,
        "claims": identity and dict(identity.claims),
        "key_id": check.key_id,
        "role": check.role,
        "expires_at": identity and identity.expires_at,
    }

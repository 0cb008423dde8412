"""``countermark request``: requests to a service that verifies tokens or webhooks, for curl."""

from __future__ import annotations

import argparse
import time
import warnings
from typing import TYPE_CHECKING
from urllib.parse import quote as percent_encoded

from countermark.cli._arguments import Commands, whole_number
from countermark.cli._curl import checked_url, curl_command
from countermark.cli._principal_options import add_principal_options, principal_of
from countermark.cli._scheme_argument import (
    add_scheme_arguments,
    named_scheme,
    refuse_options,
    settings_of,
    webhook_scheme_of,
)
from countermark.cli._secrets import add_secret_option, keyring_of
from countermark.cli._sign import add_signer_options, signer_of
from countermark.errors import ConfigurationError
from countermark.keys import Keyring
from countermark.principal import Principal
from countermark.schemes._scheme import Scheme

if TYPE_CHECKING:
    from countermark.verifying import TokenCheck, Verifier
    from countermark.verifying._locations import Location

# The lifetime in seconds of the expired token if the scheme has no default.
_LIFETIME = 60
# How long that token has been expired, in seconds: more than any tolerance of clocks.
_EXPIRED_FOR = 86_400
# The options that a webhook does not take.
_OF_TOKENS = (
    "setting", "id", "email", "phone", "name", "created", "attribute", "environment", "lifetime",
    "claim", "token", "claimed_id", "max_age",
)  # fmt: skip

_EPILOG = """\
examples:
  countermark request stigg http://127.0.0.1:8000/ --id customer-demo-01
  countermark request cognito-flow http://127.0.0.1:8000/ --id customer-demo-01 \\
      --token header:X-Signature --claimed-id query:customerReference
  countermark request webhook:standard-webhooks http://127.0.0.1:8000/hooks --body event.json
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "request",
        help="print curl commands that try a service that verifies tokens or webhooks",
        description="Print a curl command for each of four tokens or webhooks: valid, expired,"
        " tampered with, and signed with another secret. A comment has the expected status; in the"
        " mode monitor, a service allows all tokens. The valid token is a credential of the user."
        " A webhook is named webhook:NAME, and needs --body.",
        epilog=_EPILOG,
    )
    add_scheme_arguments(parser)
    parser.add_argument("url", metavar="URL", help="the URL to request, with http or https")
    add_secret_option(parser)
    parser.add_argument("--id", help="the user's id")
    add_principal_options(parser)
    add_signer_options(parser)
    parser.add_argument(
        "--token",
        type=_place,
        metavar="PLACE",
        help="where the service reads the token: header:NAME, query:NAME or cookie:NAME. The"
        " default is the scheme's request header, if it has one",
    )
    parser.add_argument(
        "--claimed-id",
        type=_place,
        metavar="PLACE",
        help="where the service reads the claimed id, if tokens do not contain it",
    )
    parser.add_argument(
        "--max-age",
        type=whole_number(1),
        metavar="SECONDS",
        help="the service's maximum age, for tokens with a time of issue",
    )
    parser.add_argument(
        "--body", metavar="FILE", help="the body of a webhook, which curl sends as it is"
    )
    parser.add_argument(
        "--base-url",
        metavar="URL",
        help="the public URL of the service before the path, for webhooks whose URL is signed. The"
        " default is that of the requested URL",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the commands.

    Raises:
        CountermarkError: Something is missing or invalid.
    """
    webhook = webhook_scheme_of(options)
    if webhook is not None:
        from countermark.cli._request_webhook import print_deliveries

        refuse_options(options, _OF_TOKENS, "tokens; a webhook takes --body")
        print_deliveries(webhook, options, _EXPIRED_FOR)
        return 0
    refuse_options(options, ("body", "base_url"), "webhooks; pass webhook:NAME as SCHEME")
    scheme = named_scheme(options.scheme)
    url = checked_url(options.url)
    keyring = keyring_of(scheme, options)
    principal = principal_of(scheme, options, options.id)
    verifier = _verifier(scheme, options, keyring)
    place = _token_place(scheme, options)
    if verifier.needs_principal and options.claimed_id is None:
        raise ConfigurationError(
            f"{scheme.slug}: its tokens do not contain the id; pass --claimed-id PLACE, such as"
            " --claimed-id query:id"
        )
    claimed = None if options.claimed_id is None else principal
    print(f"# {scheme.name}: the expected statuses of a service in the mode enforce")
    for title, token in _samples(scheme, options, keyring, principal).items():
        if token is None:
            print(f"\n# {title}: the tokens of this scheme do not expire")
            continue
        carried = [(place, token)]
        if options.claimed_id is not None:
            carried.append((options.claimed_id, principal.label))
        print(f"\n# {title}: {_expected(verifier.check(token, claimed))}\n{_curl(url, carried)}")
    return 0


def _expected(check: TokenCheck) -> str:
    if check.identity is not None:
        return "200, or another status of the service"
    return f"401, {check.code}"


def _verifier(scheme: Scheme, options: argparse.Namespace, keyring: Keyring) -> Verifier:
    from countermark.verifying import Verifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the signer of the same keys warns
        return Verifier(
            scheme,
            keyring,
            settings=settings_of(scheme, options),
            environment=options.environment,
            max_age=options.max_age,
            allow_short_secret=True,
        )


def _samples(
    scheme: Scheme, options: argparse.Namespace, keyring: Keyring, principal: Principal
) -> dict[str, str | None]:
    """Return tokens by their titles; None: the scheme has no such token."""
    from countermark.cli._new_secrets import new_secret
    from countermark.testing import tampered

    valid = signer_of(scheme, options, keyring).sign(principal)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the first signer has warned
        # The key is of no particular environment.
        foreign = Keyring(new_secret(scheme).strip())
        elsewhere = argparse.Namespace(**{**vars(options), "environment": None})
        return {
            "valid": valid,
            "expired": _expired(scheme, options, keyring, principal),
            "tampered with": tampered(valid),
            "signed with another secret": signer_of(scheme, elsewhere, foreign).sign(principal),
        }


def _expired(
    scheme: Scheme, options: argparse.Namespace, keyring: Keyring, principal: Principal
) -> str | None:
    lifetime = options.lifetime or scheme.lifetime or _LIFETIME if scheme.expires else None
    age = max(lifetime or 0, options.max_age or 0)
    if not age:
        return None
    changed = argparse.Namespace(**{**vars(options), "lifetime": lifetime})
    signer = signer_of(scheme, changed, keyring, lambda: time.time() - age - _EXPIRED_FOR)
    return signer.sign(principal)


def _place(text: str) -> Location:
    from countermark.verifying import from_cookie, from_header, from_query

    places = {"header": from_header, "query": from_query, "cookie": from_cookie}
    kind, _, name = text.partition(":")
    if kind not in places or not name:
        raise argparse.ArgumentTypeError("give header:NAME, query:NAME or cookie:NAME")
    try:
        return places[kind](name)
    except ConfigurationError:
        pass
    raise argparse.ArgumentTypeError(f"the name is not valid for a {kind}")


def _token_place(scheme: Scheme, options: argparse.Namespace) -> Location:
    if options.token is not None:
        place: Location = options.token
        return place
    if scheme.request_header is not None:
        from countermark.verifying import from_header

        return from_header(scheme.request_header)
    raise ConfigurationError(
        f"{scheme.slug} has no request header; pass --token PLACE as for token= of the middleware,"
        " such as --token header:X-Token"
    )


def _curl(url: str, carried: list[tuple[Location, str]]) -> str:
    words: list[str] = []
    for location, value in carried:
        if location.kind == "query":
            joint = "&" if "?" in url else "?"
            url += f"{joint}{percent_encoded(location.name, '')}={percent_encoded(value, '')}"
        elif location.kind == "cookie":
            words += ["--cookie", f"{location.name}={_cookie_value(value)}"]
        else:
            words += ["--header", f"{location.name}: {value}"]
    return curl_command(words, url)


def _cookie_value(value: str) -> str:
    from http.cookies import SimpleCookie

    cookie = SimpleCookie()
    cookie["name"] = value
    return cookie["name"].coded_value

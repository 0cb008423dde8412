"""The principal of a command: options for the values that schemes sign."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from countermark.cli._scheme_argument import pair
from countermark.errors import ConfigurationError
from countermark.principal import Principal
from countermark.schemes._scheme import Scheme


def add_principal_options(parser: ArgumentParser) -> None:
    """Add the options for the values other than the id."""
    parser.add_argument("--email", metavar="ADDRESS", help="the user's e-mail address")
    parser.add_argument("--phone", metavar="NUMBER", help="the user's phone number")
    parser.add_argument("--name", help="the user's name")
    parser.add_argument(
        "--created", type=_seconds, metavar="SECONDS", help="the time of sign-up, since the epoch"
    )
    parser.add_argument(
        "--attribute",
        type=pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another value that the scheme signs; may be repeated. A value that is not a text in"
        " the scheme, such as a list, is JSON",
    )


def principal_of(scheme: Scheme, options: Namespace, id: str | None) -> Principal:
    """Return the principal of the options.

    Raises:
        InvalidPrincipal: A value cannot be signed, or nothing identifies the user.
        ConfigurationError: An attribute is not JSON.
    """
    return Principal(
        id,
        email=options.email,
        phone=options.phone,
        name=options.name,
        created=options.created,
        attributes={name: _value(scheme, name, text) for name, text in options.attribute},
    )


def _value(scheme: Scheme, name: str, text: str) -> Any:
    if scheme.rule(name).kind == "text":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass  # its message quotes the text
    raise ConfigurationError(
        f"--attribute: this value is of type {scheme.rule(name).kind} in {scheme.slug}; give JSON"
    )


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError("give a number of seconds since the epoch") from None

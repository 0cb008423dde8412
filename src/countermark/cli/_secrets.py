"""The secrets of commands: from environment variables, or from a file descriptor.

Arguments cannot hold them, because other users of the machine can see those.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from countermark._redaction import guarded
from countermark.cli._arguments import whole_number
from countermark.errors import ConfigurationError, InvalidKey
from countermark.keys._keyring import Keyring
from countermark.schemes._scheme import Scheme

if TYPE_CHECKING:
    from countermark.webhooks import WebhookScheme

# A PEM key of RSA with 16,384 bits has 13 kB.
_LONGEST = 64 * 1024


def add_secret_option(parser: ArgumentParser) -> None:
    """Add ``--secret-fd`` to the options of a command."""
    parser.add_argument(
        "--secret-fd",
        type=_descriptor,
        metavar="N",
        help="read the secret from file descriptor N to its end; a newline at the end is dropped."
        " The default is the scheme's environment variable, with its _FILE, _PREVIOUS and _NEXT",
    )


@guarded
def keyring_of(scheme: Scheme, options: Namespace) -> Keyring:
    """Return the keys that sign and verify for *scheme*.

    Args:
        scheme: The scheme, which names the environment variable.
        options: The parsed options of a command that has called ``add_secret_option``.

    Raises:
        InvalidKey: The secret is missing or invalid, or the descriptor cannot be read.
        ConfigurationError: Neither the scheme nor an option names a source of the secret.
    """
    return keyring_from(scheme.slug, scheme.variable, options)


@guarded
def keyring_from(slug: str, variable: str, options: Namespace) -> Keyring:
    """Return the keys of a scheme by its name and its environment variable, as ``keyring_of``."""
    if options.secret_fd is not None:
        return Keyring(_read(options.secret_fd))
    if not variable:
        raise ConfigurationError(
            f"{slug} names no environment variable for its secret; pass --secret-fd N"
        )
    return Keyring.from_env(variable)


@guarded
def webhook_keys_of(
    scheme: WebhookScheme, variable: str, options: Namespace
) -> Keyring | dict[str, Keyring]:
    """Return the keys of a webhook format in a variable, by key id if the vendor names its keys.

    Raises:
        InvalidKey: As for ``keyring_of``.
        ConfigurationError: As for ``keyring_of``, or the variable of the key id is not set.
    """
    ring, id_variable = keyring_from(scheme.slug, variable, options), scheme.secret.key_id_variable
    if not id_variable:
        return ring
    key_id = os.environ.get(id_variable, "")
    if not key_id:
        raise ConfigurationError(
            f"the environment variable {id_variable} is not set; set it to the id of the key"
        )
    return {key_id: ring}


def _descriptor(text: str) -> int:
    number = whole_number(0, 65_535)(text)
    if number in {1, 2}:
        raise ArgumentTypeError("standard output and standard error hold no secret")
    return number


def _read(descriptor: int) -> str:
    try:
        with os.fdopen(descriptor, "rb", closefd=descriptor != 0) as file:
            content = file.read(_LONGEST + 1)
        if len(content) <= _LONGEST:
            return content.decode().removesuffix("\n").removesuffix("\r")
        reason = f"it has more than {_LONGEST // 1024} kB"
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except OSError as error:
        reason = str(error.strerror)
    raise InvalidKey(
        f"--secret-fd: the file descriptor cannot be read: {reason}; redirect a file or a pipe to"
        " it, such as 3<secret.txt"
    )

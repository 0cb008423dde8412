"""The options of commands that read or change what workers share in Redis."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from countermark.cli._arguments import share, whole_number
from countermark.errors import ConfigurationError
from countermark.rollout._snapshot import MOST_DAYS

if TYPE_CHECKING:
    from countermark.redis import RedisStore

_VARIABLE = "COUNTERMARK_REDIS_URL"


def add_store_options(parser: ArgumentParser) -> None:
    """Add ``--redis`` and ``--prefix`` to a command."""
    parser.add_argument(
        "--redis",
        metavar="URL",
        help=f"the URL of the store. Set {_VARIABLE} instead if the URL has a password:"
        " other users of the machine can see command-line arguments",
    )
    parser.add_argument("--prefix", default="countermark:", help="the prefix of the store")


def add_readiness_options(parser: ArgumentParser) -> None:
    """Add ``--days`` and ``--least`` to a command."""
    parser.add_argument(
        "--days",
        type=whole_number(1, MOST_DAYS),
        default=7,
        help=f"whole days, in addition to today, up to {MOST_DAYS} (default: 7)",
    )
    parser.add_argument(
        "--least",
        type=share,
        default="99.9",
        help="the required percentage of verified requests (default: 99.9)",
    )


def store_of(options: Namespace) -> RedisStore:
    """Return the store that the options name.

    Raises:
        ConfigurationError: The URL is missing or invalid.
    """
    from countermark.redis import RedisStore

    url = options.redis or os.environ.get(_VARIABLE)
    if not url:
        raise ConfigurationError(f"no URL of Redis; pass --redis URL or set {_VARIABLE}")
    # A long timeout is fine, as no request waits for this.
    return RedisStore(url, prefix=options.prefix, timeout=5)

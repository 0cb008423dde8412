"""The scheme of a command, and the account's constants for it."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from countermark.errors import ConfigurationError, InvalidScheme, UnknownScheme
from countermark.schemes._catalogue import scheme_slugs
from countermark.schemes._scheme import Scheme
from countermark.tokens._options import settings_from_env

if TYPE_CHECKING:
    from countermark.webhooks import WebhookScheme

T = TypeVar("T")

_WEBHOOK = "webhook:"


def add_scheme_arguments(parser: ArgumentParser) -> None:
    """Add the argument SCHEME and the option ``--setting`` to a command."""
    parser.add_argument(
        "scheme",
        metavar="SCHEME",
        help="the name of a scheme (see countermark schemes), or the path of a TOML file",
    )
    parser.add_argument(
        "--setting",
        type=pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a constant of your account, such as an app id; may be repeated. The default is the"
        " scheme's environment variable for it",
    )


def scheme_of(options: Namespace) -> Scheme:
    """Return the scheme that the argument names.

    Raises:
        UnknownScheme: The catalogue has no scheme of that name.
        InvalidScheme: The file is not a scheme.
        ConfigurationError: The file cannot be read.
    """
    return named_scheme(options.scheme)


def named_scheme(name: str) -> Scheme:
    """Return the scheme of a name or of the path of a TOML file; raises as :func:`scheme_of`."""
    if path_in(name) is None:
        try:
            return Scheme.load(name)
        except UnknownScheme as error:
            raise _with_hint(error, name) from None
    try:
        return _read(Scheme.from_toml, name)
    except InvalidScheme:
        if _is_webhook_scheme(name):
            raise ConfigurationError(
                f"the file is a webhook scheme; put {_WEBHOOK} before its path"
            ) from None
        raise


def named_webhook_scheme(name: str) -> WebhookScheme:
    """Return the webhook scheme of a name or a path, after ``webhook:``.

    Raises:
        UnknownScheme: The catalogue has no webhook scheme of that name.
        InvalidScheme: The file is not a webhook scheme.
        ConfigurationError: The file cannot be read.
    """
    from countermark.webhooks import WebhookScheme

    name = name.removeprefix(_WEBHOOK)
    return _read(WebhookScheme.from_toml, name) if path_in(name) else WebhookScheme.load(name)


def path_in(name: str) -> str | None:
    """Return *name* if it is the path of a file, and None if it is a name of the catalogue."""
    return name if name.endswith(".toml") else None


def _read(read: Callable[[str], T], path: str) -> T:
    try:
        return read(path)
    except (OSError, ValueError) as error:  # a ValueError: the path has a NUL character
        reason = getattr(error, "strerror", None) or "the path is invalid"
    raise ConfigurationError(f"the file of the scheme cannot be read: {reason}; correct the path")


def _is_webhook_scheme(path: str) -> bool:
    try:
        named_webhook_scheme(path)
    except InvalidScheme:
        return False
    return True


def _with_hint(error: UnknownScheme, name: str) -> UnknownScheme:
    """Return *error*, with a hint if only a webhook scheme has the name."""
    from countermark.webhooks._scheme import webhook_scheme_slugs

    if name in webhook_scheme_slugs():
        return UnknownScheme(f"{error}; {_WEBHOOK}{name} is a webhook scheme")
    return error


def webhook_scheme_of(options: Namespace) -> WebhookScheme | None:
    """Return the webhook format that the argument names; None: it names another scheme.

    ``webhook:`` may be left out if no other scheme has the name.

    Raises:
        UnknownScheme: The catalogue has no webhook format of that name.
        InvalidScheme: The file is not a webhook scheme.
        ConfigurationError: The file cannot be read.
    """
    from countermark.webhooks._scheme import webhook_scheme_slugs

    name: str = options.scheme
    if name.startswith(_WEBHOOK) or (name in webhook_scheme_slugs() and name not in scheme_slugs()):
        return named_webhook_scheme(name)
    return None


def refuse_options(options: Namespace, names: Iterable[str], reason: str) -> None:
    """Refuse the options that the kind of the scheme does not have.

    Raises:
        ConfigurationError: One of them is given; *reason* completes "--name is an option for".
    """
    for name in names:
        if getattr(options, name):
            option = name.replace("_", "-")
            raise ConfigurationError(f"--{option} is an option for {reason}")


def settings_of(scheme: Scheme, options: Namespace) -> dict[str, str]:
    """Return the constants given by ``--setting`` and by the scheme's variables."""
    return settings_from_env(scheme, dict(options.setting))


def pair(text: str) -> tuple[str, str]:
    """Return the two parts of ``name=value``, for argparse."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ArgumentTypeError("give NAME=VALUE")
    return name, value

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

#: The beginning of the names and paths of webhook schemes.
WEBHOOK = "webhook:"


def add_scheme_argument(parser: ArgumentParser, *, webhooks: bool = False) -> None:
    """Add the argument SCHEME to a command, for schemes of tokens or, with *webhooks*, for all."""
    parser.add_argument(
        "scheme",
        metavar="SCHEME",
        help="the name of a scheme (see countermark schemes), the path of a TOML file, or webhook:"
        " and the name or the path of a webhook scheme"
        if webhooks
        else "the name of a scheme (see countermark schemes), or the path of a TOML file",
    )


def add_scheme_arguments(parser: ArgumentParser) -> None:
    """Add the argument SCHEME and the option ``--setting`` to a command."""
    add_scheme_argument(parser)
    parser.add_argument(
        "--setting",
        type=pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a constant of your account, such as an app id; may be repeated. The default is the"
        " scheme's environment variable for it",
    )


def named_scheme(name: str) -> Scheme:
    """Return the scheme of a name or of the path of a TOML file.

    Raises:
        UnknownScheme: The catalogue has no scheme of that name.
        InvalidScheme: The file is not a scheme.
        ConfigurationError: The file cannot be read, or has a webhook scheme.
    """
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
                f"the file is a webhook scheme; put {WEBHOOK} before its path"
            ) from None
        raise


def named_webhook_scheme(name: str) -> WebhookScheme | None:
    """Return the webhook scheme of a name or path after ``webhook:``; None: it begins otherwise.

    Raises:
        UnknownScheme: The catalogue has no webhook scheme of that name.
        InvalidScheme: The file is not a webhook scheme.
        ConfigurationError: The file cannot be read.
    """
    if not name.startswith(WEBHOOK):
        return None
    from countermark.webhooks import WebhookScheme

    path = path_in(name)
    if path is None:
        return WebhookScheme.load(name.removeprefix(WEBHOOK))
    return _read(WebhookScheme.from_toml, path)


def path_in(name: str) -> str | None:
    """Return the path that *name* is or has after ``webhook:``; None: a name of the catalogue."""
    return name.removeprefix(WEBHOOK) if name.endswith(".toml") else None


def _read(read: Callable[[str], T], path: str) -> T:
    try:
        return read(path)
    except (OSError, ValueError) as error:  # a ValueError: the path has a NUL character
        reason = getattr(error, "strerror", None) or "the path is invalid"
    raise ConfigurationError(f"the file of the scheme cannot be read: {reason}; correct the path")


def _is_webhook_scheme(path: str) -> bool:
    try:
        named_webhook_scheme(WEBHOOK + path)
    except InvalidScheme:
        return False
    return True


def _with_hint(error: UnknownScheme, name: str) -> UnknownScheme:
    """Return *error*, with a hint if only a webhook scheme has the name."""
    from countermark.webhooks._scheme import webhook_scheme_slugs

    if name in webhook_scheme_slugs():
        return UnknownScheme(f"{error}; {WEBHOOK}{name} is a webhook scheme")
    return error


def webhook_scheme_of(options: Namespace) -> WebhookScheme | None:
    """Return the webhook format that the argument SCHEME names; None: it names another scheme.

    ``webhook:`` may be left out if no other scheme has the name.

    Raises:
        UnknownScheme: The catalogue has no webhook format of that name.
        InvalidScheme: The file is not a webhook scheme.
        ConfigurationError: The file cannot be read.
    """
    from countermark.webhooks._scheme import webhook_scheme_slugs

    name: str = options.scheme
    if name in webhook_scheme_slugs() and name not in scheme_slugs():
        name = WEBHOOK + name
    return named_webhook_scheme(name)


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

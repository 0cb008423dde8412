"""``countermark rotate``: the steps in which a scheme gets a new secret."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from countermark.cli._arguments import Commands
from countermark.cli._scheme_argument import named_scheme
from countermark.errors import ConfigurationError

_WEBHOOK = "webhook:"

_EPILOG = """\
examples:
  countermark rotate stigg
  countermark rotate cognito-flow --environment live --watched
  countermark rotate webhook:standard-webhooks
"""


class _Facts(NamedTuple):
    """The facts of the catalogue on which a rotation depends."""

    slug: str
    variable: str
    is_chosen: bool
    prefixes: tuple[str, ...]
    lifetime: int | None
    expires: bool
    has_private_key: bool
    is_webhook: bool


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "rotate",
        help="print the steps of replacing a secret",
        description="Print the steps in which a scheme gets a new secret, in an order in which no"
        " valid token is refused. Nothing is read or changed: no secret, no store, no vendor.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "scheme",
        metavar="SCHEME",
        help="the name of a scheme (see countermark schemes), the path of a TOML file, or webhook:"
        " and the name of a webhook scheme",
    )
    parser.add_argument("--environment", metavar="ENV", help="the environment, such as live")
    parser.add_argument(
        "--watched",
        action="store_true",
        help="the services watch the files of their secrets (WatchedKeyring, watch=True), so they"
        " need no restart",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the steps.

    Raises:
        ConfigurationError: The scheme names no variable, or no secret of it is of the environment.
    """
    facts = _facts(options)
    where = f" in {options.environment}" if options.environment else ""
    print(f"A new secret for {facts.slug}{where}, in {facts.variable}:\n")
    for number, step in enumerate(_steps(facts, options), 1):
        text = f"{number}. {step}"
        # Names of schemes and variables stay whole.
        print(textwrap.fill(text, 96, subsequent_indent="   ", break_on_hyphens=False))
    return 0


def _facts(options: argparse.Namespace) -> _Facts:
    from countermark.webhooks import WebhookScheme

    name: str = options.scheme
    if name.startswith(_WEBHOOK):
        webhook = WebhookScheme.load(name.removeprefix(_WEBHOOK))
        rule = webhook.secret
        facts = _Facts(name, rule.variable, rule.is_chosen, (), None, False, False, is_webhook=True)
    else:
        scheme = named_scheme(name)
        shown = scheme.environments
        if shown and options.environment is not None and options.environment not in shown:
            raise ConfigurationError(
                f"{scheme.slug}: its secrets show their environment, which is one of"
                f" {', '.join(shown)}; pass one of them to --environment"
            )
        facts = _Facts(
            scheme.slug,
            scheme.variable,
            scheme.secret_is_chosen,
            tuple(shown.get(options.environment, ())),
            scheme.lifetime,
            scheme.expires,
            scheme.jwt is not None and not scheme.jwt.algorithm.startswith("HS"),
            is_webhook=False,
        )
    if not facts.variable:
        raise ConfigurationError(
            f"{facts.slug} names no environment variable for its secret; see docs/rotation.md for"
            " keyrings in code"
        )
    return facts


def _steps(facts: _Facts, options: argparse.Namespace) -> Iterator[str]:
    name = facts.variable
    use = _Use(options.watched)
    kind = "public key" if facts.has_private_key else "secret"
    yield _new_secret(facts, options.environment)
    yield (
        f"Services that verify: {use.put(f'{name}_NEXT', f'the new {kind}')} Go on when all of them"
        " accept it: a token that is signed with it must be accepted everywhere."
    )
    if facts.is_webhook:
        yield (
            "Make the vendor sign with the new secret. Deliveries with either secret are accepted"
            " now."
        )
    else:
        yield (
            f"Make the vendor accept the new {kind}. The catalogue does not say whether it accepts"
            " two at a time: see its documentation. If it accepts one, it refuses tokens from here"
            " until the services that sign have changed, so do the next step at once."
        )
        key = "private key" if facts.has_private_key else "secret"
        yield (
            f"Services that sign: {use.put(name, f'the new {key}')} New tokens are signed with it."
            f" Signing needs neither {name}_NEXT nor {name}_PREVIOUS."
        )
    yield f"Services that verify: {use.promote(name, kind)}"
    yield _waiting(facts, kind, options.environment)
    yield f"Services that verify: {use.remove(f'{name}_PREVIOUS')}"
    yield f"Withdraw the old {kind} at the vendor, and delete it where it is stored."


class _Use:
    """The words for a change of a variable."""

    def __init__(self, watched: bool) -> None:
        self._watched = watched

    def put(self, variable: str, value: str) -> str:
        if self._watched:
            return (
                f"write {value} to the file of {variable}_FILE, by replacing the file. The event"
                " rotated reports the ids of the keys in use."
            )
        return f"set {variable} to {value}, and restart them."

    def promote(self, variable: str, kind: str) -> str:
        if self._watched:
            return (
                f"write the old {kind} to the file of {variable}_PREVIOUS_FILE, then the new one"
                f" to that of {variable}_FILE, and then remove that of {variable}_NEXT_FILE; or"
                " replace all three at once, as Kubernetes does."
            )
        return (
            f"set {variable} to the new {kind} and {variable}_PREVIOUS to the old one, remove"
            f" {variable}_NEXT, and restart them."
        )

    def remove(self, variable: str) -> str:
        if self._watched:
            return f"remove the file of {variable}_FILE. The event rotated reports it."
        return f"remove {variable}, and restart them."


def _new_secret(facts: _Facts, environment: str | None) -> str:
    kept = "Leave the old one valid."
    if facts.has_private_key:
        return f"Make a new private key: countermark keygen {facts.slug}. {kept}"
    begins = f" It begins with {' or '.join(facts.prefixes)}." if facts.prefixes else ""
    if facts.is_chosen:
        option = f" --environment {environment}" if environment and facts.prefixes else ""
        return f"Make a new secret: countermark keygen {facts.slug}{option}.{begins} {kept}"
    return f"Let the vendor issue a new secret.{begins} {kept}"


def _waiting(facts: _Facts, kind: str, environment: str | None) -> str:
    if facts.is_webhook:
        return (
            "Wait until the vendor has no delivery left that it signed with the old secret and"
            " tries again. The result of each delivery has the role of its key: none is previous"
            " any more."
        )
    option = f" --environment {environment}" if environment else ""
    report = (
        f"countermark rollout --scheme {facts.slug}{option} shows whether requests still have"
        " tokens of the previous key."
    )
    if not facts.expires:
        return (
            f"Wait until no token of the old {kind} is in use. Tokens of this scheme do not expire:"
            f" pages that are open keep theirs until they are loaded again. {report}"
        )
    if facts.lifetime is None:
        return (
            f"Wait until no token of the old {kind} is in use: for the lifetime= that your signers"
            " give to tokens. Without one they do not expire, and pages that are open keep theirs"
            f" until they are loaded again. {report}"
        )
    return (
        f"Wait until the tokens of the old {kind} have expired: {facts.lifetime:,} seconds, unless"
        f" your signers set another lifetime=, and the leeway of the verifiers. {report}"
    )

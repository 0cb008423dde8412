"""``countermark explain``: the mistake that leads to a refused token or webhook."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from countermark.cli._arguments import Commands, whole_number
from countermark.cli._inputs import content_of
from countermark.cli._principal_options import add_principal_options, principal_of
from countermark.cli._scheme_argument import (
    add_scheme_arguments,
    named_scheme,
    pair,
    refuse_options,
    settings_of,
    webhook_scheme_of,
)
from countermark.cli._secrets import add_secret_option, keyring_of, webhook_keys_of
from countermark.keys._keyring import Keyring
from countermark.principal import Signable
from countermark.schemes._scheme import Scheme

if TYPE_CHECKING:
    from countermark.explain import Explanation, Mistake
    from countermark.webhooks import WebhookScheme

# A request with a large body. The token is far smaller.
_MOST = 4 << 20

# The options that a webhook does not take.
_OF_TOKENS = (
    "setting", "id", "email", "phone", "name", "created", "attribute", "environment",
    "other_environment", "max_age",
)  # fmt: skip

_EPILOG = """\
examples:
  countermark explain stigg --id customer-demo-01 < token.txt
  countermark explain intercom-hmac < curl.txt
  countermark explain webhook:github < delivery.txt
  countermark explain webhook:twilio --base-url https://hooks.example.com < delivery.txt
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "explain",
        help="name the mistake that explains a refused token",
        description="Check a token or a webhook, and name the mistake that explains why it is"
        " refused: another secret, a newline in it, another spelling of the id, another encoding,"
        " and so on, alone and in pairs. Standard input holds the token, or the request as a curl"
        " command, as an entry of a HAR file or as text. The exit code is 0 if it is valid and 1"
        " if it is not. The signed text is shown on a terminal only, and no key or expected code"
        " ever.",
        epilog=_EPILOG,
    )
    add_scheme_arguments(parser)
    add_secret_option(parser)
    parser.add_argument(
        "--input",
        default="-",
        metavar="FILE",
        help="read the token or the request from FILE (default: -, standard input)",
    )
    parser.add_argument("--id", help="the id that the token should be for")
    add_principal_options(parser)
    parser.add_argument("--environment", metavar="ENV", help="the environment, such as live")
    parser.add_argument(
        "--other-environment",
        type=pair,
        action="append",
        default=[],
        metavar="ENV=VARIABLE",
        help="another environment, and the environment variable with its secret; may be repeated",
    )
    parser.add_argument(
        "--max-age",
        type=whole_number(1),
        metavar="SECONDS",
        help="the maximum age, for tokens with a time of issue (default: any)",
    )
    parser.add_argument(
        "--base-url",
        metavar="URL",
        help="the public URL before the path, for webhooks whose URL is signed",
    )
    parser.add_argument(
        "--now",
        type=whole_number(0),
        metavar="SECONDS",
        help="the time of the check, since the epoch (default: the current time)",
    )
    parser.add_argument("--json", action="store_true", help="print an object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the explanation: 0 if the token is valid, otherwise 1.

    Raises:
        CountermarkError: An option, the secret or a setting is missing or invalid.
    """
    webhook = webhook_scheme_of(options)
    found = _of_token(options) if webhook is None else _of_delivery(webhook, options)
    if options.json:
        print(json.dumps(_as_dict(found)))
    else:
        print("\n".join([*_lines(found), *_next_step(found, options, webhook)]))
    return 0 if found.outcome == "good" else 1


def _of_token(options: argparse.Namespace) -> Explanation:
    from countermark.explain import explain
    from countermark.explain._input import seen_token

    refuse_options(options, ("base_url",), "webhooks; pass webhook:NAME as SCHEME")
    scheme = named_scheme(options.scheme)
    keyring = keyring_of(scheme, options)
    token, seen = seen_token(scheme, content_of(options.input, "--input", options, _MOST))
    return explain(
        scheme,
        keyring,
        token,
        _principal(scheme, options, seen),
        settings=settings_of(scheme, options),
        environment=options.environment,
        other_environments={
            name: Keyring.from_env(variable) for name, variable in options.other_environment
        },
        max_age=options.max_age,
        clock=_clock(options),
    )


def _of_delivery(scheme: WebhookScheme, options: argparse.Namespace) -> Explanation:
    from countermark.explain import explain_webhook
    from countermark.explain._input import seen_delivery
    from countermark.webhooks._verify_tokens import verify_token_from_env

    refuse_options(
        options, _OF_TOKENS, "tokens; to try another secret of a webhook, set its variable"
    )
    keys = webhook_keys_of(scheme, scheme.secret.variable, options)
    delivery = seen_delivery(scheme, content_of(options.input, "--input", options, _MOST))
    return explain_webhook(
        scheme,
        keys,
        headers=delivery.headers,
        body=delivery.body,
        method=delivery.method,
        path=delivery.target,
        base_url=options.base_url,
        verify_token=verify_token_from_env(scheme),
        clock=_clock(options),
    )


def _clock(options: argparse.Namespace) -> Callable[[], float]:
    return time.time if options.now is None else lambda: float(options.now)


def _principal(
    scheme: Scheme, options: argparse.Namespace, seen: dict[str, str]
) -> Signable | None:
    """Return the principal of the options, and of the request where they leave it open."""
    for name in ("email", "phone", "name"):
        if getattr(options, name) is None:
            setattr(options, name, seen.get(name))
    id = seen.get("id") if options.id is None else options.id
    more = (options.email, options.phone, options.name, options.created, *options.attribute)
    if not any(value is not None for value in more):
        return id  # unchecked, as it may be the mistake
    return principal_of(scheme, options, id)


def _lines(found: Explanation) -> Iterator[str]:
    yield " ".join([f"{found.outcome}:", *found.codes]).removesuffix(":")
    yield from _texts(found.mistakes)
    for other in found.alternatives:
        yield f"or: {' '.join(mistake.code for mistake in other)}"
        yield from _texts(other)
    if found.outcome == "unexplained":
        yield "  No known mistake explains it, alone or with another one."
    for remark in found.remarks:
        yield f"  {remark.happened}"
        yield f"  {remark.change}"
    if found.signed is not None:
        shown = _visible(found.signed) if sys.stdout.isatty() else "shown on a terminal only"
        yield f"signed: {shown}"


def _next_step(
    found: Explanation, options: argparse.Namespace, webhook: WebhookScheme | None
) -> Iterator[str]:
    """Yield what to try if nothing was found, not even a remark."""
    if found.outcome == "unexplained" and not found.remarks:
        yield "  It may be signed with a secret that this command does not have."
        if webhook is None and not options.other_environment:
            yield "  Give those of other environments: --other-environment staging=STAGING_SECRET."


def _texts(mistakes: tuple[Mistake, ...]) -> Iterator[str]:
    for mistake in mistakes:
        yield f"  {mistake.happened}"
        yield f"  {mistake.change}"
        yield f"  See {mistake.page}"


def _visible(text: str) -> str:
    """Return *text* with the characters escaped that a terminal would act on."""
    return "".join(part if part.isprintable() else repr(part)[1:-1] for part in text)


def _as_dict(found: Explanation) -> dict[str, object]:
    return {
        "outcome": found.outcome,
        "mistakes": [mistake._asdict() for mistake in found.mistakes],
        "alternatives": [[one._asdict() for one in other] for other in found.alternatives],
        "remarks": [remark._asdict() for remark in found.remarks],
    }

"""The page of the command, made of its parser.

``python -m tests.project.command_page > docs/command.md``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from inspect import cleandoc
from textwrap import fill

from countermark.cli._main import command_parser

_HEAD = """\
# The command

The package installs the command `countermark`, for scripts and for tests of services in other
languages. This page is made of its parser, by `python -m tests.project.command_page >
docs/command.md`; `countermark COMMAND --help` prints the same.

```console
$ export STIGG_SIGNING_SECRET=$(countermark keygen stigg --for-tests)
$ countermark sign stigg --id customer-demo-01 > token.txt
$ countermark verify stigg < token.txt
customer-demo-01
$ echo HMAC-SHA256 customer-demo-01:0000 | countermark verify stigg
malformed: the token is malformed
```

**Exit codes.** 0: success. 1: a finding, such as an invalid token, or a rollout that is not ready
to enforce. 2: the command could not do its work, for instance because of a mistake in the options
or the configuration. One line on standard error gives the reason.

**Secrets** are never arguments, because other users of the machine can see those. They come from
the environment variables of the scheme, as in `Keyring.from_env`, or from a file descriptor:
`--secret-fd 3 3< secret.txt`. `verify` reads the token from standard input for the same reason.
The output of `sign` and `request` is a credential of the user, and `curl` shows the tokens and
signatures of `request` in its arguments: use users and secrets of tests on shared machines.

**Schemes** are names of the catalogue, or paths of TOML files ([your own](own-scheme.md)). Webhook
schemes are names and paths after `webhook:`, such as `webhook:stripe` and `webhook:acme.toml`.
`verify` takes no webhooks, because their signature covers a whole request: `explain` reads a whole
request and checks its signature, and `request` makes one. In code, use
[`verify_webhook`](webhooks.md).

**Completion** of commands, options and schemes: `pip install 'countermark[completion]'`, then see
[below](#countermark-completion).
"""


def page() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_sections(command_parser())])


def _sections(parser: argparse.ArgumentParser, prefix: str = "") -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            titles = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                yield from _section(prefix + name, titles[name], command)
                yield from _sections(command, f"{prefix}{name} ")


def _section(name: str, title: str, command: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## countermark {name}\n"
    description = command.description or f"{title[:1].upper()}{title[1:]}."
    yield f"{fill(description, 100, break_on_hyphens=False)}\n"
    rows = [
        _row(action)
        for action in command._actions
        if action.dest != "help" and not isinstance(action, argparse._SubParsersAction)
    ]
    if rows:
        yield "\n".join(["| argument | meaning |", "|---|---|", *rows, ""])
    if command.epilog:
        yield f"```sh\n{cleandoc(command.epilog.removeprefix('examples:'))}\n```\n"


def _row(action: argparse.Action) -> str:
    value = action.metavar or (f"{{{','.join(action.choices)}}}" if action.choices else None)
    named = str(value or action.dest.upper())
    words = [", ".join(action.option_strings) or f"{named}"]
    if action.option_strings and action.nargs != 0:
        words.append(named)
    help = (action.help or "") % {**vars(action), "prog": "countermark"}
    cells = [cell.replace("|", "\\|") for cell in (f"`{' '.join(words)}`", help)]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page())

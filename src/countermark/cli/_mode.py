"""``countermark mode``: the mode that the workers of a fleet follow."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from countermark.cli._arguments import Commands, whole_number
from countermark.cli._scheme_argument import add_scheme_argument, named_scheme
from countermark.cli._store import add_readiness_options, add_store_options, store_of
from countermark.errors import ConfigurationError, ModeNotSet, StoreUnavailable

if TYPE_CHECKING:
    from countermark.rollout._mode_control import ModeChange
    from countermark.schemes._scheme import Scheme
    from countermark.verifying._mode_values import ModeValue

_EPILOG = """\
examples:
  countermark mode set stigg monitor --environment live
  countermark mode set stigg enforce --environment live --percent 10 --reason 'no complaints at 1'
  countermark mode set stigg enforce --environment live --if-ready
  countermark mode set stigg monitor --environment live --tenant acme --reason 'old client'
  countermark mode set stigg default --environment live --tenant acme
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "mode",
        help="show or set the mode that a fleet follows",
        description="Show or set the mode in Redis that each ModeSwitch of a scheme follows.",
    )
    actions = parser.add_subparsers(required=True, metavar="action")
    show = actions.add_parser("show", help="show the modes; exit with 1 if none is set")
    put = actions.add_parser(
        "set",
        help="set the mode of a scheme, or of one of its tenants",
        description="Set the mode of a scheme, or of one of its tenants. Exit with 1, and set"
        " nothing, if a condition (--if-ready, --if-revision) does not hold.",
        epilog=_EPILOG,
    )
    history = actions.add_parser("history", help="list the changes, the latest first")
    for action, run in ((show, _show), (put, _set), (history, _history)):
        action.set_defaults(run=run)
        add_scheme_argument(action)
        if action is put:
            _add_options_of_set(action)
        action.add_argument(
            "--environment",
            metavar="ENV",
            required=True,
            help="the environment of the verifiers; '' for none",
        )
        if action is not put:
            action.add_argument("--json", action="store_true", help="print JSON")
        add_store_options(action)
    history.add_argument(
        "--most", type=whole_number(1), default=20, help="the most changes to list (default: 20)"
    )


def _add_options_of_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "mode",
        metavar="MODE",
        choices=("off", "monitor", "enforce", "default"),
        help="off, monitor or enforce; default: the tenant follows the scheme again",
    )
    parser.add_argument(
        "--percent",
        type=_percent,
        metavar="N",
        help="enforce for N percent of the principals, and monitor the others; up to two decimals",
    )
    parser.add_argument("--tenant", metavar="ID", help="set the mode of this tenant alone")
    parser.add_argument(
        "--if-ready",
        action="store_true",
        help="set it only if countermark rollout finds the requests ready to be enforced",
    )
    parser.add_argument(
        "--if-revision",
        type=whole_number(0),
        metavar="N",
        help="set it only if mode show still prints this revision; 0: only if no mode is set",
    )
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")
    parser.add_argument("--by", metavar="NAME", help="who sets it (default: your login name)")
    add_readiness_options(parser)


def _show(options: argparse.Namespace) -> int:
    """Print the modes: 0, or 1 if none is set."""
    from countermark.rollout._mode_control import read_modes
    from countermark.rollout._report import shown

    scheme = named_scheme(options.scheme)
    name = _name(scheme, options)
    stored = read_modes(store_of(options), scheme, environment=options.environment)
    if stored is None:
        if options.json:
            print("null")
        else:
            print(f"{name}: no mode is set, so each ModeSwitch enforces")
        return 1
    tenants = {tenant: str(mode) for tenant, mode in sorted(stored.tenants.items())}
    if options.json:
        found = {**stored._asdict(), "mode": str(stored.mode), "tenants": tenants}
        print(json.dumps(found, indent=2))
        return 0
    print(f"{name}: {stored.mode}")
    for tenant, mode in tenants.items():
        print(f"tenant {shown(tenant)}: {mode}")
    print(f"revision {stored.revision}, set by {shown(stored.by)}")
    return 0


def _set(options: argparse.Namespace) -> int:
    """Set the mode: 0, or 1 if a condition does not hold."""
    from countermark.rollout._mode_control import read_modes, set_mode

    store, scheme = store_of(options), named_scheme(options.scheme)
    try:
        change = set_mode(
            store,
            scheme,
            _mode_of(options),
            by=options.by or _login(),
            environment=options.environment,
            tenant=options.tenant,
            reason=options.reason,
            if_ready=options.if_ready,
            if_revision=options.if_revision,
            days=options.days,
            least=options.least,
        )
    except ModeNotSet as error:
        if error.code != "not_ready":
            print(f"not set: {error}", file=sys.stderr)
        else:
            lines = "".join(f"\n- {reason}" for reason in error.reasons)
            print(f"not set, as the requests are not ready to be enforced:{lines}", file=sys.stderr)
        return 1
    except StoreUnavailable as error:
        message = f"{error}; the mode may have been set, so look with countermark mode show"
        raise StoreUnavailable(message, kind=error.kind) from None
    print(f"{_name(scheme, options)}: {_text_of(change)}, revision {change.revision}")
    stored = read_modes(store, scheme, environment=options.environment)
    if change.tenant is None and stored is not None and stored.tenants:
        print(f"tenants that keep a mode of their own: {len(stored.tenants)}")
    return 0


def _mode_of(options: argparse.Namespace) -> ModeValue | None:
    from countermark.verifying._mode_values import EnforcePercent

    if options.percent is not None and options.mode != "enforce":
        raise ConfigurationError("--percent is for enforce")
    if options.mode == "default":
        return None
    if options.percent is None or options.percent == 100:
        mode: ModeValue = options.mode
        return mode
    return EnforcePercent(options.percent)


def _history(options: argparse.Namespace) -> int:
    """Print the changes, the latest first."""
    from time import gmtime, strftime

    from countermark.rollout._mode_control import mode_history
    from countermark.rollout._report import shown

    store, scheme = store_of(options), named_scheme(options.scheme)
    changes = mode_history(store, scheme, environment=options.environment, most=options.most)
    if options.json:
        print(json.dumps([change._asdict() for change in changes], indent=2))
        return 0
    for change in changes:
        when = strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(change.at))
        ready = ", ready" if change.checked else ""
        reason = f": {change.reason}" if change.reason else ""
        print(shown(f"{when}  {_text_of(change)}  by {change.by}{ready}{reason}"))
    return 0


def _text_of(change: ModeChange) -> str:
    from countermark.rollout._report import shown

    of = "" if change.tenant is None else f"tenant {shown(change.tenant)} "
    none = "none" if change.tenant is None else "default"
    return f"{of}{change.before or none} -> {change.after or none}"


def _name(scheme: Scheme, options: argparse.Namespace) -> str:
    from countermark.rollout._report import group_name

    return group_name(scheme.slug, options.environment or None, None)


def _login() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (OSError, KeyError):
        pass
    raise ConfigurationError("your login name is unknown; pass --by NAME")


def _percent(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError("give a number above 0, up to 100") from None

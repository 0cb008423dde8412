"""``countermark scan``: searches files and git histories for secrets."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from countermark.cli._arguments import Commands
from countermark.errors import ConfigurationError

if TYPE_CHECKING:
    from countermark.leaks._files import Left
    from countermark.leaks._findings import Finding, Search

_EPILOG = """\
examples:
  countermark scan dist
  countermark scan --history .
  countermark scan --baseline leaks.json --write-baseline .
  countermark scan --sarif dist > leaks.sarif
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "scan",
        help="search files or a git history for secrets",
        description="Search for the secrets in the environment variables of all schemes, in their"
        " usual encodings, and for texts in the form of vendors' secrets. The exit code is 1 if"
        " there is a new finding, and otherwise 2 if a file could not be read.",
        epilog=_EPILOG,
    )
    parser.set_defaults(run=run)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a directory or a file")
    parser.add_argument(
        "--history",
        action="store_true",
        help="each PATH is a git repository: search all versions of all files, and the messages",
    )
    parser.add_argument("--baseline", metavar="FILE", help="a file with the known findings")
    parser.add_argument(
        "--write-baseline",
        action="store_true",
        help="write all findings to the file of --baseline, and exit with 0",
    )
    parser.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0")


def run(options: argparse.Namespace) -> int:
    """Print the findings: 1 for a new one, 2 if a file could not be read, otherwise 0.

    Raises:
        ConfigurationError: An argument is invalid, or a secret of the environment is.
    """
    from countermark.leaks._baseline import key_from_env, read_baseline, write_baseline
    from countermark.leaks._files import UNREADABLE, Left
    from countermark.leaks._findings import Search
    from countermark.leaks._rules import Rules
    from countermark.leaks._secrets import secrets_from_env

    if options.write_baseline and options.baseline is None:
        raise ConfigurationError("--write-baseline needs --baseline FILE")
    secrets, key, left = secrets_from_env(), key_from_env(), Left()
    rules = Rules(secrets)
    if not rules.has_secrets:
        _note("no secret of a scheme is set in the environment, so only shapes are searched for")
    known: set[str] = set()
    if options.baseline is not None and not options.write_baseline:
        known = read_baseline(Path(options.baseline), keyed=bool(key))
    findings = []
    for finding in _findings(options, Search(rules, key), left):
        findings.append(finding)
        if not (options.sarif or options.write_baseline or finding.fingerprint in known):
            print(_line(finding, rules.texts[finding.rule]))
    if options.sarif:
        from countermark.leaks._sarif import sarif

        print(json.dumps(sarif(findings, known, rules.texts, left), indent=2))
    new = _summarise(findings, known, left)
    if options.write_baseline:
        write_baseline(Path(options.baseline), findings, keyed=bool(key))
        return 0
    return 1 if new else 2 if left[UNREADABLE] else 0


def _findings(options: argparse.Namespace, search: Search, left: Left) -> Iterator[Finding]:
    from countermark.leaks._files import sources_in
    from countermark.leaks._history import versions_in

    sources = versions_in if options.history else sources_in
    paths = [Path(path) for path in options.paths]
    if not all(map(_exists, paths)):
        raise ConfigurationError("a PATH does not exist; give directories or files")
    for path in paths:
        for source in sources(path, left):
            yield from search.findings(source)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # its name is too long, or contains NUL; the message quotes it
        return False


def _line(finding: Finding, text: str) -> str:
    path = finding.path if finding.path.isprintable() else ascii(finding.path)
    encoding = sys.stdout.encoding or "utf-8"
    path = path.encode(encoding, "backslashreplace").decode(encoding)
    if finding.blob is not None:
        path += f"@{finding.blob[:12]}"
    if finding.line is None:
        return f"{path}: {text} ({finding.form}) at byte {finding.offset}"
    return f"{path}:{finding.line}:{finding.column}: {text} ({finding.form})"


def _summarise(findings: Sequence[Finding], known: set[str], left: Left) -> int:
    """Print the numbers, and return that of the new findings."""
    new = sum(finding.fingerprint not in known for finding in findings)
    _note(f"{new} new and {len(findings) - new} known findings")
    stale = len(known - {finding.fingerprint for finding in findings})
    if stale:
        _note(
            f"entries of the baseline that were not found: {stale}; drop them with --write-baseline"
        )
    for kind, count in sorted(left.items()):
        _note(f"not searched: {kind}: {count}")
    return new


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")

"""Writes findings: as lines, as JSON, or as annotations of GitHub Actions."""

from __future__ import annotations

import json
from pathlib import Path

from countermark.check._findings import Finding
from countermark.check._schemes import one_of_each
from countermark.check._targets import Result


def as_text(result: Result) -> str:
    """Return one line a finding, or a line that names what was checked."""
    if result.findings:
        return "\n".join(map(_line, result.findings))
    schemes = [use.scheme for use in one_of_each(result.uses)]
    examples = sum(len(scheme.vectors) for scheme in schemes)
    return (
        f"nothing found: {_counted(len(schemes), 'scheme')},"
        f" {_counted(examples, 'published example')} computed"
    )


def as_json(result: Result) -> str:
    """Return the findings and the notes as JSON."""
    findings = [found._asdict() for found in result.findings]
    return json.dumps({"findings": findings, "notes": result.notes}, indent=2)


def as_annotations(result: Result) -> str:
    """Return a workflow command of GitHub Actions for each finding."""
    return "\n".join(
        f"::{found.severity} {_properties(found)}::"
        + _escaped(f"{found.where}: {found.problem}; {found.advice} ({found.page})")
        for found in result.findings
    )


def _line(found: Finding) -> str:
    line = (
        f"{found.severity} {found.code} {_place(found)}: {found.problem}; {found.advice}"
        f" ({found.page})"
    )
    return " ".join(line.split())  # a path may have a newline


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _place(found: Finding) -> str:
    return found.where if found.line is None else f"{found.where} at {found.file}:{found.line}"


def _properties(found: Finding) -> str:
    given = {"file": _relative(found.file), "line": found.line, "title": found.code}
    return ",".join(
        f"{name}={_escaped(str(value)).replace(':', '%3A').replace(',', '%2C')}"
        for name, value in given.items()
        if value is not None
    )


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _relative(file: str | None) -> str | None:
    """Return a path as GitHub needs it: relative to the folder of the repository."""
    if file is None:
        return None
    path, here = Path(file).absolute(), Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else file

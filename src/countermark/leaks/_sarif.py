"""Findings in SARIF 2.1.0, which code hosts and editors read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from countermark.leaks._files import UNREADABLE
from countermark.leaks._findings import Finding

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(
    findings: Sequence[Finding],
    known: AbstractSet[str],
    rules: Mapping[str, str],
    left: Mapping[str, int],
) -> dict[str, Any]:
    """Return a SARIF log of one run.

    Args:
        findings: The findings, the known ones too.
        known: The fingerprints of the baseline.
        rules: A sentence for each rule, by its id.
        left: The numbers of files that were not searched, by their kind.
    """
    ids = sorted(rules)
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "countermark scan",
                        "version": version("countermark"),
                        "rules": [_rule(id, rules[id]) for id in ids],
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": not left.get(UNREADABLE),
                        "toolExecutionNotifications": [
                            {
                                "level": "note",
                                "message": {"text": f"Not searched: {kind}: {count}."},
                            }
                            for kind, count in left.items()
                        ],
                    }
                ],
                "results": [_result(finding, known, rules, ids) for finding in findings],
            }
        ],
    }


def _rule(id: str, text: str) -> dict[str, Any]:
    return {
        "id": id,
        "shortDescription": {"text": f"The file contains {text}."},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security"]},
    }


def _result(
    finding: Finding, known: AbstractSet[str], rules: Mapping[str, str], ids: Sequence[str]
) -> dict[str, Any]:
    blob = "" if finding.blob is None else f", in the object {finding.blob} of the history"
    # Columns of SARIF count characters, ours bytes, so the place in a line is the offset.
    region: dict[str, Any] = {"byteOffset": finding.offset}
    if finding.line is not None:
        region["startLine"] = finding.line
    physical = {
        "artifactLocation": {"uri": quote(finding.path, errors="replace")},
        "region": region,
    }
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": ids.index(finding.rule),
        "level": "error",
        "message": {"text": f"The file contains {rules[finding.rule]} ({finding.form}){blob}."},
        "locations": [{"physicalLocation": physical}],
        "partialFingerprints": {"countermark/v1": finding.fingerprint},
        "baselineState": "unchanged" if finding.fingerprint in known else "new",
    }
    if finding.fingerprint in known:
        result["suppressions"] = [{"kind": "external", "justification": "It is in the baseline."}]
    return result

"""``countermark scan``: the baseline of known findings, and SARIF."""

from __future__ import annotations

import hashlib
import hmac
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.leaks.scanning import STIGG, TALKJS, Scanner

KEY = "a-key-of-fingerprints-for-tests"
OTHER = "sk_test_Zcow50B9RdRQFeXBsW45c5LFRVYLCm77"
BASELINE = ("--baseline", "baseline.json")


def accept(scanner: Scanner) -> Any:
    """Write the baseline, and return its content."""
    scan = scanner.scan("src", *BASELINE, "--write-baseline")
    assert (scan.code, scan.out) == (0, "")
    return json.loads(Path("baseline.json").read_text())


def test_a_known_finding_is_not_reported_again(scanner: Scanner) -> None:
    scanner.write({"src/a.txt": TALKJS, "src/b.txt": STIGG})
    content = accept(scanner)
    assert [(entry["path"], entry["rule"]) for entry in content["findings"]] == [
        ("src/a.txt", "shape/TALKJS_SECRET_KEY"),
        ("src/b.txt", "secret/STIGG_SIGNING_SECRET"),
    ]
    scan = scanner.scan("src", *BASELINE)
    assert (scan.code, scan.out, scan.notes) == (0, "", "0 new and 2 known findings\n")


def test_an_edit_around_a_known_finding_keeps_it_known(scanner: Scanner) -> None:
    scanner.write({"src/a.txt": TALKJS})
    accept(scanner)
    scanner.write({"src/a.txt": f"# a comment\n\nkey = {TALKJS}\n"})
    assert scanner.scan("src", *BASELINE).code == 0


@pytest.mark.parametrize(
    "files", [{"src/a.txt": f"{TALKJS} {TALKJS}"}, {"src/b.txt": TALKJS}, {"src/a.txt": STIGG}]
)
def test_a_new_finding_is_reported(scanner: Scanner, files: dict[str, str]) -> None:
    scanner.write({"src/a.txt": TALKJS})
    accept(scanner)
    scanner.write(files)
    scan = scanner.scan("src", *BASELINE)
    assert scan.code == 1
    assert len(scan.lines) == 1


@pytest.mark.parametrize("content", ["clean", STIGG])
def test_a_new_file_whose_name_has_a_known_secret_is_reported(
    scanner: Scanner, content: str
) -> None:
    scanner.write({f"src/{STIGG}.txt": STIGG})
    accept(scanner)
    assert scanner.scan("src", *BASELINE).code == 0
    scanner.write({f"src/a/{STIGG}.env": content})
    assert scanner.scan("src", *BASELINE).code == 1


def test_entries_that_are_no_longer_found_are_counted(scanner: Scanner) -> None:
    scanner.write({"src/a.txt": TALKJS})
    accept(scanner)
    scanner.write({"src/a.txt": "clean"})
    scan = scanner.scan("src", *BASELINE)
    assert scan.code == 0
    assert "entries of the baseline that were not found: 1;" in scan.notes


def test_without_a_key_a_fingerprint_does_not_depend_on_the_secret(scanner: Scanner) -> None:
    scanner.write({"src/a.txt": TALKJS})
    content = accept(scanner)
    scanner.write({"src/a.txt": OTHER})
    assert accept(scanner) == content
    assert scanner.scan("src", *BASELINE).code == 0


def test_with_a_key_another_secret_in_the_same_place_is_new(scanner: Scanner) -> None:
    scanner.monkeypatch.setenv("COUNTERMARK_BASELINE_KEY", KEY)
    scanner.write({"src/a.txt": TALKJS})
    assert accept(scanner)["keyed"] is True
    assert scanner.scan("src", *BASELINE).code == 0
    scanner.write({"src/a.txt": OTHER})
    assert scanner.scan("src", *BASELINE).code == 1


@pytest.mark.parametrize("key", [None, KEY])
def test_a_baseline_does_not_help_to_guess_a_short_secret(
    scanner: Scanner, key: str | None
) -> None:
    secret = "pw-12345"
    scanner.monkeypatch.setenv("STIGG_SIGNING_SECRET", secret)
    if key is not None:
        scanner.monkeypatch.setenv("COUNTERMARK_BASELINE_KEY", key)
    scanner.write({"src/a.txt": secret})
    text = json.dumps(accept(scanner))
    assert secret not in text
    place = ["secret/STIGG_SIGNING_SECRET", "raw", "src/a.txt", "", "", "1"]
    for name in hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}:
        plain = [secret, "\0".join([*place[:4], secret, "1"]), secret + "\n"]
        digests = [hashlib.new(name, each.encode()).hexdigest() for each in plain]
        digests += [hmac.digest(b"", secret.encode(), name).hex()]
        for digest, length in product(digests, (16, 32)):
            assert digest[:length] not in text


def test_a_baseline_fits_only_the_same_kind_of_fingerprints(scanner: Scanner) -> None:
    scanner.write({"src/a.txt": TALKJS})
    accept(scanner)
    scanner.monkeypatch.setenv("COUNTERMARK_BASELINE_KEY", KEY)
    scan = scanner.scan("src", *BASELINE)
    assert (scan.code, scan.out) == (2, "")
    assert "written without COUNTERMARK_BASELINE_KEY" in scan.notes
    accept(scanner)
    scanner.monkeypatch.delenv("COUNTERMARK_BASELINE_KEY")
    assert "written with COUNTERMARK_BASELINE_KEY" in scanner.scan("src", *BASELINE).notes


def test_mistakes_with_a_baseline_are_misuse(scanner: Scanner) -> None:
    scanner.write({"src/a.txt": "clean", "bad.json": "[1]"})
    for arguments, message in (
        (["--write-baseline"], "--write-baseline needs --baseline FILE"),
        (["--baseline", "gone.json"], "the baseline cannot be read (FileNotFoundError)"),
        (["--baseline", "bad.json"], "the baseline cannot be read (TypeError)"),
        (["--baseline", "no/b.json", "--write-baseline"], "the baseline cannot be written"),
    ):
        scan = scanner.scan("src", *arguments)
        assert (scan.code, scan.out) == (2, "")
        assert message in scan.notes
    scanner.monkeypatch.setenv("COUNTERMARK_BASELINE_KEY", "short")
    assert "must have 16 bytes or more" in scanner.scan("src").notes


def test_sarif_has_what_its_schema_requires(scanner: Scanner) -> None:
    scanner.write({"src/a b.txt": f"\n{TALKJS}"})
    accept(scanner)
    scanner.write({"src/z.bin": b"\0" + STIGG.encode(), "src/link.gz": b"\x1f\x8bbroken"})
    scan = scanner.scan("src", *BASELINE, "--sarif")
    assert scan.code == 1
    log = json.loads(scan.out)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "countermark scan"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len({*ids}) > 5
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert [note["message"]["text"] for note in invocation["toolExecutionNotifications"]] == [
        "Not searched: unreadable files: 1."
    ]
    known, new = run["results"]
    for result in (known, new):
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] == "error"
        assert result["message"]["text"]
        assert len(result["partialFingerprints"]["countermark/v1"]) == 32
    assert [known["baselineState"], new["baselineState"]] == ["unchanged", "new"]
    assert ["suppressions" in known, "suppressions" in new] == [True, False]
    places = [result["locations"][0]["physicalLocation"] for result in (known, new)]
    assert places[0]["artifactLocation"]["uri"] == "src/a%20b.txt"
    assert [place["region"] for place in places] == [
        {"byteOffset": 1, "startLine": 2},
        {"byteOffset": 1},
    ]
    assert STIGG not in scan.out
    assert TALKJS not in scan.out


def test_sarif_of_a_history_names_the_object(scanner: Scanner) -> None:
    scanner.git("init", "--quiet")
    scanner.write({"a.txt": STIGG})
    scanner.git("add", "a.txt")
    scanner.git("commit", "--quiet", "--message", "Add")
    blob = scanner.git("rev-parse", "HEAD:a.txt").strip()
    (result,) = json.loads(scanner.scan("--history", ".", "--sarif").out)["runs"][0]["results"]
    assert f"in the object {blob} of the history" in result["message"]["text"]

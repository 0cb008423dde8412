"""The forms of the output: a line for each finding, JSON, and annotations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from countermark.check._findings import KINDS
from countermark.cli import main
from tests.check.conftest import ROOT, SECRET

PAGE = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
NEAR = "STIGG_SIGNING_SECRT"
ADVICE = "this variable is set, and STIGG_SIGNING_SECRET is not; rename it to STIGG_SIGNING_SECRET"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["check", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_finding_takes_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NEAR, SECRET)
    line = f"error variable_misspelled {NEAR}: {ADVICE} (docs/check.md#names)\n"
    assert printed(capsys) == (1, line, "")


def test_the_output_names_what_was_checked_if_nothing_is_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed(capsys)[1] == "nothing found: 0 schemes, 0 published examples computed\n"
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", SECRET)
    assert printed(capsys)[1] == "nothing found: 1 scheme, 1 published example computed\n"
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET[::-1])
    assert printed(capsys)[1] == "nothing found: 2 schemes, 3 published examples computed\n"


def test_the_json_has_the_attributes_of_each_finding(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NEAR, SECRET)
    code, out, _ = printed(capsys, "--json")
    problem, advice = ADVICE.split("; ")
    assert code == 1
    assert json.loads(out) == {
        "findings": [
            {
                "code": "variable_misspelled",
                "severity": "error",
                "where": NEAR,
                "problem": problem,
                "advice": advice,
                "page": "docs/check.md#names",
                "file": None,
                "line": None,
            }
        ],
        "notes": [],
    }


def test_an_annotation_has_the_file_and_the_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(NEAR, SECRET)
    folder = tmp_path / "a,b: 100%"
    folder.mkdir()
    (folder / "annotated_module.py").write_text("from countermark import Signer\n\nSigner('no', 1)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(folder))
    code, out, _ = printed(capsys, "annotated_module:app", "--env", "--format=github")
    first, second, *rest = out.splitlines()
    assert (code, rest) == (1, [])
    file = "a%2Cb%3A 100%25/annotated_module.py"
    assert first.startswith(f"::error file={file},line=3,title=misconfigured::ConfigurationError: ")
    assert second == (f"::error title=variable_misspelled::{NEAR}: {ADVICE} (docs/check.md#names)")


def test_a_file_outside_the_repository_keeps_its_path(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "modes.toml"
    path.write_text('mode = "no"')
    _, out, _ = printed(capsys, str(path), "--format=github")
    assert out.startswith(f"::error file={path},title=misconfigured::")


def test_there_is_no_annotation_if_nothing_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--format=github") == (0, "", "")


def test_findings_of_ignored_codes_are_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NEAR, SECRET)
    monkeypatch.setenv("CANNY_API_KEY", "short")
    assert printed(capsys)[0] == 1
    code, out, _ = printed(capsys, "--ignore=variable_misspelled", "--ignore", "weak_key")
    assert (code, out[:13]) == (0, "nothing found")


@pytest.mark.parametrize(
    "arguments", [["--ignore", "weak_keys"], ["--format=gitlab"], ["--json", "--format=github"]]
)
def test_wrong_options_are_a_misuse(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments])
    assert ended.value.code == 2
    capsys.readouterr()


def test_the_environment_is_checked_with_an_application_on_demand(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "modes.toml"
    path.write_text('mode = "off"')
    monkeypatch.setenv("CANNY_API_KEY", "short")
    assert printed(capsys, str(path))[0] == 0
    code, out, _ = printed(capsys, str(path), "--env")
    assert code == 1
    assert out.startswith("warning weak_key CANNY_API_KEY: ")


@pytest.mark.parametrize("code", KINDS)
def test_each_code_is_documented(code: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{code}` |")]
    assert f"| {KINDS[code].severity} |" in row


@pytest.mark.parametrize("page", sorted({kind.page for kind in KINDS.values()}))
def test_each_page_of_a_finding_exists(page: str) -> None:
    name, _, anchor = page.partition("#")
    headings = [
        line.lstrip("# ").lower().replace(",", "").replace(" ", "-")
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    ]
    assert not anchor or anchor in headings

"""``countermark js``: the module and its types, printed or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from countermark.cli import main
from countermark.frontend import declarations, module


def test_it_prints_the_module_or_its_types(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["js"]) == 0
    assert capsys.readouterr().out == module()
    assert main(["js", "--types"]) == 0
    assert capsys.readouterr().out == declarations()


def test_it_writes_both_into_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "countermark.js").write_text("an older version")
    assert main(["js", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "countermark.js").read_bytes() == module().encode()
    assert (tmp_path / "countermark.d.ts").read_bytes() == declarations().encode()
    assert capsys.readouterr().out == ""


def test_a_folder_that_does_not_exist_is_named_by_its_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["js", "--out", str(tmp_path / "missing")]) == 2
    error = capsys.readouterr().err
    assert error == "cannot write into the folder of --out: No such file or directory\n"


def test_the_two_options_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["js", "--types", "--out", "."])
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err

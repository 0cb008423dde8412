"""``countermark scan --history``: all versions of all files in a git repository."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.leaks.scanning import STIGG, TALKJS, Scanner


@pytest.fixture
def repository(scanner: Scanner) -> Scanner:
    scanner.git("init", "--quiet")
    return scanner


def commit(scanner: Scanner, message: str = "Change") -> None:
    scanner.git("add", "--all")
    scanner.git("commit", "--quiet", "--allow-empty", "--message", message)


def test_a_secret_that_was_removed_is_found_in_the_history(repository: Scanner) -> None:
    repository.write({"config/app.env": f"a=1\nSECRET={STIGG}\n"})
    commit(repository)
    blob = repository.git("rev-parse", "HEAD:config/app.env").strip()
    repository.write({"config/app.env": "a=1\n"})
    commit(repository)
    assert repository.scan("config").code == 0
    scan = repository.scan("--history", ".")
    assert scan.code == 1
    assert scan.lines == [
        f"config/app.env@{blob[:12]}:2:8: the secret in STIGG_SIGNING_SECRET (raw)"
    ]


def test_each_version_is_searched_once(repository: Scanner) -> None:
    for number in range(3):
        repository.write({"a.txt": STIGG, f"copy-{number}.txt": STIGG, "b.txt": str(number)})
        commit(repository)
    assert len(repository.scan("--history", ".").lines) == 1


def test_other_branches_stashes_and_messages_are_searched(repository: Scanner) -> None:
    commit(repository)
    repository.git("checkout", "--quiet", "-b", "other")
    repository.write({"a.gz": gzip.compress(STIGG.encode(), mtime=0)})
    commit(repository, f"Add {TALKJS}")
    repository.git("tag", "--annotate", "--message", f"see {STIGG}", "v1")
    repository.git("checkout", "--quiet", "-")
    repository.write({"b.txt": STIGG})
    repository.git("add", "b.txt")
    repository.git("stash")
    found = sorted(line.split("@")[0] for line in repository.scan("--history", ".").lines)
    assert found == ["(commit)", "(tag)", "a.gz", "b.txt"]


def test_older_stashes_are_searched(repository: Scanner) -> None:
    repository.write({"a.txt": "clean"})
    commit(repository)
    for text in (STIGG, TALKJS, "clean too"):
        repository.write({"a.txt": text})
        repository.git("stash")
    assert len(repository.scan("--history", ".").lines) == 2


def test_binary_versions_and_odd_names_are_searched(repository: Scanner) -> None:
    repository.write({"a b é.bin": b"\0\n" + STIGG.encode(), "c": "", "d.gz": b"\x1f\x8bbroken"})
    commit(repository)
    scan = repository.scan("--history", ".")
    (line,) = scan.lines
    assert line.startswith("a b é.bin@")
    assert line.endswith(" at byte 2")
    assert "unreadable files: 1" in scan.notes


def test_the_original_of_a_replaced_object_is_searched(repository: Scanner) -> None:
    repository.write({"a.txt": STIGG})
    commit(repository)
    repository.write({"clean.txt": "clean"})
    clean = repository.git("hash-object", "-w", "clean.txt").strip()
    repository.git("replace", repository.git("rev-parse", "HEAD:a.txt").strip(), clean)
    assert len(repository.scan("--history", ".").lines) == 1


def test_the_name_of_a_file_is_searched_once(repository: Scanner) -> None:
    repository.write({f"{STIGG}.txt": "clean"})
    commit(repository)
    (line,) = repository.scan("--history", ".").lines
    assert line.startswith("<not shown>@")


def test_a_large_version_does_not_block(repository: Scanner) -> None:
    repository.write({"large.txt": "x" * 3_000_000 + STIGG, "z.txt": TALKJS})
    commit(repository)
    assert len(repository.scan("--history", ".").lines) == 2


def test_the_variables_of_a_hook_do_not_name_another_repository(
    repository: Scanner, tmp_path: Path
) -> None:
    repository.write({"a.txt": STIGG})
    commit(repository)
    repository.monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert repository.scan("--history", ".").code == 1


def test_an_object_that_is_missing_is_counted(repository: Scanner) -> None:
    repository.write({"a.txt": "first", "b.txt": STIGG})
    commit(repository)
    object_of(repository, "a.txt").unlink()
    scan = repository.scan("--history", ".")
    assert (scan.code, len(scan.lines)) == (1, 1)
    assert "unreadable files: 1" in scan.notes


def test_a_damaged_repository_is_an_error(repository: Scanner) -> None:
    repository.write({"a.txt": "first", "b.txt": "second"})
    commit(repository)
    damaged = object_of(repository, "a.txt")
    damaged.chmod(0o600)
    damaged.write_bytes(b"damaged")
    scan = repository.scan("--history", ".")
    assert scan.code == 2
    assert scan.notes == "git cannot read an object; repair the repository first: git fsck\n"


def object_of(scanner: Scanner, name: str) -> Path:
    blob = scanner.git("rev-parse", f"HEAD:{name}").strip()
    return scanner.folder / ".git/objects" / blob[:2] / blob[2:]


def test_a_directory_without_a_repository_is_misuse(scanner: Scanner) -> None:
    scan = scanner.scan("--history", ".")
    assert scan.code == 2
    assert (
        scan.notes == "git cannot list the history; give the path of a repository that git trusts\n"
    )


def test_a_machine_without_git_is_misuse(scanner: Scanner) -> None:
    scanner.monkeypatch.setenv("PATH", "")
    scan = scanner.scan("--history", ".")
    assert scan.code == 2
    assert scan.notes == (
        "git cannot be run (FileNotFoundError); --history needs the program git\n"
    )

"""``countermark scan``: the files that it searches, and what it finds in them."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import socket
import sys
import tarfile
import zipfile
from pathlib import Path

import brotli
import pytest

from countermark.cli import main
from countermark.leaks._matcher import BLOCK
from tests.leaks.scanning import STIGG, TALKJS, Scanner
from tests.memory import measured
from tests.samples import private_key


def test_a_configured_secret_is_found_in_a_build_and_its_source_map(scanner: Scanner) -> None:
    source_map = {"version": 3, "sourcesContent": [f"const key = '{STIGG}';\n"]}
    encoded = base64.b64encode(f"xx{STIGG}".encode()).decode()
    scanner.write(
        {
            "dist/app.js": f"let a;\nlet b = atob('{encoded}');\n",
            "dist/app.js.map": json.dumps(source_map),
            "dist/clean.js": "let a;\n",
        }
    )
    scan = scanner.scan("dist")
    assert scan.code == 1
    assert scan.lines == [
        "dist/app.js:2:18: the secret in STIGG_SIGNING_SECRET (base64)",
        "dist/app.js.map:1:49: the secret in STIGG_SIGNING_SECRET (raw)",
    ]
    assert scan.notes == "2 new and 0 known findings\n"
    assert STIGG not in scan.out


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (TALKJS, "TALKJS_SECRET_KEY"),
        ("live_secret_" + "0f3a91c7d2be4865" * 4, "COGNITO_API_SECRET"),
        ("whsec_" + base64.b64encode(bytes(range(24))).decode(), "WEBHOOKS_SECRET"),
        ("whsk_" + base64.b64encode(bytes(range(64))).decode(), "WEBHOOKS_PRIVATE_KEY"),
        ("sdk-3a409367-a417-4d46-9a92-3d7bc5dc4605", "LAUNCHDARKLY_SDK_KEY"),
        (private_key("RS256")[0], "PRIVATE_KEY"),
        (json.dumps(private_key("ES256")[0]), "PRIVATE_KEY"),
    ],
)
def test_the_shape_of_a_vendors_secret_is_found(scanner: Scanner, text: str, name: str) -> None:
    scanner.write({"a.txt": f"key: {text}\n"})
    (line,) = scanner.scan(".").lines
    assert line.startswith("a.txt:1:")
    assert line.endswith(f": a text in the form of {name} (shape)")


@pytest.mark.parametrize(
    "text",
    [
        "sk_live_" + "x" * 32,
        f"my_{TALKJS}",
        "live_publishable_key_" + "0f3a91c7d2be4865" * 2,
        "whsec_short",
        private_key("ES256")[1],
        "sdk-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
    ],
)
def test_placeholders_and_public_values_are_not_findings(scanner: Scanner, text: str) -> None:
    scanner.write({"a.txt": text})
    assert scanner.scan(".").code == 0


def test_a_configured_secret_is_not_reported_as_a_shape_too(scanner: Scanner) -> None:
    scanner.monkeypatch.setenv("TALKJS_SECRET_KEY", TALKJS)
    scanner.write({"a.txt": TALKJS})
    assert scanner.scan(".").lines == ["a.txt:1:9: the secret in TALKJS_SECRET_KEY (raw)"]


def test_every_occurrence_is_a_finding_wherever_it_is_in_a_file(scanner: Scanner) -> None:
    borders = [BLOCK, BLOCK - 512, 2 * BLOCK, 2 * BLOCK - 512, 2 * BLOCK - 513]
    places = [0, 60, 500, *(border - shift for border in borders for shift in range(0, 60, 59))]
    places = [place + 70 * number for number, place in enumerate(sorted(places))]
    places.append(3 * BLOCK - len(STIGG))
    for text in (STIGG, TALKJS):
        content = bytearray(b"." * 3 * BLOCK)
        content[50:51] = b"\n"
        for start in places:
            content[start : start + len(text)] = text.encode()
        scanner.write({"a.txt": bytes(content)})
        found = [tuple(map(int, line.split(":")[1:3])) for line in scanner.scan(".").lines]
        assert found == [(1, 1), *((2, place - 50) for place in places[1:])]


def test_findings_are_in_the_order_of_their_places(scanner: Scanner) -> None:
    encoded = base64.b64encode(STIGG.encode()).decode()
    scanner.write({"a.txt": f"{TALKJS}\n{encoded}\n{STIGG}\n{TALKJS}\n"})
    assert [line.split(":")[1] for line in scanner.scan(".").lines] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("place", range(BLOCK - 514, BLOCK - 510))
@pytest.mark.parametrize(("before", "count"), [(".", 1), ("x", 0)])
def test_a_shape_at_a_border_is_found_once_and_only_if_no_word_precedes_it(
    scanner: Scanner, place: int, before: str, count: int
) -> None:
    scanner.write({"a.txt": "." * (place - 1) + before + TALKJS + "." * BLOCK})
    assert len(scanner.scan(".").lines) == count


def test_lines_and_columns_count_on_over_blocks(scanner: Scanner) -> None:
    line = "x" * 99 + "\n"
    scanner.write({"a.txt": line * 2000 + f"ab {STIGG}\n"})
    assert scanner.scan(".").lines[0].startswith("a.txt:2001:4: ")


def test_a_finding_in_a_binary_file_has_an_offset(scanner: Scanner) -> None:
    scanner.write({"a.bin": b"\0\1\n" + STIGG.encode()})
    assert scanner.scan("a.bin").lines == [
        "a.bin: the secret in STIGG_SIGNING_SECRET (raw) at byte 3"
    ]


def test_compressed_files_are_decompressed(scanner: Scanner) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("app/.env")
        entry.size = len(STIGG)
        tar.addfile(entry, io.BytesIO(STIGG.encode()))
    scanner.write(
        {
            "a.js.gz": gzip.compress(STIGG.encode()),
            "b.js.br": brotli.compress(STIGG.encode()),
            "c.tar": archive.getvalue(),
            "d.tgz": gzip.compress(archive.getvalue()),
        }
    )
    scan = scanner.scan(".")
    assert [line.split(":")[0] for line in scan.lines] == ["a.js.gz", "b.js.br", "c.tar", "d.tgz"]


def test_what_is_not_searched_is_counted(scanner: Scanner, tmp_path: Path) -> None:
    scanner.write({"root/a.txt": "clean", "outside/b.txt": STIGG, "root/c/d": "clean"})
    with zipfile.ZipFile(tmp_path / "root/e.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("secret", STIGG * 10)
    (tmp_path / "root/link").symlink_to(tmp_path / "outside")
    (tmp_path / "root/file-link").symlink_to(tmp_path / "outside/b.txt")
    os.mkfifo(tmp_path / "root/pipe")
    scanner.git("init", "--quiet", "root/repository")
    scan = scanner.scan("root")
    assert (scan.code, scan.out) == (0, "")
    assert scan.notes.splitlines() == [
        "0 new and 0 known findings",
        "not searched: compressed archives, whose content was not unpacked: 1",
        "not searched: object stores of git, for which there is --history: 1",
        "not searched: sockets, pipes and devices: 1",
        "not searched: symbolic links: 2",
    ]


def test_a_file_that_cannot_be_read_fails_a_scan_without_findings(scanner: Scanner) -> None:
    scanner.write({"a.gz": b"\x1f\x8bbroken", "b.br": b"\xff\xff broken"})
    scan = scanner.scan(".")
    assert (scan.code, scan.notes.splitlines()[-1]) == (2, "not searched: unreadable files: 2")
    scanner.write({"c": STIGG})
    assert scanner.scan(".").code == 1


def test_files_in_brotli_without_its_library_are_counted(scanner: Scanner) -> None:
    scanner.monkeypatch.setitem(sys.modules, "brotli", None)
    scanner.write({"a.br": brotli.compress(b"clean")})
    scan = scanner.scan(".")
    assert scan.code == 0
    assert "files in Brotli, as countermark[brotli] is not installed: 1" in scan.notes


def test_files_that_vanish_or_are_denied_are_counted(scanner: Scanner, tmp_path: Path) -> None:
    from countermark.leaks import _files

    left = _files.Left()
    assert list(_files.sources_in(tmp_path / "gone", left)) == []
    scanner.write({"a": "clean"})

    def deny(path: Path, mode: str) -> None:
        raise PermissionError

    scanner.monkeypatch.setattr(Path, "open", deny)
    for source in _files.sources_in(tmp_path / "a", left):
        assert list(source.chunks) == []

    def walk(root: Path, onerror: object) -> list[object]:
        assert callable(onerror)
        onerror(PermissionError())
        return []

    scanner.monkeypatch.setattr(os, "walk", walk)
    assert list(_files.sources_in(tmp_path, left)) == []
    assert left == {_files.UNREADABLE: 3}


def test_a_secret_in_the_name_of_a_file_is_found_and_not_shown(scanner: Scanner) -> None:
    scanner.write({f"{STIGG}.txt": f"a\n{STIGG}", "a\nb.txt": STIGG})
    scan = scanner.scan(".")
    assert scan.lines == [
        "'a\\nb.txt':1:1: the secret in STIGG_SIGNING_SECRET (raw)",
        "<not shown>: the secret in STIGG_SIGNING_SECRET (raw) at byte 0",
        "<not shown>:2:1: the secret in STIGG_SIGNING_SECRET (raw)",
    ]


def test_a_name_that_the_output_cannot_encode_is_escaped(scanner: Scanner) -> None:
    scanner.write({"größe.txt": STIGG})
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    scanner.monkeypatch.setattr(sys, "stdout", out)
    assert main(["scan", "."]) == 1
    assert out.buffer.getvalue().startswith(rb"gr\xf6\xdfe.txt:1:1: ")


def test_a_given_link_to_a_file_is_followed(scanner: Scanner) -> None:
    scanner.write({"a.txt": STIGG})
    Path("link").symlink_to("a.txt")
    assert scanner.scan("link").lines == ["link:1:1: the secret in STIGG_SIGNING_SECRET (raw)"]


def test_a_public_key_in_the_environment_does_not_prevent_a_scan(scanner: Scanner) -> None:
    scanner.monkeypatch.delenv("STIGG_SIGNING_SECRET")
    scanner.monkeypatch.setenv("BRAZE_SDK_PRIVATE_KEY", private_key("RS256")[1])
    scanner.write({"a.txt": TALKJS})
    scan = scanner.scan(".")
    assert scan.code == 1
    assert scan.notes.startswith("no secret of a scheme is set in the environment")


def test_without_a_secret_in_the_environment_only_shapes_are_searched(scanner: Scanner) -> None:
    scanner.monkeypatch.delenv("STIGG_SIGNING_SECRET")
    scanner.write({"a.txt": f"{STIGG} {TALKJS}"})
    scan = scanner.scan(".")
    assert [line.split(": ")[1] for line in scan.lines] == [
        "a text in the form of TALKJS_SECRET_KEY (shape)"
    ]
    assert scan.notes.startswith("no secret of a scheme is set in the environment")


@pytest.mark.parametrize("path", ["gone", "a" * 5000, "a\0b"])
def test_a_path_that_does_not_exist_is_misuse(scanner: Scanner, path: str) -> None:
    scan = scanner.scan(path)
    assert (scan.code, scan.out) == (2, "")
    assert scan.notes.endswith("a PATH does not exist; give directories or files\n")
    scanner.write({"a.txt": STIGG})
    assert scanner.scan("a.txt", path).out == ""


def test_a_large_file_needs_little_memory(scanner: Scanner) -> None:
    scanner.write({"a.bin": bytes(range(256)) * (16 << 10)})
    code, peak = measured(main, ["scan", str(scanner.folder)])
    assert code == 0
    assert peak < 2_000_000


def test_a_socket_is_not_opened(scanner: Scanner) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        assert "sockets, pipes and devices: 1" in scanner.scan(".").notes

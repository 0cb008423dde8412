"""The files of a directory, decompressed if need be."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from countermark.leaks._decoding import STEP, Undecodable, decoder_for
from countermark.leaks._findings import Source

#: The kinds of files that were not searched, with their numbers.
Left = Counter[str]

UNREADABLE = "unreadable files"
_LINKS = "symbolic links"
_SPECIAL = "sockets, pipes and devices"
_PACKED = "compressed archives, whose content was not unpacked"
_BROTLI = "files in Brotli, as countermark[brotli] is not installed"
_GIT = "object stores of git, for which there is --history"

_GZIP = b"\x1f\x8b"
# zip, xz, zstd, bzip2 and 7z
_PACKED_MAGIC = (b"PK\x03\x04", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"BZh", b"7z\xbc\xaf")


def sources_in(root: Path, left: Left) -> Iterator[Source]:
    """Yield the files in *root*, or *root* itself, and count in *left* what is left out.

    Symbolic links in it are not followed, but *root* may be one. Files in gzip are decompressed,
    and those in Brotli if their names end in ``.br``.
    """
    if not root.is_dir():
        yield from _source(root, left, follows=True)
        return

    def fail(error: OSError) -> None:
        left[UNREADABLE] += 1

    for folder, folders, files in os.walk(root, onerror=fail):
        folders.sort()
        for name in list(folders):
            if (Path(folder) / name).is_symlink():
                folders.remove(name)
                left[_LINKS] += 1
            elif name == "objects" and "HEAD" in files and "refs" in folders:
                folders.remove(name)
                left[_GIT] += 1
        for name in sorted(files):
            yield from _source(Path(folder) / name, left)


def _source(path: Path, left: Left, *, follows: bool = False) -> Iterator[Source]:
    try:
        mode = path.stat(follow_symlinks=follows).st_mode
    except OSError:
        left[UNREADABLE] += 1
        return
    if stat.S_ISLNK(mode):
        left[_LINKS] += 1
    elif not stat.S_ISREG(mode):
        left[_SPECIAL] += 1
    else:
        yield Source(path.as_posix(), None, _content(path, left))


def _content(path: Path, left: Left) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            if file.read(8).startswith(_PACKED_MAGIC):
                left[_PACKED] += 1
            file.seek(0)
            chunks = iter(lambda: file.read(STEP), b"")
            yield from decompressed(chunks, is_brotli=path.suffix == ".br")
    except OSError:
        left[UNREADABLE] += 1
    except Undecodable as error:
        count_undecodable(error, left)


def count_undecodable(error: Undecodable, left: Left) -> None:
    """Count a file that cannot be decompressed."""
    left[_BROTLI if error.reason == "unknown_coding" else UNREADABLE] += 1


def decompressed(chunks: Iterable[bytes], *, is_brotli: bool = False) -> Iterator[bytes]:
    """Yield the content of a file, decompressed if it is in gzip or Brotli.

    Raises:
        Undecodable: It cannot be decompressed.
    """
    decoder, is_first = None, True
    for chunk in chunks:
        if is_first:
            coding = b"gzip" if chunk.startswith(_GZIP) else b"br" if is_brotli else b""
            decoder, is_first = decoder_for(coding), False
        if decoder is None:
            yield chunk
        else:
            yield from decoder.feed(chunk)

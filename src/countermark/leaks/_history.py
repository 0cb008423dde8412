"""All versions of all files in a git repository, each once, by the program git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from countermark.errors import ConfigurationError
from countermark.leaks._decoding import STEP, Undecodable
from countermark.leaks._files import UNREADABLE, Left, count_undecodable, decompressed
from countermark.leaks._findings import Source

# Variables that name a repository, which git sets in hooks.
_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_WORK_TREE",
)


def versions_in(root: Path, left: Left) -> Iterator[Source]:
    """Yield all objects that any reference of the repository at *root* reaches.

    These are the versions of files, and the commits and tags with their messages. The path of
    a version is one of its paths.

    Raises:
        ConfigurationError: git is not installed, or *root* is not an intact repository.
    """
    # Without -z, as git 2.39 has none. A newline in a path cuts the path off there.
    with (
        _git(root, "rev-list", "--objects", "--all", "--missing=print", *_stashes(root)) as listing,
        _git(root, "cat-file", "--batch") as objects,
    ):
        try:
            for line in _output(listing):
                name, _, path = line.rstrip(b"\n").partition(b" ")
                if name.startswith(b"?"):  # missing, as in a partial clone
                    left[UNREADABLE] += 1
                    continue
                yield from _version(objects, name, path.decode(errors="replace"), left)
            failed = listing.wait()
        finally:
            listing.kill()
            objects.kill()
    if failed:
        raise ConfigurationError(
            "git cannot list the history; give the path of a repository that git trusts"
        )


def _stashes(root: Path) -> list[str]:
    """Return the ids of all stashes: the reference names the last one, and its log the others."""
    with _git(root, "rev-list", "--walk-reflogs", "refs/stash", "--") as log:
        return [line.decode().rstrip("\n") for line in _output(log)]


def _version(
    objects: subprocess.Popen[bytes], name: bytes, path: str, left: Left
) -> Iterator[Source]:
    stdin: Any = objects.stdin
    stdin.write(name + b"\n")
    stdin.flush()
    output = _output(objects)
    answer = output.readline().split()
    if len(answer) < 3:
        raise ConfigurationError("git cannot read an object; repair the repository first: git fsck")
    kind, size = answer[1].decode(), int(answer[2])
    pieces = _pieces(output, size)
    if kind != "tree":  # a list of names
        label = path if kind == "blob" else f"({kind})"
        yield Source(label, name.decode(), _content(pieces, label, left))
    for _ in pieces:  # the rest, if the content could not be decompressed
        pass
    output.read(1)  # a newline


def _pieces(output: IO[bytes], size: int) -> Iterator[bytes]:
    while size and (piece := output.read(min(size, STEP))):
        size -= len(piece)
        yield piece


def _content(pieces: Iterator[bytes], path: str, left: Left) -> Iterator[bytes]:
    try:
        yield from decompressed(pieces, is_brotli=path.endswith(".br"))
    except Undecodable as error:
        count_undecodable(error, left)


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None  # noqa: S101  # for the type checker
    return process.stdout


def _git(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {name: text for name, text in os.environ.items() if name not in _REPOSITORY}
    # A partial clone fetches nothing. The originals of replaced objects are searched.
    environment |= {"GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1"}
    try:
        return subprocess.Popen(  # noqa: S603  # a fixed command
            ["git", "-C", os.fspath(root), *arguments],  # noqa: S607  # the user's git
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError as error:
        reason = type(error).__name__
    raise ConfigurationError(f"git cannot be run ({reason}); --history needs the program git")

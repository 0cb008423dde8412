"""Decodes compressed bodies, a bounded piece at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

#: The greatest number of bytes that a decoder returns at a time.
STEP: Final = 1 << 16

# Decoders copy the input that is left, so they get it in small slices.
_SLICE = 1 << 12

# Bodies that decode to more than this are left: a small body must not cost much time.
_FREE = 1 << 20
_MOST_PER_BYTE = 200


class Undecodable(Exception):
    """The body cannot be decoded.

    Args:
        reason: ``unknown_coding``, ``invalid_coding`` or ``expands_too_much``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Decoder(Protocol):
    """Decodes a stream."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes decode to, at most ``STEP`` bytes at a time."""


def decoder_for(codings: bytes) -> Decoder | None:
    """Return the decoder of a ``Content-Encoding``; None if nothing is encoded.

    Raises:
        Undecodable: A coding is unknown, or its library is not installed.
    """
    names = [name.strip().lower() for name in codings.decode("latin-1").split(",")]
    # The codings are in the order in which they were applied.
    decoders = [_decoder(name) for name in reversed(names) if name not in ("", "identity")]
    return _Limited(decoders) if decoders else None


def _decoder(name: str) -> Decoder:
    if name in ("gzip", "x-gzip"):
        return _Gzip()
    if name == "deflate":
        return _Deflate()
    if name == "br":
        return _Brotli()
    raise Undecodable("unknown_coding")


class _Limited:
    """Some decoders, one after the other, with a limit to what they yield in all."""

    def __init__(self, decoders: list[Decoder]) -> None:
        self._decoders = decoders
        self._left = _FREE

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._left += _MOST_PER_BYTE * len(data)
        pieces: Iterable[bytes] = (
            data[start : start + _SLICE] for start in range(0, len(data), _SLICE)
        )
        for decoder in self._decoders:
            pieces = self._through(decoder, pieces)
        yield from pieces

    def _through(self, decoder: Decoder, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            for decoded in decoder.feed(piece):
                self._left -= len(decoded)
                if self._left < 0:
                    raise Undecodable("expands_too_much")
                yield decoded


class _Gzip:
    """Gzip, of one member or more."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield from _inflated(self._member, data)
        while rest := self._member.unused_data:
            self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            yield from _inflated(self._member, rest)


class _Deflate:
    """Deflate: with the header of zlib as HTTP requires, or without, as some servers send it."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._start = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            data = self._start = self._start + data
            if len(data) < 2:
                return
            with_header = data[0] & 15 == 8 and int.from_bytes(data[:2]) % 31 == 0
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if with_header else -zlib.MAX_WBITS)
        yield from _inflated(self._stream, data)


def _inflated(stream: Any, data: bytes) -> Iterator[bytes]:
    while True:
        try:
            piece = stream.decompress(data, STEP)
        except zlib.error:
            raise Undecodable("invalid_coding") from None
        if piece:
            yield piece
        data = stream.unconsumed_tail
        # All input may be taken while some output is still to come.
        if stream.eof or (not data and len(piece) < STEP):
            return


class _Brotli:
    """Brotli, with the extra ``brotli``."""

    def __init__(self) -> None:
        try:
            import brotli
        except ModuleNotFoundError:
            raise Undecodable("unknown_coding") from None
        self._stream = brotli.Decompressor()
        self._error = brotli.error

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            try:
                piece = self._stream.process(data, output_buffer_limit=STEP)
            except self._error:
                raise Undecodable("invalid_coding") from None
            if not piece:
                return
            yield piece
            data = b""  # the output may go on, although all input is taken

"""The names of the response headers that carry tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from countermark.signing._config import SigningConfig
from countermark.signing._signer import Signer

T = TypeVar("T")


class Encoding(NamedTuple, Generic[T]):
    """The string type of a protocol's headers: conversions from and to ``str``."""

    encode_name: Callable[[str], T]
    encode: Callable[[str], T]
    decode: Callable[[T], str]


#: The headers of WSGI.
TEXT: Final = Encoding[str](str, str, str)
#: The headers of ASGI, whose names are in lower case.
BYTES: Final = Encoding[bytes](
    lambda name: name.lower().encode("ascii"),
    lambda text: text.encode("latin-1"),
    lambda value: value.decode("latin-1"),
)


class TokenHeaders(Generic[T]):
    """The names of the headers that carry tokens, each with its signer."""

    __slots__ = ("_encode_name", "_of_config", "_signers", "encode", "names", "single")

    #: The names; None: they depend on the tenant.
    names: list[T] | None
    #: Name, signer and encoding of the fast path: one signer, safe tokens, and no hook.
    single: tuple[T, Signer, Callable[[str], T]] | None

    def __init__(self, config: SigningConfig, encoding: Encoding[T]) -> None:
        self.encode = encoding.encode
        self._encode_name = encoding.encode_name
        self._signers: Mapping[str, Signer] | None = None
        self._of_config = self.of(config.signers)
        self._signers = config.signers
        self.names = None if config.tenants else [name for name, _ in self._of_config]
        self.single = None
        if len(self._of_config) == 1 and config.on_event is None:
            name, signer = self._of_config[0]
            if signer._header_safe:
                self.single = (name, signer, self.encode)

    def of(self, signers: Mapping[str, Signer]) -> Sequence[tuple[T, Signer]]:
        """Return those of *signers* that have a header, each after its name."""
        if signers is self._signers:
            return self._of_config
        return [
            (self._encode_name(signer.header), signer)
            for signer in signers.values()
            if signer.header is not None
        ]

"""The names of the response headers that carry tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeAlias, TypeVar

from countermark.signing._config import SigningConfig
from countermark.signing._signer import Signer

if TYPE_CHECKING:
    from countermark.keys._keyring import Keyring
    from countermark.keys._watch import Watch

T = TypeVar("T")

#: A tenant, or None, and the signers by scheme.
PinnedSigners: TypeAlias = "tuple[str | None, Mapping[str, Signer]]"


class Encoding(NamedTuple, Generic[T]):
    """The string type of a protocol's headers: conversions from and to ``str``."""

    encode_name: Callable[[str], T]
    encode_token: Callable[[str], T]  # of visible ASCII
    encode: Callable[[str], T]
    decode: Callable[[T], str]


#: The headers of WSGI.
TEXT: Final = Encoding[str](str, str, str, str)
#: The headers of ASGI, whose names are in lower case.
BYTES: Final = Encoding[bytes](
    lambda name: name.lower().encode("ascii"),
    str.encode,  # as UTF-8, which is the same for ASCII and the fastest
    lambda text: text.encode("latin-1"),
    lambda value: value.decode("latin-1"),
)


class TokenHeaders(Generic[T]):
    """The names of the headers that carry tokens, each with its signer."""

    __slots__ = (
        "__weakref__",
        "_config",
        "_encode_name",
        "_known",
        "encode",
        "names",
        "single",
    )

    #: The names; None: they depend on the tenant.
    names: list[T] | None
    #: For the fast path, with one signer, safe tokens, and no hook: the name, the signer, its
    #: ``sign``, the encoding, or None if a token is used as it is, and the signers that the
    #: request must use from then on.
    single: tuple[T, Signer, Callable[[str], str], Callable[[str], T] | None, PinnedSigners] | None

    def __init__(self, config: SigningConfig, encoding: Encoding[T]) -> None:
        self._config = config
        self.encode = encoding.encode_token
        self._encode_name = encoding.encode_name
        self._pin()
        self.names = None if config.tenants else [name for name, _ in self._known[1]]
        for watch, keys in config._followed.watches.items():
            watch.attach(keys, self._prepare, self._pin)

    def _pin(self) -> None:
        """Prepare the headers of the signers that new requests use."""
        config = self._config
        signers = config.signers
        found = self._headers_of(signers)
        # One attribute, so that a request that has begun gets the headers of its own signers.
        self._known = (signers, found)
        single = None
        # The first request in a process takes the long way, which starts the watches.
        started = all(watch.is_started for watch in config._followed.watches)
        if started and len(found) == 1 and config.on_event is None:
            name, signer = found[0]
            if signer._header_safe:
                as_it_is: object = str  # which copies nothing, but is a call
                encode = None if self.encode is as_it_is else self.encode
                single = (name, signer, signer.sign, encode, (None, signers))
        self.single = single

    def _prepare(self, watch: Watch, keys: Keyring) -> Callable[[], None]:
        return self._pin  # after the configuration, which is an older user of the watch

    def of(self, signers: Mapping[str, Signer]) -> Sequence[tuple[T, Signer]]:
        """Return those of *signers* that have a header, each after its name."""
        known, found = self._known
        return found if signers is known else self._headers_of(signers)

    def _headers_of(self, signers: Mapping[str, Signer]) -> list[tuple[T, Signer]]:
        return [
            (self._encode_name(signer.header), signer)
            for signer in signers.values()
            if signer.header is not None
        ]

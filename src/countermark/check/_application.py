"""The description of an application, which the checks read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import dropwhile, islice, takewhile
from typing import Any, NamedTuple

from countermark.check._findings import Finding
from countermark.check._parts import Part, uses_of
from countermark.check._uses import Use


class Cors(NamedTuple):
    """The CORS settings of a layer.

    Attributes:
        every_origin: Whether pages of each origin are allowed.
        credentials: Whether browsers send cookies and scripts may read the responses.
        exposed: The response headers that scripts may read, in lower case; None: all.
        allowed: The request headers that scripts may send, in lower case; None: all.
        expose_setting: The name of the setting for *exposed*.
        allow_setting: The name of the setting for *allowed*.
    """

    every_origin: bool
    credentials: bool
    exposed: frozenset[str] | None
    allowed: frozenset[str] | None
    expose_setting: str = "expose_headers="
    allow_setting: str = "allow_headers="


class Layer(NamedTuple):
    """A middleware around the application or a part of it.

    Attributes:
        name: Its name in messages.
        kinds: Its kinds, such as ``session``, by the names of its classes.
        place: The list of middlewares that it belongs to, and the lists around that one.
        part: The part of ours that it is, or None.
        cors: Its CORS settings, or None.
        gets_lifespan: Whether the server's startup and shutdown reach it.
    """

    name: str
    kinds: frozenset[str]
    place: tuple[int, ...]
    part: Part | None
    cors: Cors | None
    gets_lifespan: bool


@dataclass
class Application:
    """An application: its layers from the outside in, and all parts of ours in it.

    Attributes:
        layers: The middlewares.
        parts: The parts of ours: those of the layers, dependencies and backends.
        findings: The mistakes that were found on the way.
        notes: The parts that could not be checked, and the reason.
        silenced: The codes that the settings of the application silence.
    """

    layers: list[Layer] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    silenced: set[str] = field(default_factory=set)

    @property
    def uses(self) -> Iterator[Use]:
        """The schemes that the parts sign and verify by."""
        for part in self.parts:
            yield from uses_of(part)

    def outside(self, layer: Layer) -> Iterator[Layer]:
        """Yield the layers around *layer*, from the outside in."""
        for other in takewhile(lambda other: other is not layer, self.layers):
            if layer.place[: len(other.place)] == other.place:
                yield other

    def inside(self, layer: Layer) -> Iterator[Layer]:
        """Yield the layers that *layer* is around, from the outside in."""
        after = dropwhile(lambda other: other is not layer, self.layers)
        for other in islice(after, 1, None):
            if other.place[: len(layer.place)] == layer.place:
                yield other


def header_set(given: Any) -> frozenset[str] | None:
    """Return names of headers in lower case; None if they include ``*``."""
    names = [given] if isinstance(given, str) else given if isinstance(given, Iterable) else ()
    found = frozenset(name.lower() for name in names if isinstance(name, str))
    return None if "*" in found else found

"""Walks from the outermost wrapper of an application to its innermost, without calling any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FunctionType, MemberDescriptorType, MethodType
from typing import Any, Final, TypeAlias

from countermark.check._application import Application, Cors, Layer
from countermark.check._cors import cors_of_starlette
from countermark.check._declared import build
from countermark.check._names import closure_of, is_a, kinds_of, names_of, short_name
from countermark.check._parts import Part, part_of

#: The attributes and variables in which wrappers keep the application that they wrap.
_INNER: Final = (
    "app",
    "application",
    "wsgi_app",
    "asgi_app",
    "wsgi_application",
    "_app",
    "_application",
    "_wsgi_app",
    "inner",
    "wrapped",
    "__wrapped__",
)
#: The number of wrappers with other names that are followed.
_DEPTH: Final = 3
_CORS: Final = {"starlette.middleware.cors.CORSMiddleware"}
#: Adapters of WSGI applications that refuse the lifespan of ASGI.
_NO_LIFESPAN: Final = {"asgiref.wsgi.WsgiToAsgi", "starlette.middleware.wsgi.WSGIMiddleware"}

#: Adds the middlewares and parts in an application of a framework, which is its argument.
Expand: TypeAlias = "Callable[[Walk, Any, Place], None]"


class Place:
    """A list of middlewares in an application: its path, and whether a lifespan reaches it."""

    def __init__(self, path: tuple[int, ...] = (), *, gets_lifespan: bool = True) -> None:
        self.path = path
        self.gets_lifespan = gets_lifespan
        self._count = 0

    def inside(self, *, gets_lifespan: bool) -> Place:
        """Return a further list inside this one."""
        self._count += 1
        path = (*self.path, self._count)
        return Place(path, gets_lifespan=gets_lifespan and self.gets_lifespan)


class Walk:
    """Collects the layers and parts of an application.

    Args:
        application: The description to fill.
        frameworks: What to do with applications of frameworks, by the name of the class.
    """

    def __init__(self, application: Application, frameworks: Mapping[str, Expand]) -> None:
        self.application = application
        self._frameworks = frameworks
        self._seen: dict[int, object] = {}

    def follow(self, thing: object, place: Place) -> None:
        """Add *thing* and all that it wraps."""
        found: object | None = thing
        while found is not None and id(found) not in self._seen:
            self._seen[id(found)] = found
            expand = self._expand(found)
            if expand is not None:
                expand(self, found, place)
                return
            inner = self._inner(found)
            if inner is not None and not is_a(found, MethodType):
                self.add(found, place)
            if _handles_lifespan(found):
                place = place.inside(gets_lifespan=False)
            if not _NO_LIFESPAN.isdisjoint(names_of(found)):
                self.end_lifespan(place)
            found = inner

    def add(self, thing: Any, place: Place) -> None:
        """Add a middleware that exists."""
        name = short_name(thing)
        self._append(names_of(thing), name, place, part_of(thing, name), None)

    def add_part(self, part: Part, place: Place) -> None:
        """Add a part whose middleware the framework builds from settings."""
        self._append([], part.where, place, part, None)

    def declare(
        self, cls: Any, arguments: tuple[Any, ...], options: Mapping[str, Any], place: Place
    ) -> None:
        """Add a middleware that the framework builds later from a class and its arguments."""
        name = short_name(cls)
        built = build(cls, arguments, options, name)
        if built.finding is not None:
            self.application.findings.append(built.finding)
        if built.note is not None:
            self.application.notes.append(built.note)
        part = None if built.middleware is None else part_of(built.middleware, name)
        names = names_of(cls)
        cors = None if _CORS.isdisjoint(names) else cors_of_starlette(options)
        self._append(names, name, place, part, cors)
        for value in options.values():  # such as the backend of an authentication middleware
            self.find_part(value)

    def add_cors(self, name: str, cors: Cors, place: Place) -> None:
        """Add CORS settings that are not those of a middleware of Starlette."""
        self._append([], name, place, None, cors)

    def add_kind(self, kind: str, of: str, place: Place) -> None:
        """Add a kind to the layers in *place* that have the kind *of*."""
        for index, layer in enumerate(self.application.layers):
            if layer.place == place.path and of in layer.kinds:
                self.application.layers[index] = layer._replace(kinds=layer.kinds | {kind})

    def find_part(self, thing: object) -> None:
        """Add *thing* if it is a part of ours, or a function that closes over one."""
        part = part_of(thing, short_name(thing))
        if part is not None:
            self._keep(part)
        for value in closure_of(thing).values():
            found = part_of(value, short_name(thing))
            if found is not None:
                self._keep(found)

    def end_lifespan(self, place: Place) -> None:
        """Note that the application inside *place* has no lifespan, so no layer there gets one.

        ``LifespanMiddleware`` gets it in any case.
        """
        place.gets_lifespan = False
        layers = self.application.layers
        for index, layer in enumerate(layers):
            if layer.place == place.path and "lifespan" not in layer.kinds:
                layers[index] = layer._replace(gets_lifespan=False)

    def _append(
        self, names: list[str], name: str, place: Place, part: Part | None, cors: Cors | None
    ) -> None:
        if part is not None:
            self._keep(part)
        kinds = frozenset() if part is not None else frozenset(kinds_of(names))
        layer = Layer(name, kinds, place.path, part, cors, place.gets_lifespan)
        self.application.layers.append(layer)

    def _keep(self, part: Part) -> None:
        parts = self.application.parts
        if not any(_is_same(part, other) for other in parts):
            parts.append(part)

    def _expand(self, thing: object) -> Expand | None:
        names = [] if is_a(thing, type) else names_of(thing)
        return next((self._frameworks[name] for name in names if name in self._frameworks), None)

    def _inner(self, wrapper: Any) -> object | None:
        """Return the application inside *wrapper*, or None if there is none."""
        if is_a(wrapper, MethodType):
            inner: object = wrapper.__self__
            return inner
        given = {**_variables(wrapper), **_attributes(wrapper)}
        for name in _INNER:
            if callable(given.get(name)):
                return given[name]
        # A wrapper may give it any name.
        return next((value for value in given.values() if self._leads_to_known(value)), None)

    def _leads_to_known(self, value: Any, depth: int = _DEPTH) -> bool:
        """Tell whether *value* is a part of ours or an application of a framework, or wraps one."""
        if part_of(value, "") or self._expand(value):
            return True
        plain = is_a(value, type, FunctionType, MethodType) or not callable(value)
        if plain or depth == 0 or id(value) in self._seen:
            return False
        return any(self._leads_to_known(inner, depth - 1) for inner in _attributes(value).values())


def _handles_lifespan(wrapper: Any) -> bool:
    """Tell whether a function of the application answers the server's lifespan itself."""
    code = wrapper.__code__ if is_a(wrapper, FunctionType) else None
    return code is not None and "lifespan" in code.co_consts


def _is_same(one: Part, other: Part) -> bool:
    return one[2:] == other[2:]


def _attributes(thing: object) -> dict[str, object]:
    """Return the attributes of an object, those in slots too, without calling its properties."""
    found: dict[str, object] = {}
    for base in type(thing).__mro__:
        for name, slot in vars(base).items():
            if is_a(slot, MemberDescriptorType):
                with suppress(AttributeError):  # it has no value
                    found[name] = slot.__get__(thing)
    with suppress(AttributeError):
        found |= object.__getattribute__(thing, "__dict__")
    return found


def _variables(wrapper: Any) -> dict[str, object]:
    """Return the variables outside a function that it reads: those of closures, and globals."""
    if not is_a(wrapper, FunctionType):
        return {}
    code, scope = wrapper.__code__, wrapper.__globals__
    read = {name: scope[name] for name in code.co_names if name in scope}
    return {**read, **closure_of(wrapper)}

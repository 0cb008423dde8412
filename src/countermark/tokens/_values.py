"""The values of a principal, and the functions that find them by the rules of a scheme."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple, TypeAlias

from countermark.errors import InvalidPrincipal
from countermark.principal import Principal, identifier_text
from countermark.schemes._formats import TYPES, portable_json
from countermark.schemes._numbers import MAX_WHOLE
from countermark.schemes._parts import PRINCIPAL_TEXTS, Payload
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import (
    MISSING,
    MissingValue,
    Template,
    compile_structure,
    compile_text,
)
from countermark.schemes._value_rules import ValueRule
from countermark.tokens._mac import encode_bytes
from countermark.tokens._sharing import shared

Getters: TypeAlias = "Mapping[str, Callable[[Values], Any]]"
Encode: TypeAlias = Callable[..., str]


class Values:
    """The values of one principal at one moment, each computed once. Call it with a name."""

    __slots__ = ("_getters", "_known", "clock", "encode", "who")

    def __init__(
        self,
        who: Principal | str,
        getters: Getters,
        encode: Encode,
        clock: Callable[[], float],
    ) -> None:
        self.who = who
        #: Makes the code of a text, or the JWT of claims and a header, with the signer's key.
        self.encode = encode
        #: Returns the time, in seconds since the epoch.
        self.clock = clock
        self._getters = getters
        self._known: dict[str, Any] = {}

    def __call__(self, name: str) -> Any:
        """Return the value of *name*, or ``MISSING``."""
        known = self._known
        if name not in known:
            known[name] = self._getters[name](self)
        return known[name]

    def put(self, name: str, value: Any) -> None:
        """Set the value of *name*."""
        self._known[name] = value

    def of_principal(self, name: str) -> Any:
        """Return the principal's *name*, or ``MISSING``."""
        who = self.who
        if not isinstance(who, Principal):
            return who if name == "id" else MISSING
        value = getattr(who, name)
        return MISSING if value is None else value

    def attribute(self, name: str) -> Any:
        """Return the principal's attribute *name*, or ``MISSING``."""
        attributes = self.of_principal("attributes")
        value = None if attributes is MISSING else attributes.get(name)
        return MISSING if value is None else value


class Compiled(NamedTuple):
    """The functions of a scheme that need neither key nor clock."""

    getters: Getters
    fields: Callable[[Values], dict[str, Any]]


@shared
def compiled(
    scheme: Scheme, rule: ValueRule, lifetime: int | None, claims: tuple[str, ...]
) -> Compiled:
    """Return the functions of *scheme*; the other arguments are as for ``TokenOptions``."""
    return Compiled(_getters(scheme, rule, lifetime, claims), compile_structure(scheme.fields))


def _getters(
    scheme: Scheme, rule: ValueRule, lifetime: int | None, claims: tuple[str, ...]
) -> Getters:
    getters: dict[str, Callable[[Values], Any]] = {
        "now": lambda values: values.clock(),
        "uuid": lambda values: _uuid(),
        "lifetime": lambda values: MISSING if lifetime is None else lifetime,
        # Whole seconds, so that the expiry is the same in all formats.
        "expires": lambda values: (
            MISSING if lifetime is None else float(int(values("now")) + lifetime)
        ),
        "created": lambda values: values.of_principal("created"),
        "token": _encoded(_writer(scheme.token), scheme.token_encoding),
    }
    for name in PRINCIPAL_TEXTS:
        getters[name] = _getter_of_field(name, rule if name == "id" else scheme.rule(name))
    for name, value_rule in scheme.values.items():
        if name in scheme.never_signed:
            getters.setdefault(name, _getter_of_refused(name))
        getters.setdefault(name, _getter_of_attribute(name, value_rule))
    for name in scheme.settings:  # those left in the templates are empty
        getters[f"settings.{name}"] = lambda values: MISSING
    if scheme.payload is not None:
        getters["payload"] = _getter_of_payload(scheme.payload)
    if scheme.mac is not None:
        siblings = {f"macs.{name}": text for name, text in scheme.mac.siblings.items()}
        for name, message in {"mac": scheme.mac.message, **siblings}.items():
            getters[name] = _getter_of_mac(message)
    else:
        getters["jwt"] = _getter_of_jwt(scheme, claims)
    return getters


def _writer(content: Any) -> Callable[[Values], str]:
    """Return the function that writes a template as text, or a table as JSON."""
    if isinstance(content, Template):
        return compile_text(content)
    fill = compile_structure(content)
    return lambda values: portable_json(fill(values))


def _uuid() -> str:
    from uuid import uuid4

    return str(uuid4())


def _getter_of_field(name: str, rule: ValueRule) -> Callable[[Values], Any]:
    where = f"the {name}"

    def get(values: Values) -> Any:
        text = values.of_principal(name)  # checked already in general
        return text if text is MISSING else rule.apply(text, where)

    return get


def _getter_of_refused(name: str) -> Callable[[Values], Any]:
    def get(values: Values) -> Any:
        if values.attribute(name) is not MISSING:
            raise InvalidPrincipal(
                f"the principal has the attribute {name}, which never_signed= excludes; remove one"
                " of them",
                code="principal_field",
            )
        return MISSING

    return get


def _getter_of_attribute(name: str, rule: ValueRule) -> Callable[[Values], Any]:
    where = f"the attribute {name}"

    def get(values: Values) -> Any:
        value = values.attribute(name)
        if value is MISSING:
            return MISSING if rule.default is None else deepcopy(rule.default)
        if rule.kind == "text":
            return rule.apply(identifier_text(value, where), where)
        if rule.kind == "integer":
            value = _whole_number(value, where)
        if not isinstance(value, TYPES[rule.kind]) or (
            isinstance(value, bool) and rule.kind != "boolean"
        ):
            raise InvalidPrincipal(
                f"{where} must be of the kind {rule.kind}; convert it in the Principal",
                code="principal_field",
            )
        if rule.id_at and _found_at(value, rule.id_at) not in (None, values.of_principal("id")):
            raise InvalidPrincipal(
                f"{where} names another user at {rule.id_at} than the principal's id; give both"
                " the same id",
                code="principal_field",
            )
        return value

    return get


def _whole_number(value: Any, where: str) -> Any:
    """Return a float without a fraction as an integer. JSON and JavaScript have one type of both.

    Raises:
        InvalidPrincipal: It is so large that JavaScript would round it.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and abs(value) > MAX_WHOLE:
        raise InvalidPrincipal(
            f"{where} is beyond 2**53, where other languages round it; give a smaller one",
            code="principal_field",
        )
    return value


def _found_at(value: Any, path: str) -> Any:
    """Return the value of an object at a path such as ``user.key``, or None."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _getter_of_payload(payload: Payload) -> Callable[[Values], str]:
    write = _writer(payload.content)
    if payload.format in {"query", "query-percent"}:
        from urllib.parse import quote, quote_plus, urlencode  # late, as few schemes need it

        fill = compile_structure(payload.content)
        quoted = quote_plus if payload.format == "query" else quote
        write = lambda values: urlencode(fill(values), quote_via=quoted)  # noqa: E731
    return _encoded(write, payload.encoding)


def _encoded(write: Callable[[Values], str], encoding: str) -> Callable[[Values], str]:
    if encoding == "none":
        return write
    return lambda values: encode_bytes(write(values).encode(), encoding)


def _getter_of_mac(message: Template) -> Callable[[Values], str]:
    write = compile_text(message)
    return lambda values: values.encode(write(values))


def _getter_of_jwt(scheme: Scheme, more: tuple[str, ...]) -> Callable[[Values], str]:
    jwt = scheme.jwt
    assert jwt is not None  # noqa: S101  # a scheme has a MAC or a JWT
    by_itself = scheme.signs_principal
    fill_claims, fill_header = compile_structure(jwt.claims), compile_structure(jwt.header)

    def get(values: Values) -> str:
        if jwt.one_of and all(values(name) is MISSING for name in jwt.one_of):
            raise MissingValue(jwt.one_of)
        claims = fill_claims(values)
        chosen = {name: _chosen(values, name) for name in more}
        chosen = {name: value for name, value in chosen.items() if value is not MISSING}
        if more and not chosen and not by_itself:
            raise MissingValue(more)
        claims |= chosen
        return values.encode(claims, fill_header(values))

    return get


def _chosen(values: Values, name: str) -> Any:
    """Return a claim that the user chose: a value of the principal, or an attribute."""
    if name == "created":
        created = values(name)
        return created if created is MISSING else int(created)
    return values(name) if name in PRINCIPAL_TEXTS else values.attribute(name)

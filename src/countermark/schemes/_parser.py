"""From TOML to a scheme: what a recipe may say, checked key by key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from os import PathLike
from typing import Any

from countermark._redaction import shown
from countermark.errors import InvalidPrincipal, InvalidScheme
from countermark.principal import identifier_text
from countermark.schemes._ambiguity import ambiguity, signed_templates
from countermark.schemes._files import read_toml, read_toml_file
from countermark.schemes._formats import FORMATS, KINDS, TYPES
from countermark.schemes._header_names import header_name
from countermark.schemes._parts import MAX_LIFETIME, Jwt, Mac, Payload, Setting, Vector
from countermark.schemes._tables import Table
from countermark.schemes._templates import (
    Placeholder,
    Template,
    lone_entries,
    parse_all,
    templates_in,
)
from countermark.schemes._value_rules import ValueRule, checked_pattern

ALGORITHMS = ("sha1", "sha256", "sha512")
KEY_FORMS = ("text", "hex", "base64")
CONSTRUCTIONS = ("hmac", "suffix")
ENCODINGS = ("hex", "hex-upper", "base64", "base64url")
PAYLOAD_FORMATS = ("json", "query", "text")
PAYLOAD_ENCODINGS = ("none", "base64", "base64url")
JWT_ALGORITHMS = ("HS256", "HS512", "RS256", "ES256")
CHARSETS = ("any", "ascii")
STATUSES = ("current", "deprecated")

#: The values that every principal may have, and those of the moment, by kind.
PRINCIPAL = {"id": "text", "email": "text", "phone": "text", "name": "text", "created": "time"}
MOMENT = {"now": "time", "expires": "time", "lifetime": "duration", "uuid": "text"}
_COMPUTED = frozenset({"payload", "mac", "macs", "jwt", "token", "settings"})

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_file(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the arguments of a ``Scheme`` from the TOML file at *path*."""
    return read(read_toml_file(path, "scheme"))


def parse(text: str, slug: str) -> dict[str, Any]:
    """Return the arguments of a ``Scheme`` from a TOML text; *slug* is its name by default."""
    return read(read_toml(text, slug, "scheme"))


def read(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the ``Scheme`` that *data* describes.

    Raises:
        InvalidScheme: It contradicts itself; the message names the key.
    """
    top = Table("the recipe", data)
    slug = top.left.pop("slug", None)
    # A payload has the marker beside the schemes.
    if not isinstance(slug, str) or not _SLUG.fullmatch(slug) or slug == "marker":
        raise InvalidScheme(
            "slug: invalid name for a scheme; use lower-case letters, digits and hyphens"
        )
    top.where = f"scheme {slug}"
    try:
        return _Reader(top, slug).arguments()
    except RecursionError:
        raise InvalidScheme(
            f"{top.where}: its tables are nested too deep; write it flatter"
        ) from None


class _Reader:
    """Reads one recipe; holds what its parts must know of each other."""

    def __init__(self, top: Table, slug: str) -> None:
        self.top, self.slug = top, slug
        self.settings = {
            name: _setting(table) for name, table in top.table("settings").tables().items()
        }
        self.values = {name: _rule(table) for name, table in top.table("values").tables().items()}
        for name in self.values:
            if name in MOMENT or name in _COMPUTED or PRINCIPAL.get(name) == "time":
                raise InvalidScheme(
                    f"{top.where}: [values]: {name} is computed; leave it out of [values]"
                )
            if name in PRINCIPAL and self.values[name].kind != "text":
                raise InvalidScheme(
                    f"{top.where}: [values.{name}]: kind must be text; change or drop it"
                )
            if name in PRINCIPAL and self.values[name].default is not None:
                raise InvalidScheme(
                    f"{top.where}: [values.{name}]: only attributes can have a default; drop it"
                )
        #: The kinds of all values that a placeholder may name so far.
        self.kinds = {**MOMENT, **PRINCIPAL}
        self.kinds |= {name: rule.kind for name, rule in self.values.items()}
        for name, rule in self.values.items():
            if any(other == name or other not in self.kinds for other in rule.apart_from):
                raise InvalidScheme(
                    f"{top.where}: [values.{name}]: apart_from must name other values; change it"
                )
        self.kinds |= {f"settings.{name}": "text" for name in self.settings}
        self.used: list[Placeholder] = []

    def arguments(self) -> dict[str, Any]:
        top = self.top
        secret = top.table("secret")
        environments = secret.table("environments")
        payload, mac, jwt = self.payload(), self.mac(), self.jwt()
        if (mac is None) == (jwt is None):
            raise InvalidScheme(f"{top.where}: add one of [mac] and [jwt], and not both")
        if jwt is not None and payload is not None:
            raise InvalidScheme(
                f"{top.where}: [payload] is for [mac] alone; move its entries to [jwt.claims]"
            )
        signed_groups = signed_templates(payload, mac, jwt)
        if jwt is None or not (jwt.one_of or jwt.attributes):
            self.check_principal(signed_groups)
        token, header, request_header = self.token(jwt)
        signed, self.used = self.used, []
        self.kinds["token"] = "text"
        fields = self.structure(top.take("fields", dict, {}), f"{top.where}: [fields]")
        if jwt is not None and jwt.exclusive:
            self.check_exclusive(jwt, self.used)
        lifetime, max_lifetime = self.lifetime(signed)
        arguments = {
            "slug": self.slug,
            "name": top.take("name", str, self.slug),
            "status": top.choose("status", STATUSES, "current"),
            "replacement": top.take("replacement", str, ""),
            "source": top.texts("source"),
            "read": top.maybe("read", date),
            "confidence": top.take("confidence", str, ""),
            "unsure": top.take("unsure", str, ""),
            "notes": top.take("notes", str, ""),
            "ambiguous": self.ambiguous(ambiguity(signed_groups, payload, mac, self.values)),
            "variable": secret.take("variable", str, ""),
            "refuse_prefixes": secret.texts("refuse_prefixes"),
            "environments": {name: environments.texts(name) for name in list(environments.left)},
            "settings": self.settings,
            "values": self.values,
            "lifetime": lifetime,
            "max_lifetime": max_lifetime,
            "expires": any({"expires", "lifetime"}.intersection(p.names) for p in signed),
            "payload": payload,
            "mac": mac,
            "jwt": jwt,
            "token": token,
            "header": header,
            "request_header": request_header,
            "fields": fields,
            "frontend": top.take("frontend", str, ""),
            "vectors": tuple(
                _vector(Table(f"{top.where}: [[vectors]]", item))
                for item in top.take("vectors", list, [])
            ),
            "never_signed": frozenset(),
        }
        for table in (top, secret, environments):
            table.close()
        return arguments

    def payload(self) -> Payload | None:
        if "payload" not in self.top.left:
            return None
        table = self.top.table("payload")
        format = table.choose("format", PAYLOAD_FORMATS)
        encoding = table.choose("encoding", PAYLOAD_ENCODINGS)
        content: Any = (
            self.text(table.take("content", str), f"{table.where}: content")
            if format == "text"
            else self.structure(table.take("content", dict), f"{table.where}: content")
        )
        if format == "query":
            self.check_texts(content, f"{table.where}: content of a query")
        table.close()
        self.kinds["payload"] = "text"
        return Payload(format, encoding, content)

    def mac(self) -> Mac | None:
        if "mac" not in self.top.left:
            return None
        table = self.top.table("mac")
        siblings = self.top.table("macs")
        mac = Mac(
            algorithm=table.choose("algorithm", ALGORITHMS),
            key=table.choose("key", KEY_FORMS, "text"),
            construction=table.choose("construction", CONSTRUCTIONS, "hmac"),
            message=self.text(table.take("message", str), f"{table.where}: message"),
            encoding=table.choose("encoding", ENCODINGS),
            siblings={
                name: self.text(siblings.take(name, str), f"{siblings.where}: {name}")
                for name in list(siblings.left)
            },
        )
        table.close()
        if mac.construction == "suffix" and mac.key != "text":
            raise InvalidScheme(
                f'{table.where}: construction = "suffix" needs key = "text"; change one of them'
            )
        self.kinds["mac"] = "text"
        self.kinds |= {f"macs.{name}": "text" for name in mac.siblings}
        return mac

    def jwt(self) -> Jwt | None:
        if "jwt" not in self.top.left:
            return None
        table = self.top.table("jwt")
        jwt = Jwt(
            algorithm=table.choose("algorithm", JWT_ALGORITHMS),
            header=self.structure(table.take("header", dict, {}), f"{table.where}: header"),
            claims=self.structure(table.take("claims", dict), f"{table.where}: claims"),
            one_of=table.texts("one_of"),
            attributes=table.take("attributes", bool, default=False),
            exclusive=table.take("exclusive", bool, default=False),
        )
        table.close()
        if {"alg", "b64", "crit"} & set(jwt.header):
            raise InvalidScheme(
                f"{table.where}: header must not hold alg, b64 or crit; leave them out"
            )
        self.check_texts(jwt.header, f"{table.where}: header")
        claimed = {n for t in templates_in(jwt.claims) for p in t.placeholders for n in p.names}
        for name in jwt.one_of:
            if name not in claimed or name not in self.principal_values:
                raise InvalidScheme(
                    f"{table.where}: one_of: {shown(name, claimed)} is not one of the"
                    " claims that hold a value of the principal"
                )
        self.kinds["jwt"] = "text"
        return jwt

    def token(self, jwt: Jwt | None) -> tuple[Any, str | None, str | None]:
        table = self.top.table("token")
        where, code = f"{table.where}: template", "mac" if jwt is None else "jwt"
        template = table.left.pop("template", f"{{{code}}}")
        if isinstance(template, str):
            token: Any = self.text(template, where)
            literal = "".join(part for part in token.parts if isinstance(part, str))
            if not literal.isascii() or not literal.isprintable():
                raise InvalidScheme(
                    f"{where} may hold placeholders and visible ASCII characters; remove others"
                )
        else:
            token = self.structure(Table(where, template).left, where)
        names = [
            name for part in templates_in(token) for p in part.placeholders for name in p.names
        ]
        if names.count(code) != 1:
            raise InvalidScheme(f"{where} must hold {{{code}}} exactly once; write it there")
        header, request_header = _header(table, "header"), _header(table, "request_header")
        table.close()
        return token, header, request_header

    @property
    def principal_values(self) -> set[str]:
        """The values that are the principal's own, and not a default or a time."""
        own = {name for name, rule in self.values.items() if rule.default is None}
        return own | {name for name, kind in PRINCIPAL.items() if kind == "text"}

    def text(self, text: str, where: str) -> Template:
        template = Template.parse(text, where)
        for placeholder in template.placeholders:
            if placeholder.optional:
                raise InvalidScheme(
                    f"{where}: {self.named(placeholder)} cannot be optional in a text; drop its ?"
                )
            self.check(placeholder, where, ("text", "integer"))
        return template

    def structure(self, data: Mapping[str, Any], where: str) -> Any:
        structure = parse_all(dict(data), where)
        entries = set(map(id, lone_entries(structure)))
        for template in templates_in(structure):
            for placeholder in template.placeholders:
                if placeholder.optional and id(template) not in entries:
                    raise InvalidScheme(
                        f"{where}: {self.named(placeholder)} must be an entry by itself to be"
                        " optional"
                    )
                lone = placeholder is template.lone
                self.check(placeholder, where, KINDS[:5] if lone else ("text", "integer"))
        return structure

    def check(self, placeholder: Placeholder, where: str, kinds: Iterable[str]) -> None:
        """Check that a placeholder names known values, in a format they can have."""
        for name in placeholder.names:
            if name not in self.kinds:
                raise InvalidScheme(
                    f"{where}: unknown name {shown(name, self.kinds)} in a placeholder; describe"
                    " it in [values], or use one of the principal's"
                )
            takes = FORMATS[placeholder.format].kinds if placeholder.format else kinds
            if self.kinds[name] not in takes:
                raise InvalidScheme(
                    f"{where}: {self.named(placeholder)}: the format does not fit a"
                    f" {self.kinds[name]}; choose another, or leave it out"
                )
            if len(placeholder.names) > 1 and name not in self.principal_values:
                raise InvalidScheme(
                    f"{where}: {self.named(placeholder)}: only values of the principal can be"
                    " alternatives; keep one name"
                )
            setting = self.settings.get(name.removeprefix("settings."))
            if setting and setting.default == "" and "." in name and not placeholder.optional:
                raise InvalidScheme(
                    f"{where}: {self.named(placeholder)} can be empty, so write it with a ? at its"
                    " end"
                )
        self.used.append(placeholder)

    def named(self, placeholder: Placeholder) -> str:
        """Return a placeholder for a message, by its names if these are known."""
        if self.kinds.keys() >= set(placeholder.names):
            return str(placeholder)
        return f"{{{'|'.join(shown(name, self.kinds) for name in placeholder.names)}}}"

    def check_texts(self, table: dict[str, Any], where: str) -> None:
        """Check that all in *table* becomes text or a number."""
        for number, value in enumerate(table.values(), 1):
            lone = value.lone if isinstance(value, Template) else None
            if not isinstance(value, Template):
                raise InvalidScheme(f"{where}: entry {number} must be text")
            if lone is not None and not lone.format:
                self.check(lone, f"{where}: entry {number}", ("text", "integer"))

    def check_principal(self, groups: list[list[Template]]) -> None:
        """Check that each text that is signed holds something of the principal's own."""
        for group in groups:
            if not any(
                self.principal_values.issuperset(placeholder.names) and not placeholder.optional
                for template in group
                for placeholder in template.placeholders
            ):
                raise InvalidScheme(
                    f"{self.top.where}: a text that is signed holds nothing of the principal;"
                    " add a placeholder such as {id}"
                )

    def check_exclusive(self, jwt: Jwt, in_fields: Iterable[Placeholder]) -> None:
        claimed = {n for t in templates_in(jwt.claims) for p in t.placeholders for n in p.names}
        for placeholder in in_fields:
            if claimed.intersection(placeholder.names) & {*PRINCIPAL, *self.values}:
                raise InvalidScheme(
                    f"{self.top.where}: [fields]: {self.named(placeholder)} is a claim of an"
                    " exclusive recipe; leave it out of [fields]"
                )

    def lifetime(self, signed: list[Placeholder]) -> tuple[int | None, int | None]:
        lifetime, most = self.top.maybe("lifetime", int), self.top.maybe("max_lifetime", int)
        ends = [p for p in signed if {"expires", "lifetime"}.intersection(p.names)]
        if lifetime is None and any(not placeholder.optional for placeholder in ends):
            raise InvalidScheme(
                f"{self.top.where}: lifetime is missing; add it in seconds, as the token must"
                " expire"
            )
        if not ends and (lifetime or most):
            raise InvalidScheme(
                f"{self.top.where}: nothing {{expires}}; leave lifetime and max_lifetime out"
            )
        for seconds in (lifetime, most):
            if seconds is not None and not 0 < seconds <= min(most or seconds, MAX_LIFETIME):
                raise InvalidScheme(
                    f"{self.top.where}: lifetime and max_lifetime contradict each other; lifetime"
                    " must be above 0 and at most max_lifetime"
                )
        return lifetime, most

    def ambiguous(self, reason: str) -> str:
        declared = self.top.take("ambiguous", bool, default=False)
        if reason and not declared:
            raise InvalidScheme(
                f"{self.top.where}: two principals could get the same signature: {reason};"
                " say `ambiguous = true` if the vendor leaves no choice"
            )
        if declared and not reason:
            raise InvalidScheme(
                f"{self.top.where}: ambiguous = true, but the recipe is not ambiguous; leave it out"
            )
        return reason


def _header(table: Table, key: str) -> str | None:
    name = table.maybe(key, str)
    return None if name is None else header_name(name, f"{table.where}: {key}", InvalidScheme)


def _setting(table: Table) -> Setting:
    setting = Setting(table.take("variable", str), table.maybe("default", str))
    table.close()
    return setting


def _rule(table: Table) -> ValueRule:
    pattern = table.maybe("pattern", str)
    where = f"{table.where}: pattern"
    kind = table.choose("kind", KINDS[:5], "text")
    default = table.maybe("default", TYPES[kind])
    rule = ValueRule(
        kind=kind,
        default=default,
        charset=table.choose("charset", CHARSETS, "any"),
        lower=table.take("lower", bool, default=False),
        refuse_prefixes=table.texts("refuse_prefixes"),
        refuse_containing=table.texts("refuse_containing"),
        apart_from=table.texts("apart_from"),
        id_at=table.take("id_at", str, ""),
        patterns=() if pattern is None else (checked_pattern(pattern, where),),
    )
    table.close()
    if bool(rule.apart_from) > bool(rule.refuse_prefixes or rule.refuse_containing):
        raise InvalidScheme(
            f"{table.where}: apart_from gives the reason of refuse_prefixes or refuse_containing;"
            " add one of them"
        )
    if rule.id_at and rule.kind != "object":
        raise InvalidScheme(f'{table.where}: id_at is for kind = "object"; leave it out')
    if rule.kind != "text" and (rule.refuses or rule.lower):
        raise InvalidScheme(
            f'{table.where}: only a text can have rules; leave them out, or set kind = "text"'
        )
    if isinstance(default, str) and not _keeps(rule, default):
        raise InvalidScheme(
            f"{table.where}: the default breaks the rules of this value; change one of them"
        )
    return rule


def _keeps(rule: ValueRule, default: str) -> bool:
    try:
        fit = not default or identifier_text(default) == default
        return fit and rule.apply(default, "") == default
    except InvalidPrincipal:
        return False


def _vector(table: Table) -> Vector:
    vector = Vector(
        secret=table.take("secret", str),
        token=table.take("token", str),
        origin=table.take("origin", str),
        id=table.maybe("id", str),
        email=table.maybe("email", str),
        attributes=table.take("attributes", dict, {}),
        settings=table.take("settings", dict, {}),
        now=table.take("now", int, 0),
        message=table.maybe("message", str),
    )
    table.close()
    return vector

"""The JSON Schema of the files of signing schemes."""

from __future__ import annotations

from countermark._http import TOKEN
from countermark.schemes import _parser as parser
from countermark.schemes._formats import VALUE_KINDS
from countermark.schemes._parts import COMPUTED, MAX_LIFETIME, PRINCIPAL_TEXTS
from countermark.schemes._rotation import OVERLAPS
from countermark.schemes._value_tables import CHARSETS, TEXT_RULES
from tests.project.schema_parts import (
    JSON,
    JSON_TYPES,
    ORIGIN,
    PLACEHOLDER,
    Schema,
    choice,
    document,
    flag,
    has,
    if_then,
    named_table,
    open_table,
    table,
    text,
    texts,
    whole,
    whole_text,
)

_TEMPLATE = f"^(?:[^{{}}]|{PLACEHOLDER})*$"
# Without characters that a header cannot hold.
_VISIBLE_TEMPLATE = f"^(?:[ -z|~]|{PLACEHOLDER})*$"
_DEFAULTS: dict[str, Schema] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "list": {"type": "array", "items": {"$ref": "#/$defs/json"}},
    "object": {"type": "object", "additionalProperties": {"$ref": "#/$defs/json"}},
}


_ENTRIES = {"$ref": "#/$defs/structure"}


def _template(description: str) -> Schema:
    return text(description, pattern=_TEMPLATE)


_STRUCTURE: Schema = {
    "type": JSON_TYPES,
    "pattern": _TEMPLATE,
    "items": {"$ref": "#/$defs/structure"},
    "additionalProperties": {"$ref": "#/$defs/structure"},
}
_ROTATION = table(
    "How the vendor replaces the secret.",
    {
        "overlap": choice(
            "What becomes of the old secret. `both`: it is valid until you remove it; `chosen`:"
            " until a time that you choose; `grace`: for `grace` seconds; `none`: it becomes"
            " invalid at once.",
            OVERLAPS,
            "unknown",
        ),
        "grace": whole("The seconds for which the old secret stays valid.", 1),
        "shown_once": flag("True if a new secret is shown a single time."),
        "source": texts("The pages that describe the rotation.", 1),
    },
    ("source",),
    allOf=[
        {
            "if": has("overlap", "grace"),
            "then": {"required": ["grace"]},
            "else": {"properties": {"grace": False}},
        },
        {
            "anyOf": [
                {"properties": {"overlap": {"enum": [*OVERLAPS[:-1]]}}, "required": ["overlap"]},
                {"properties": {"shown_once": {"const": True}}, "required": ["shown_once"]},
            ]
        },
    ],
)

_SECRET = table(
    "The secret, or the private key.",
    {
        "variable": text("The environment variable that holds the secret."),
        "key_prefix": whole(
            "The number of the secret's first characters that tokens show, as `{key_prefix}`.",
            1,
            parser.MOST_KEY_PREFIX,
        ),
        "chosen": flag("True if you choose the secret, and the vendor does not issue it."),
        "refuse_prefixes": texts("The prefixes of keys that are mistaken for the secret."),
        "shapes": texts(
            "Regular expressions of the vendor's secrets, for `countermark scan`. One that matches"
            " the empty text is refused."
        ),
        "environments": open_table(
            "The prefixes of secrets, by environment.",
            texts("The prefixes of the secrets of this environment."),
        ),
        "rotation": _ROTATION,
    },
)


def _rules_of_kind(kind: str) -> Schema:
    """Return the rules for the keys that depend on the kind of a value."""
    is_text = {"properties": {"kind": {"const": "text"}}}  # also if there is no kind
    rules: Schema = {"default": _DEFAULTS[kind]}
    if kind != "text":
        rules |= dict.fromkeys(TEXT_RULES, False)
    if kind != "object":
        rules["id_at"] = False
    return if_then(is_text if kind == "text" else has("kind", kind), rules)


_REFUSALS = ("refuse_prefixes", "refuse_containing")
_VALUE = table(
    "The rules for a value.",
    {
        "kind": choice("The kind of the value.", VALUE_KINDS, "text"),
        "default": {
            "description": "The value for a principal without this attribute, of the same kind."
        },
        "charset": choice("The characters that the value may hold.", CHARSETS, "any"),
        "lower": flag("True if the value is signed in lower case."),
        "pattern": text("A regular expression that the whole value must match."),
        "refuse_prefixes": texts("The prefixes that the value must not have."),
        "refuse_containing": texts("The texts that the value must not contain."),
        "apart_from": texts(
            "The other signed values that this one must not look like. `refuse_prefixes` and"
            " `refuse_containing` see to that, and `never_signed=` lifts them."
        ),
        "id_at": text("The place in an object, such as `user.key`, that must hold the id."),
    },
    allOf=[
        *map(_rules_of_kind, VALUE_KINDS),
        {
            "if": {"properties": {"apart_from": {"minItems": 1}}, "required": ["apart_from"]},
            "then": {
                "anyOf": [
                    {"properties": {key: {"minItems": 1}}, "required": [key]} for key in _REFUSALS
                ]
            },
        },
    ],
)

_VALUES = named_table(
    "The rules for the principal's values. Attributes must be listed here.",
    {"$ref": "#/$defs/value"},
    properties={
        **dict.fromkeys(COMPUTED, False),
        **{
            name: {"properties": {"kind": {"const": "text"}, "default": False}}
            for name in PRINCIPAL_TEXTS
        },
    },
)

_SETTING = table(
    "A constant of the account.",
    {
        "variable": text("The environment variable that holds it."),
        "default": text("Its default. An empty text leaves it out."),
    },
    ("variable",),
)

_TEMPLATES = open_table("The entries, which may hold placeholders.", _ENTRIES)
_PAYLOAD = table(
    "Text or data that is encoded, signed in that form, and sent with the signature.",
    {
        "format": choice("The format of the content.", parser.PAYLOAD_FORMATS),
        "encoding": choice("The encoding; base64url has no padding.", parser.PAYLOAD_ENCODINGS),
        "content": {
            "description": "The content: a text with placeholders if the format is `text`,"
            " otherwise a table."
        },
    },
    ("format", "encoding", "content"),
    allOf=[
        if_then(has("format", "json"), {"content": _TEMPLATES}),
        *(
            if_then(
                has("format", query),
                {"content": open_table("The parameters.", _template("A text with placeholders."))},
            )
            for query in ("query", "query-percent")
        ),
        if_then(has("format", "text"), {"content": _template("A text with placeholders.")}),
    ],
)

_MAC = table(
    "A message authentication code.",
    {
        "algorithm": choice("The hash.", parser.ALGORITHMS),
        "key": choice("The encoding of the secret.", parser.KEY_FORMS, "text"),
        "construction": choice(
            "`hmac`, or `suffix`: the hash of the message followed by the secret.",
            parser.CONSTRUCTIONS,
            "hmac",
        ),
        "message": _template("The text that is signed, with placeholders such as `{id}`."),
        "encoding": choice(
            "The encoding of the signature; base64url has no padding.", parser.ENCODINGS
        ),
    },
    ("algorithm", "message", "encoding"),
    allOf=[if_then(has("construction", "suffix"), {"key": {"const": "text"}})],
)

_MACS = named_table(
    "Further messages that are signed in the same way: `{macs.name}` is such a signature.",
    _template("The text that is signed."),
)

_JWT = table(
    "A JSON Web Token, instead of `mac`.",
    {
        "algorithm": choice("The algorithm.", parser.JWT_ALGORITHMS),
        "header": open_table(
            "The entries of its header other than `alg` and `typ`, such as `kid`.",
            _template("A text with placeholders."),
            properties=dict.fromkeys(parser.RESERVED_ENTRIES, False),
        ),
        "claims": open_table("The claims, which may hold placeholders.", _ENTRIES),
        "one_of": texts("The optional values of which a principal needs at least one."),
        "attributes": flag("True if the vendor accepts other claims, which `claims=` adds."),
        "exclusive": flag("True if `fields` must not repeat a claim."),
    },
    ("algorithm", "claims"),
)

_TOKEN = table(
    "The token, and the headers that carry it.",
    {
        "template": {
            "description": "The token, by default `{mac}` or `{jwt}`; a table becomes JSON.",
            "type": ["string", "object"],
            "pattern": _VISIBLE_TEMPLATE,
            "additionalProperties": _ENTRIES,
        },
        "encoding": choice("The encoding of the whole token.", parser.TOKEN_ENCODINGS, "none"),
        "header": whole_text("The response header of the token.", TOKEN),
        "request_header": whole_text(
            "The header in which the front end sends the token to the vendor.", TOKEN
        ),
    },
)

_VECTOR = table(
    "An example: the input, and the token that it gives.",
    {
        "secret": text("The secret."),
        "token": text("The token; with `message`, its signature."),
        "origin": text("Where the example was published."),
        "id": text("The principal's id."),
        "email": text("The principal's e-mail address."),
        "attributes": open_table("The principal's attributes.", {"$ref": "#/$defs/json"}),
        "settings": open_table("The account's constants.", text("The constant.")),
        "now": whole("The time, in seconds since the epoch."),
        "message": text("The text that is signed, if the example is of the signature alone."),
    },
    ("secret", "token", "origin"),
)

_ROOT = table(
    "",
    {
        **ORIGIN,
        "slug": {**ORIGIN["slug"], "not": {"const": "marker"}},
        "status": choice("The state of the scheme at the vendor.", parser.STATUSES, "current"),
        "replacement": text("What replaces a deprecated scheme."),
        "unsure": text("The details that are not certain."),
        "frontend": text("The JavaScript that hands over `identity`, the fields."),
        "ambiguous": flag(
            "True if two principals can get the same signature and the vendor leaves no choice."
        ),
        "lifetime": whole("The lifetime of a token, in seconds.", 1, MAX_LIFETIME),
        "min_lifetime": whole("The shortest lifetime, in seconds.", 1, MAX_LIFETIME),
        "max_lifetime": whole("The longest lifetime, in seconds.", 1, MAX_LIFETIME),
        "secret": _SECRET,
        "settings": named_table("Constants of the account, by name.", _SETTING),
        "values": _VALUES,
        "payload": _PAYLOAD,
        "mac": _MAC,
        "macs": _MACS,
        "jwt": _JWT,
        "token": _TOKEN,
        "fields": open_table("The fields for the front end, by the vendor's names.", _ENTRIES),
        "vectors": {
            "description": "Examples, each with the token that it gives.",
            "type": "array",
            "items": _VECTOR,
        },
    },
    oneOf=[{"required": ["mac"]}, {"required": ["jwt"]}],
    allOf=[
        {
            "if": {"required": ["jwt"]},
            "then": {
                "properties": {
                    "payload": False,
                    "macs": False,
                    "secret": {"properties": {"key_prefix": False}},
                    "token": {"properties": {"encoding": {"const": "none"}}},
                }
            },
        }
    ],
)


def schema() -> Schema:
    """Return the schema."""
    return document(
        "Signing scheme of countermark",
        "How a vendor expects the id of the current user to be signed.",
        _ROOT,
        {"json": JSON, "structure": _STRUCTURE, "value": _VALUE},
    )

"""The JSON Schema of the files of webhook schemes."""

from __future__ import annotations

import re

from countermark._http import REQUEST_HEADER
from countermark.webhooks import _challenge_parser as challenges
from countermark.webhooks import _parser as parser
from countermark.webhooks import _times as times
from countermark.webhooks._messages import FIELDS, MEMBERS
from countermark.webhooks._parts import MAX_TOLERANCE, PUBLIC_KEY_ALGORITHMS
from countermark.webhooks._url_parser import DECODED, PARAMETER
from tests.project.schema_parts import (
    ORIGIN,
    Schema,
    choice,
    document,
    filled_text,
    flag,
    has,
    if_then,
    open_table,
    table,
    text,
    texts,
    whole,
    whole_text,
)

_ANSWER = rf"^(?:[^{{}}]|{'|'.join(map(re.escape, challenges.PLACEHOLDERS))})*$"
_MESSAGE = f"^(?:[^{{}}]|{'|'.join(map(re.escape, FIELDS))})*$"


def _header(description: str) -> Schema:
    return whole_text(description, REQUEST_HEADER)


_SECRET = table(
    "The vendor's secret.",
    {
        "variable": text("The environment variable that holds the secret."),
        "key_id_variable": filled_text(
            "The variable with the id under which the vendor names the key, for `http-signature`."
        ),
        "private_variable": text("The variable that holds the private key of a sender."),
        "private_prefix": text("A text that may precede a private key of that sender."),
        "chosen": flag("True if you choose the secret, and the vendor does not issue it."),
        "form": choice(
            "The encoding of the secret: `text`, the default, `hex` or `base64`. Of a public key:"
            " `pem`; `spki`, the base64 of its DER; for Ed25519 also `hex` and `base64`.",
            tuple(dict.fromkeys((*parser.FORMS, *parser.PUBLIC_KEY_FORMS))),
        ),
        "prefix": text("A text that may precede the secret and is not a part of it."),
        "least": {
            **whole("The smallest number of bytes; fewer cause a warning.", 1),
            "default": 32,
        },
        "most": whole("The largest number of bytes; more are refused.", 1),
        "refuse_prefixes": texts("The prefixes of keys that are mistaken for the secret."),
    },
)

_SECRET_HEADER = table(
    "The header that holds the secret itself.", {"header": _header("The header.")}, ("header",)
)


def _signature_header(description: str, algorithm: Schema) -> Schema:
    return table(
        description,
        {
            "header": _header("The header."),
            "algorithm": algorithm,
            "encoding": choice("The encoding of the signature.", parser.ENCODINGS),
            "prefix": text("The text before the signature."),
            "separator": text("The text between several signatures. Without it, there is one."),
            "message": text(
                f"The signed text, with the fields that are signed, of {', '.join(FIELDS)}.",
                allOf=[{"pattern": _MESSAGE}, {"pattern": r"\{body\}|\{parameters\}"}],
            ),
            "json_body": flag("True if the vendor sends JSON objects and arrays alone."),
            "ambiguous": flag(
                "True if two requests can have the same message and the vendor leaves no choice."
            ),
        },
        ("header", "algorithm", "encoding", "message"),
    )


_MAC_HEADER = _signature_header(
    "The header that holds a MAC, and what it signs.", choice("The hash.", parser.ALGORITHMS)
)
_PUBLIC_KEY_HEADER = _signature_header(
    "The header that holds a signature, and what it signs.",
    choice("The algorithm of the signature.", PUBLIC_KEY_ALGORITHMS),
)

_MEMBER = table(
    "The member of the body that holds a MAC, and what it signs.",
    {
        "member": filled_text("The name of the member; a dot leads into an inner object."),
        "algorithm": choice("The hash.", parser.ALGORITHMS),
        "encoding": choice("The encoding of the signature.", parser.ENCODINGS),
        "message": whole_text("The signed text: a time followed by an id.", MEMBERS),
    },
    ("member", "algorithm", "encoding", "message"),
)

_HTTP_SIGNATURE = table(
    "A signature of draft-cavage-http-signatures.",
    {
        "algorithm": choice("The algorithm.", parser.HTTP_ALGORITHMS),
        "covers": {
            "description": "The parts that must be signed.",
            "type": "array",
            "items": {
                "anyOf": [
                    {"enum": list(parser.COVERS)},
                    {"type": "string", "pattern": f"^{parser.COVERED_HEADER}$"},
                ]
            },
            "allOf": [{"contains": {"const": name}} for name in parser.COVERS],
        },
    },
    ("algorithm", "covers"),
)

_PLACES = ("header", "entry", "body")
_ONE_PLACE = {"oneOf": [{"required": [place]} for place in _PLACES]}
_TIMESTAMP = table(
    "The place of the signed time.",
    {
        "header": _header("A header of its own."),
        "entry": filled_text("The text before the time in the header of the signatures: `t=`."),
        "body": filled_text("Its name in the JSON of the body; a dot leads into an inner object."),
        "form": choice("The form of the time.", times.FORMS, "seconds"),
        "tolerance": whole(
            "The seconds by which it may differ from the time of receipt.", 1, MAX_TOLERANCE
        ),
    },
    ("tolerance",),
    allOf=[if_then(has("form", "seconds-text"), {}, "body")],
)

_ID = table(
    "The place of the delivery id.",
    {
        "header": _header("The header with the delivery id."),
        "body": filled_text("Its name in the JSON of the body; a dot leads into an inner object."),
    },
    oneOf=[{"required": ["header"]}, {"required": ["body"]}],
)

_URL = table(
    "The form of a signed URL.",
    {
        "decoded": whole_text("The characters whose percent codes are decoded.", DECODED),
        "any_port": flag("True if the vendor may sign the default port or leave another out."),
        "body_hash": whole_text(
            "The parameter of the query that holds the SHA-256 of the body.", PARAMETER
        ),
    },
)

_CHALLENGE = table(
    "The verification request of the vendor, and the answer to it.",
    {
        "query": filled_text("The parameter of a GET request that holds the challenge."),
        "header": _header("The header of a GET request that holds the challenge."),
        "body": filled_text("The member of a signed JSON body that holds the challenge."),
        "head": {"description": "True for a HEAD request without a challenge.", "const": True},
        "when": open_table("The parameters or members, with their values.", text("The value.")),
        "token": table(
            "The verify token that you choose and that the vendor repeats.",
            {
                "query": filled_text("The parameter of the query."),
                "variable": filled_text("The environment variable that holds the token."),
            },
            ("query", "variable"),
        ),
        "answer": {
            "description": "The answer: a text with `{challenge}` or `{mac}`, or a JSON object.",
            "type": ["string", "object"],
            "pattern": _ANSWER,
            "additionalProperties": text("A text with placeholders.", pattern=_ANSWER),
        },
    },
    oneOf=[{"required": [place]} for place in challenges.PLACES],
    allOf=[
        {
            "if": {"required": ["head"]},
            "then": {"properties": dict.fromkeys(("when", "token", "answer"), False)},
            "else": {"required": ["answer"]},
        },
        {
            "if": {"required": ["body"]},
            "then": {
                "properties": {"token": False, "when": {"minProperties": 1}},
                "required": ["when"],
            },
        },
    ],
)

_VECTOR = table(
    "An example of a delivery.",
    {
        "secret": text("The secret."),
        "key_id": text("The id under which the vendor names the key."),
        "headers": open_table("The headers.", text("The value.")),
        "body": text("The body."),
        "method": text("The method.", default="POST"),
        "path": text("The path and the query.", default="/"),
        "base_url": text("The public URL before the path."),
        "now": whole("The time of receipt, in seconds since the epoch."),
        "delivery_id": text("The id of the delivery."),
        "origin": text("Where the example was published."),
    },
    ("secret", "body", "origin"),
)

_FORM_OF_SECRETS = {"enum": [*parser.FORMS]}
_NO_PUBLIC_KEY = dict.fromkeys(("private_variable", "private_prefix"), False)
# The rules of each kind: the table [signature], and what the other tables hold or lack.
_RULES = [
    if_then(
        has("kind", "secret"),
        {
            "signature": _SECRET_HEADER,
            "secret": {
                "properties": {
                    **dict.fromkeys(("form", "prefix", "key_id_variable"), False),
                    **_NO_PUBLIC_KEY,
                }
            },
            "timestamp": _ONE_PLACE,
            "url": False,
        },
    ),
    if_then(
        has("kind", "body-hmac"),
        {
            "signature": _MEMBER,
            "secret": {
                "properties": {
                    "key_id_variable": False,
                    "form": _FORM_OF_SECRETS,
                    **_NO_PUBLIC_KEY,
                }
            },
            "id": {"required": ["body"]},
            "timestamp": {"required": ["body"], **_ONE_PLACE},
            "url": False,
        },
        "id",
        "timestamp",
    ),
    if_then(
        has("kind", "hmac"),
        {
            "signature": _MAC_HEADER,
            "secret": {
                "properties": {
                    "key_id_variable": False,
                    "form": _FORM_OF_SECRETS,
                    **_NO_PUBLIC_KEY,
                }
            },
            "timestamp": _ONE_PLACE,
        },
    ),
    if_then(
        has("kind", "public-key"),
        {
            "signature": _PUBLIC_KEY_HEADER,
            "secret": {
                "properties": {
                    "form": {"enum": [*parser.PUBLIC_KEY_FORMS]},
                    **dict.fromkeys(("chosen", "key_id_variable", "least", "most"), False),
                },
                "required": ["form"],
                "allOf": [
                    if_then(has("form", form), {"private_prefix": False})
                    for form in parser.FORMS_OF_FILES
                ],
            },
            "timestamp": _ONE_PLACE,
        },
        "secret",
    ),
    if_then(
        has("kind", "http-signature"),
        {
            "signature": _HTTP_SIGNATURE,
            "secret": {
                "properties": {"form": _FORM_OF_SECRETS, **_NO_PUBLIC_KEY},
                "required": ["key_id_variable"],
            },
            "timestamp": {"properties": dict.fromkeys((*_PLACES, "form"), False)},
            "url": False,
        },
        "secret",
    ),
]

_ROOT = table(
    "",
    {
        **ORIGIN,
        "kind": choice(
            "The proof of a delivery. `secret`: a header holds the secret itself; `hmac`: it holds"
            " a MAC; `body-hmac`: a member of the body holds a MAC; `public-key`: a header holds a"
            " signature that the vendor's public key verifies;"
            " `http-signature`: it holds a signature of draft-cavage.",
            parser.KINDS,
        ),
        "secret": _SECRET,
        "signature": {"description": "The proof, in the form of the kind.", "type": "object"},
        "timestamp": _TIMESTAMP,
        "url": _URL,
        "id": _ID,
        "challenge": _CHALLENGE,
        "vectors": {
            "description": "Examples, each with the headers and the body.",
            "type": "array",
            "items": _VECTOR,
        },
    },
    ("kind", "signature"),
    allOf=_RULES,
)


def schema() -> Schema:
    """Return the schema."""
    return document(
        "Webhook scheme of countermark",
        "How a vendor proves that it sent a webhook.",
        _ROOT,
        {},
    )

"""Collects the data of a scheme's page."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from starlette.requests import Request

from countermark import InvalidPrincipal, Scheme
from countermark.demo import vendors
from countermark.demo.caches import KINDS
from countermark.demo.mistakes import planted
from countermark.demo.parts import Parts
from countermark.demo.people import PEOPLE, Person
from countermark.demo.receiver import CLAIM, Receiver
from countermark.demo.signed import signed_parts
from countermark.explain import Explanation
from countermark.schemes import scheme_slugs
from countermark.schemes._descriptions import backend, describe_token, snippet

_KINDS = {False: "Hashes (HMAC)", True: "JSON Web Tokens"}

#: The stand-ins, and the values that their requests need.
_STAND_INS = {
    "stigg": {"path": vendors.STIGG_PATH, "key": vendors.STIGG_KEY},
    "cognito-flow": {
        "path": vendors.FLOW_PATH,
        "key": vendors.FLOW_KEY,
        "template": vendors.FLOW_TEMPLATE,
    },
}


def view_of(
    request: Request,
    parts: Parts,
    receiver: Receiver,
    person: Person | None,
    *,
    edited: str | None = None,
    explanation: Explanation | None = None,
) -> dict[str, Any]:
    """Return the values for the templates.

    Args:
        request: The request, which has passed the signing middleware.
        parts: The parts of the scheme.
        receiver: The receiving services.
        person: The current user, or None.
        edited: The token in the form, if the user has edited it.
        explanation: Its explanation.
    """
    scheme, identity = parts.scheme, request.state.countermark
    signed = identity.get(scheme.slug)
    token = None if signed is None else signed.token
    fields = None if signed is None else signed.fields
    mistakes = []
    attempts: list[dict[str, Any]] = []
    if person is not None and signed is not None and parts.verifier is not None:
        mistakes = planted(parts, person)
        found = vendors.attempts(parts, person, signed.fields, receiver.mode)
        attempts = [attempt._asdict() for attempt in found]
    principal = None if person is None else person.principal
    return {
        "parts": parts,
        "scheme": scheme,
        "form": describe_token(scheme),
        "catalogue": _catalogue(),
        "people": PEOPLE,
        "person": person,
        "token": token,
        "refused": _refusal(parts, person),
        "fields": fields,
        "fields_text": json.dumps(fields, indent=2),
        "signed": signed_parts(parts, principal, token),
        "backend": "\n".join(backend(scheme)),
        "frontend": "\n".join(snippet(scheme)),
        "attempts": attempts,
        "stand_in": _STAND_INS.get(scheme.slug),
        "mistakes": mistakes,
        "edited": token if edited is None else edited,
        "explanation": explanation,
        "mode": receiver.mode,
        "counts": receiver.counts(scheme.slug),
        "kinds": KINDS,
        "nonce": request.state.nonce,
        "data": {
            "slug": scheme.slug,
            "user": "" if person is None else person.name,
            "id": "" if person is None else person.principal.id,
            "claim": CLAIM,
            "token": token,
            "fields": fields,
            "header": parts.signer.header,
            "sentIn": parts.token_header,
            "changing": parts.is_changing,
            "jwt": scheme.jwt is not None,
            "standIn": _STAND_INS.get(scheme.slug),
        },
    }


@cache
def _catalogue() -> dict[str, list[Scheme]]:
    """Return the schemes by kind, in the order of their names."""
    schemes = sorted(map(Scheme.load, scheme_slugs()), key=lambda scheme: scheme.name.lower())
    return {
        label: [scheme for scheme in schemes if (scheme.jwt is not None) is is_jwt]
        for is_jwt, label in _KINDS.items()
    }


def _refusal(parts: Parts, person: Person | None) -> str | None:
    """Return the reason why the scheme does not sign for this user, or None."""
    try:
        if person is not None:
            parts.signer.issue(person.principal)
    except InvalidPrincipal as error:
        return str(error)
    return None

"""The vendors of the demo: stand-ins, and attempts to be accepted by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from countermark.demo import USERS, demo_keyring, token_field
from countermark.demo.parts import Parts, token_of_another
from countermark.demo.people import Person
from countermark.testing import FlowSessions, StiggEdge, tampered
from countermark.verifying._results import Mode

#: Public values that the page sends in addition to tokens.
STIGG_KEY = "client-demo"
FLOW_KEY = "demo_publishable_key"
FLOW_TEMPLATE = "flwtmp_demo"

#: The description of the valid token.
OWN = "the page's own token"

STIGG_PATH = "/stigg"
FLOW_PATH = "/flow"


class Attempt(NamedTuple):
    """A token to send to a vendor and to a service, valid or not.

    Attributes:
        vendor: The name of the scheme.
        sent: The description of the token.
        token: The token; empty if there is none.
        fields: The fields of the scheme, with the token; empty if there is no stand-in.
        to_be_accepted: True if the vendor should accept the token; None: no stand-in.
        for_service: True if the service should accept the token.
    """

    vendor: str
    sent: str
    token: str
    fields: Mapping[str, str]
    to_be_accepted: bool | None
    for_service: bool


class Vendors:
    """Stand-ins that share one switch. They enforce at first."""

    def __init__(self) -> None:
        customers = {user: {"entitlements": [{"feature": "demo"}]} for user in USERS}
        self.stigg = StiggEdge(
            demo_keyring("stigg"), customers=customers, publishable_key=STIGG_KEY
        )
        self.flow = FlowSessions(
            demo_keyring("cognito-flow"), publishable_key=FLOW_KEY, require_signed=True
        )

    def enforce(self, enforced: bool) -> None:
        """Turn the switch: if *enforced*, tokens must be valid."""
        self.stigg.enforced = self.flow.require_signed = enforced


def attempts(
    parts: Parts, person: Person, fields: Mapping[str, Any], mode: Mode
) -> Iterator[Attempt]:
    """Yield the attempts of a user, with the outcomes that the mode prescribes.

    The stand-ins enforce in the mode ``enforce``.
    """
    enforced = mode == "enforce"
    own = parts.signer.sign(person.principal)
    sent = {OWN: own, "no token": "", "a tampered token": tampered(own)}
    if parts.names_user:
        sent["another user's token"] = token_of_another(parts, person)
    for text, token in sent.items():
        valid = text == OWN
        accepted = _accepted_by(parts.scheme.slug, valid, bool(token), enforced)
        given = {} if accepted is None else {**fields, token_field(parts.scheme): token}
        yield Attempt(parts.scheme.slug, text, token, given, accepted, valid or not enforced)


def _accepted_by(vendor: str, valid: bool, there: bool, enforced: bool) -> bool | None:
    """Tell whether the stand-in accepts a token; None: the vendor has no stand-in."""
    if vendor == "stigg":
        return valid or not enforced
    if vendor == "cognito-flow":
        # Flow refuses wrong signatures even if they are not required.
        return valid or not (there or enforced)
    return None

"""The vendors of the demo: stand-ins, and attempts to be accepted by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from countermark.demo import USERS, demo_keyring, demo_signers, token_field
from countermark.testing import FlowSessions, StiggEdge, tampered

#: Public values that the page sends in addition to tokens.
STIGG_KEY = "client-demo"
FLOW_KEY = "demo_publishable_key"
FLOW_TEMPLATE = "flwtmp_demo"

STIGG_PATH = "/stigg"
FLOW_PATH = "/flow"


class Attempt(NamedTuple):
    """A token to send to a vendor, valid or not.

    Attributes:
        vendor: The name of the scheme.
        sent: The description of the token.
        fields: The fields of the scheme, with the token.
        to_be_accepted: True if the vendor should accept the token.
    """

    vendor: str
    sent: str
    fields: Mapping[str, str]
    to_be_accepted: bool


class Vendors:
    """Stand-ins that share one switch. It is *enforced* at first."""

    def __init__(self) -> None:
        customers = {user: {"entitlements": [{"feature": "demo"}]} for user in USERS}
        self.stigg = StiggEdge(
            demo_keyring("stigg"), customers=customers, publishable_key=STIGG_KEY
        )
        self.flow = FlowSessions(
            demo_keyring("cognito-flow"), publishable_key=FLOW_KEY, require_signed=True
        )

    @property
    def enforced(self) -> bool:
        """True if tokens must be valid."""
        return self.stigg.enforced

    @enforced.setter
    def enforced(self, enforced: bool) -> None:
        self.stigg.enforced = self.flow.require_signed = enforced

    def attempts(self, payload: Mapping[str, Any]) -> list[Attempt]:
        """Return the attempts for the user of *payload*; none if the user is anonymous."""
        found = []
        for signer in demo_signers():
            slug, name = signer.scheme.slug, token_field(signer.scheme)
            fields: Mapping[str, str] = payload.get(slug, {})
            if name not in fields:
                continue
            own = fields[name]
            another = next(token for token in map(signer.sign, USERS) if token != own)
            for sent, token, right in (
                ("the page's own token", own, True),
                ("no token", "", not self.enforced),
                # Flow refuses wrong signatures even if they are not required.
                ("a tampered token", tampered(own), slug == "stigg" and not self.enforced),
                ("another user's token", another, slug == "stigg" and not self.enforced),
            ):
                found.append(Attempt(slug, sent, {**fields, name: token}, right))
        return found

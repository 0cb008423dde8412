"""The vendors of the demo: stand-ins, and what is tried on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from countermark.demo import USERS, demo_keyring, demo_signers, token_field
from countermark.testing import FlowSessions, StiggEdge, tampered

#: What the page names beside tokens. These may be known to everybody.
STIGG_KEY = "client-demo"
FLOW_KEY = "demo_publishable_key"
FLOW_TEMPLATE = "flwtmp_demo"

STIGG_PATH = "/stigg"
FLOW_PATH = "/flow"


class Attempt(NamedTuple):
    """Something to hand over to a vendor.

    Attributes:
        vendor: The name of the scheme.
        handed_over: What it is, in words.
        fields: What it is, by the vendor's names.
        to_be_accepted: Whether the vendor is right to accept it.
    """

    vendor: str
    handed_over: str
    fields: Mapping[str, str]
    to_be_accepted: bool


class Vendors:
    """Stand-ins that share one switch. It begins as *enforced*."""

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
        """Whether tokens must be good."""
        return self.stigg.enforced

    @enforced.setter
    def enforced(self, enforced: bool) -> None:
        self.stigg.enforced = self.flow.require_signed = enforced

    def attempts(self, payload: Mapping[str, Any]) -> list[Attempt]:
        """Return what to try for the user of *payload*; nothing for nobody."""
        found = []
        for signer in demo_signers():
            slug, name = signer.scheme.slug, token_field(signer.scheme)
            fields: Mapping[str, str] = payload.get(slug, {})
            if name not in fields:
                continue
            own = fields[name]
            another = next(token for token in map(signer.sign, USERS) if token != own)
            for handed_over, token, right in (
                ("the page's own token", own, True),
                ("no token", "", not self.enforced),
                # Flow refuses wrong signatures whatever its switch says.
                ("a tampered token", tampered(own), slug == "stigg" and not self.enforced),
                ("another user's token", another, slug == "stigg" and not self.enforced),
            ):
                found.append(Attempt(slug, handed_over, {**fields, name: token}, right))
        return found

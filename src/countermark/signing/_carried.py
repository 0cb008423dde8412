"""The tokens that a response carries in its headers: what middlewares call when one starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from countermark.signing._config import ASK, FAILED, Carrier, IdentityPolicy, carriers_of
from countermark.signing._request_identity import RequestIdentity
from countermark.signing._signer import Signer

T = TypeVar("T")


def compile_carried(
    policy: IdentityPolicy, encode_name: Callable[[str], T], encode: Callable[[str], T]
) -> Callable[[RequestIdentity], list[tuple[T, T]] | None]:
    """Return the function from an identity to the headers that carry its tokens.

    It is what a middleware calls when a response starts. From then on the
    identity is settled: what is read later is the same principal's. The result
    is empty for nobody, and None if the principal could not be told.

    Args:
        policy: The policy of the identities.
        encode_name: Encodes the name of a header.
        encode: Encodes a token.
    """
    resolve = policy.resolve
    carriers = carriers_of(policy.signers, encode_name)

    def find_carriers(signers: Mapping[str, Signer]) -> Sequence[Carrier[T]]:
        return carriers if signers is policy.signers else carriers_of(signers, encode_name)

    # One signer, no hook, and nothing read so far: most responses, with no detour.
    plain = len(carriers) == 1 and carriers[0][1].header_safe and policy.on_event is None
    if plain:
        name, signer = carriers[0]
        sign = signer.sign

    def carried(identity: RequestIdentity) -> list[tuple[T, T]] | None:
        who = identity._told
        if who is ASK and identity.source is not None:
            try:
                who = resolve(identity.source)
            except Exception as error:
                identity._fail("resolver_raised", error)
                return None
            identity._told = who
            if who is None:
                return []
        else:
            who = identity._who_at_last()
            if who is None:
                return None if identity._told is FAILED else []
        if plain and type(who) is str and identity._tokens is None:
            try:
                token = sign(who)
            except Exception:  # tried again there, and reported
                return identity._carried(who, find_carriers, encode)
            identity._tokens = {(signer, who): token}
            return [(name, encode(token))]
        return identity._carried(who, find_carriers, encode)

    return carried

"""One set of keys of a webhook verifier, ready to check deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from countermark._redaction import shown, shown_variable
from countermark.errors import InvalidKey
from countermark.keys._keyring import Keyring
from countermark.keys._secret import SecretKey
from countermark.keys._user import KeysNow
from countermark.webhooks._header_checks import HmacProof, Proof, SecretCheck, SignatureCheck
from countermark.webhooks._http_signatures import HttpSignatureCheck
from countermark.webhooks._member_checks import MemberCheck
from countermark.webhooks._parts import HttpSignature, SecretHeader, SignatureMember
from countermark.webhooks._pending import HeadCheck
from countermark.webhooks._scheme import WebhookScheme

if TYPE_CHECKING:
    from countermark.keys._watch import Watch


# A public key as the base64 of its DER begins with one of these: of Ed25519, of P-256, and of RSA
# with 2048, 3072 or 4096 bits.
_PUBLIC_KEYS: Final = (
    "MCowBQYDK2VwAyEA",
    "MFkwEwYHKoZIzj0CAQYI",
    *(f"{start}ANBgkqhkiG9w0BAQEF" for start in ("MIIBIj", "MIIBoj", "MIICIj")),
)


class KeysInUse:
    """The keys of one moment, which check a whole delivery.

    Args:
        scheme: The webhook scheme.
        keys: The keys by key id, which is "" if the vendor names no keys, and their watches.
        tolerance: The accepted age in seconds, either way, or None.
        base_url: The public URL before the path, or "".

    Raises:
        InvalidKey: A key does not fit the scheme.
    """

    __slots__ = ("_base_url", "_keys", "_scheme", "_tolerance", "check", "has_short", "rings")

    #: The check of the headers.
    check: HeadCheck
    #: Whether a secret has fewer bytes than it should.
    has_short: bool
    #: The keyrings by key id. Their keys do not change.
    rings: Mapping[str, Keyring]

    def __init__(
        self,
        scheme: WebhookScheme,
        keys: Mapping[str, KeysNow],
        tolerance: float | None,
        base_url: str,
    ) -> None:
        self._scheme, self._keys = scheme, keys
        self._tolerance, self._base_url = tolerance, base_url
        self.rings = {key_id: ring for key_id, (ring, _) in keys.items()}
        self.has_short = not scheme.has_public_key and check_keys(scheme, self.rings)
        self.check = _head_check(scheme, self.rings, tolerance, base_url)

    def with_new(self, watch: Watch, ring: Keyring) -> KeysInUse:
        """Return the same with *ring* in place of the keys of *watch*.

        Raises:
            InvalidKey: A new key does not fit the scheme, or may be cut off.
        """
        keys = {
            key_id: (ring, watch) if of is watch else (old, of)
            for key_id, (old, of) in self._keys.items()
        }
        changed = KeysInUse(self._scheme, keys, self._tolerance, self._base_url)
        if changed.has_short and not self.has_short:
            raise InvalidKey(
                f"{self._scheme.slug}: the new secret has fewer than {self._scheme.secret.least}"
                " bytes, unlike those in use; it may be cut off, so copy it again"
            )
        return changed


def check_keys(scheme: WebhookScheme, rings: Mapping[str, Keyring]) -> bool:
    """Check all secrets, and return whether one has fewer bytes than a secret should.

    Raises:
        InvalidKey: A key does not fit the scheme.
    """
    rule = scheme.secret
    which = f" in {shown_variable(rule.variable)}" if rule.variable else ""
    short = False
    for key in [key for ring in rings.values() for _, key in ring.by_role()]:
        if not isinstance(key, SecretKey):
            raise InvalidKey(
                f"{scheme.slug} needs a shared secret, not a private or public key; give the"
                " secret, as text"
            )
        if key.starts_with(rule.refuse_prefixes):
            raise InvalidKey(
                f"{scheme.slug}: this is a key of another kind, not the secret{which}; copy the"
                " secret of the webhook"
            )
        if key.starts_with(_PUBLIC_KEYS):  # with it as the secret, anyone could sign
            raise InvalidKey(
                f"{scheme.slug}: the secret{which} is a public key, which others know; copy the"
                " secret of the webhook"
            )
        if rule.prefix and key.starts_with([f"v1,{rule.prefix}"]):
            raise InvalidKey(
                f"{scheme.slug}: the secret{which} begins with 'v1,', which is surplus; cut it off,"
                f" so that it begins with {shown(rule.prefix, ['whsec_'])}"
            )
        written = key.written(rule.form, rule.prefix)
        if rule.most is not None and not written.looks_short(least=rule.most + 1):
            raise InvalidKey(
                f"{scheme.slug}: the secret{which} has more than {rule.most} bytes; copy it again,"
                " alone"
            )
        short = short or written.looks_short(least=rule.least)
    return short


def _head_check(
    scheme: WebhookScheme, rings: Mapping[str, Keyring], tolerance: float | None, base_url: str
) -> HeadCheck:
    if scheme.timestamp is not None and tolerance is not None:
        scheme = scheme._replace(timestamp=scheme.timestamp._replace(tolerance=tolerance))
    signature = scheme.signature
    if isinstance(signature, HttpSignature):
        return HttpSignatureCheck(scheme, signature, rings)
    if isinstance(signature, SecretHeader):
        return SecretCheck(scheme, signature, rings[""])
    if isinstance(signature, SignatureMember):
        return MemberCheck(scheme, signature, rings[""])
    proof: Proof
    if signature.has_public_key:
        from countermark.webhooks._public_key_proof import PublicKeyProof  # late, as it is rare

        proof = PublicKeyProof(scheme, signature, rings[""])
    else:
        proof = HmacProof(scheme, signature, rings[""])
    return SignatureCheck(scheme, signature, proof, base_url)

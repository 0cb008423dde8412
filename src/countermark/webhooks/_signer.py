"""The signer of webhooks: a webhook scheme with the keys that sign."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from countermark._option_checks import checked_clock
from countermark._redaction import guarded, shown_variable
from countermark.errors import ConfigurationError, InvalidKey
from countermark.keys._keyring import Keyring
from countermark.keys._user import keys_now, start_watches
from countermark.webhooks._header_makers import (
    HeaderMaker,
    HttpSignatureMaker,
    SecretMaker,
    SignatureMaker,
    merged,
)
from countermark.webhooks._keyrings import keyrings_from_env
from countermark.webhooks._keys_in_use import check_keys
from countermark.webhooks._outgoing import Outgoing, outgoing
from countermark.webhooks._parts import HttpSignature, SecretHeader, SignatureMember
from countermark.webhooks._request_head import Text
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._signed_url import checked_base_url
from countermark.webhooks._signing_keys import hmac_keys
from countermark.webhooks._verifier_options import checked_rings, checked_scheme

if TYPE_CHECKING:
    from countermark.keys._watch import Watch


# Signed when two signers are put together, so that headers that contradict each other are found.
_TRIAL: Final = Outgoing(b"", "msg_trial", 1.5, "POST", "/")


class WebhookSigner:
    """Signs webhooks of your own, or the deliveries with which a test calls a handler.

    If the format has room for several signatures, a delivery has one by each key: first by the
    current one, even if it has expired, then by the next and previous ones until they expire. So
    receivers that have only the old or only the new secret accept it. Otherwise the current key
    signs alone. With a :class:`WatchedKeyring`, new keys are used from one delivery to the next.
    A signer is safe to use from threads.

    Args:
        scheme: A webhook scheme, or the name of one. For webhooks of your own use
            ``standard-webhooks``.
        keyring: The keys; private keys if receivers have public ones. For HTTP signatures a
            mapping: keyrings by key id, of which the first signs.
        also: Another signer that signs the same deliveries, with its own keys and the id and time
            of this one: in another version of the format, such as ``standard-webhooks-ed25519``,
            or in an older format of yours, for receivers that need that.
        base_url: The URL of the receiver before the path, such as ``https://hooks.example.com``, if
            the format signs the URL.
        clock: Returns the time, in seconds since the epoch.

    Raises:
        ConfigurationError: The scheme's deliveries cannot be signed here, or the arguments
            contradict each other.
        InvalidKey: A key does not fit the scheme, or has fewer bytes than a secret of your choice
            must have.
    """

    __slots__ = {
        "scheme": "The webhook scheme, a WebhookScheme.",
        "__weakref__": None,
        "_also": None,
        "_base_url": None,
        "_clock": None,
        "_key_id": None,
        "_maker": None,
        "_watches": None,
    }

    scheme: WebhookScheme

    @guarded
    def __init__(
        self,
        scheme: str | WebhookScheme,
        keyring: Keyring | Mapping[str, Keyring],
        *,
        also: WebhookSigner | None = None,
        base_url: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.scheme = checked_scheme(scheme)
        self._base_url = checked_base_url(self.scheme, base_url)
        self._clock = checked_clock(clock)
        self._key_id, given = next(iter(checked_rings(self.scheme, keyring).items()))
        ring, watch = keys_now(given)
        self._maker = self._maker_of(ring)
        self._watches = () if watch is None else (watch,)
        self._also = _checked_signer(also)
        if self._also is not None:
            self._headers(_TRIAL)
        if watch is not None:
            watch.attach(ring, self._prepare, scheme=f"webhook:{self.scheme.slug}")

    @classmethod
    @guarded
    def from_env(
        cls,
        scheme: str | WebhookScheme,
        *,
        watch: bool = False,
        also: WebhookSigner | None = None,
        base_url: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> WebhookSigner:
        """Build a signer with the keys of the environment variable that the scheme names.

        The variables are those of :meth:`WebhookVerifier.from_env`, of which only the current key
        id is used; private keys have a variable of their own. With *watch*, a new content of their
        files is used without a restart.
        """
        scheme = checked_scheme(scheme)
        variable = scheme.signing_variable
        rings = keyrings_from_env(scheme, variable, watch=watch, call="WebhookSigner")
        return cls(scheme, rings, also=also, base_url=base_url, clock=clock)

    @property
    def public_keys(self) -> tuple[str, ...]:
        """The public keys for receivers, the current one first; none if the keys are secrets."""
        return self._maker.public_keys

    def _maker_of(self, ring: Keyring) -> HeaderMaker:
        return _maker(self.scheme, self._key_id, ring, self._base_url)

    def _prepare(self, watch: Watch, ring: Keyring) -> Callable[[], None]:
        changed = self._maker_of(ring)

        def commit() -> None:
            self._maker = changed

        return commit

    @guarded
    def sign(
        self,
        body: Text,
        *,
        delivery_id: str | None = None,
        method: str = "POST",
        path: str = "/",
    ) -> dict[str, str]:
        """Return the headers of one attempt to deliver *body*, with this time.

        Args:
            body: The bytes that are sent, or text that is sent as UTF-8. Objects are refused: two
                JSON writers make different bytes of one object, and the signature is of bytes.
            delivery_id: The id of the delivery. Give it again for another attempt, so that the
                receiver recognizes a duplicate. None: a new one, if the format has a header for it.
            method: The method of the request, which some formats sign.
            path: The path with the query, percent-encoded, which some formats sign.

        Raises:
            ConfigurationError: An argument has the wrong type, or the format has no place for it.
        """
        for signer in self._all():
            start_watches(signer._watches)
        schemes = [signer.scheme for signer in self._all()]
        return self._headers(
            outgoing(schemes, body, delivery_id, now=self._clock(), method=method, path=path)
        )

    def _all(self) -> Iterator[WebhookSigner]:
        """Yield the signers of a delivery: this one, and the others of ``also``."""
        signer: WebhookSigner | None = self
        while signer is not None:
            yield signer
            signer = signer._also

    def _headers(self, delivery: Outgoing) -> dict[str, str]:
        place, headers = self.scheme.id, self._maker.make(delivery)
        if place and place.header:
            headers = {place.header: delivery.delivery_id, **headers}
        if self._also is None:
            return headers
        more = self._also._headers(delivery)
        return merged((self.scheme, self._also.scheme), headers, more)

    def __repr__(self) -> str:
        # A traceback may print a signer after its constructor failed.
        return f"<WebhookSigner {self.scheme.slug if hasattr(self, '_watches') else 'refused'}>"


def _maker(scheme: WebhookScheme, key_id: str, ring: Keyring, base_url: str) -> HeaderMaker:
    """Check the keys, and return what signs with them.

    Raises:
        InvalidKey: A key does not fit the scheme.
        ConfigurationError: The scheme's deliveries cannot be signed here.
    """
    is_secret = not scheme.has_public_key
    if is_secret and check_keys(scheme, {key_id: ring}) and scheme.secret.is_chosen:
        which = f" in {shown_variable(scheme.secret.variable)}" if scheme.secret.variable else ""
        raise InvalidKey(
            f"{scheme.slug}: the secret{which} has fewer than {scheme.secret.least} bytes; make one"
            f" with countermark keygen webhook:{scheme.slug}"
        )
    signature = scheme.signature
    if isinstance(signature, HttpSignature):
        return HttpSignatureMaker(scheme, signature, key_id, ring)
    if isinstance(signature, SecretHeader):
        return SecretMaker(signature, ring)
    if isinstance(signature, SignatureMember):
        raise ConfigurationError(
            f"{scheme.slug}: the signature is in the body, and a signer makes headers alone; sign"
            " its deliveries with code of your own"
        )
    if is_secret:
        keys = hmac_keys(ring, scheme.secret, signature.algorithm)
    else:
        from countermark.webhooks._private_keys import private_keys  # late, as it is rare

        keys = private_keys(scheme, signature.algorithm, ring)
    return SignatureMaker(scheme, signature, keys, base_url)


def _checked_signer(given: object) -> WebhookSigner | None:
    if given is not None and not isinstance(given, WebhookSigner):
        raise ConfigurationError("also= must be a WebhookSigner")
    return given

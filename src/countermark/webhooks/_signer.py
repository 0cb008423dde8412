"""The signer of webhooks: a webhook scheme with the keys that sign."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from countermark._option_checks import checked_clock
from countermark._redaction import guarded, shown_variable
from countermark.errors import ConfigurationError, InvalidKey
from countermark.keys._keyring import Keyring
from countermark.keys._user import keys_now, start_watches
from countermark.webhooks._header_checks import next_to_id
from countermark.webhooks._header_makers import (
    HeaderMaker,
    HttpSignatureMaker,
    Outgoing,
    SecretMaker,
    SignatureMaker,
)
from countermark.webhooks._keyrings import checked_scheme, keyrings_by_id, keyrings_from_env
from countermark.webhooks._keys_in_use import check_keys
from countermark.webhooks._parts import HttpSignature, SecretHeader, SignatureHeader
from countermark.webhooks._request_head import Text
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._signing_keys import hmac_keys

if TYPE_CHECKING:
    from countermark.keys._watch import Watch


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
        keyring: The keys. For HTTP signatures a mapping: keyrings by key id, of which the first
            signs.
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
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.scheme = checked_scheme(scheme)
        self._clock = checked_clock(clock)
        self._key_id, given = next(iter(keyrings_by_id(self.scheme, keyring).items()))
        ring, watch = keys_now(given)
        self._maker = _maker(self.scheme, self._key_id, ring)
        self._watches = () if watch is None else (watch,)
        if watch is not None:
            watch.attach(ring, self._prepare, scheme=f"webhook:{self.scheme.slug}")

    @classmethod
    @guarded
    def from_env(
        cls,
        scheme: str | WebhookScheme,
        *,
        watch: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> WebhookSigner:
        """Build a signer with the keys of the environment variable that the scheme names.

        The variables are those of :meth:`WebhookVerifier.from_env`, of which only the current key
        id is used. With *watch*, a new content of their files is used without a restart.
        """
        scheme = checked_scheme(scheme)
        return cls(
            scheme, keyrings_from_env(scheme, watch=watch, call="WebhookSigner"), clock=clock
        )

    def _prepare(self, watch: Watch, ring: Keyring) -> Callable[[], None]:
        changed = _maker(self.scheme, self._key_id, ring)

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
        start_watches(self._watches)
        content, own_id = _bytes_of(body), self._checked_id(delivery_id)
        _check_texts(method=method, path=path)
        delivery = Outgoing(content, own_id, self._clock(), method, path)
        headers = self._maker.make(delivery)
        place = self.scheme.id
        return {place.header: own_id, **headers} if place and place.header else headers

    def _checked_id(self, given: object) -> str:
        """Return the id for the header of the id, or "" if there is none."""
        place = self.scheme.id
        if place is None or not place.header:
            if given is None:
                return ""
            more = f", and write the id into {place.body} of the body" if place else ""
            raise ConfigurationError(
                f"{self.scheme.slug} has no header for the id of a delivery; leave delivery_id="
                f" out{more}"
            )
        if given is None:
            return f"msg_{os.urandom(16).hex()}"
        signature = self.scheme.signature
        # Two headers that a server joins have a comma.
        refused = {",", *(next_to_id(signature) if isinstance(signature, SignatureHeader) else ())}
        if (
            not isinstance(given, str)
            or not re.fullmatch("[!-~]{1,512}", given)
            or not refused.isdisjoint(given)
        ):
            raise ConfigurationError(
                "delivery_id= must be text of 1 to 512 visible ASCII characters without"
                f" {' '.join(sorted(refused))}"
            )
        return given

    def __repr__(self) -> str:
        # A traceback may print a signer after its constructor failed.
        return f"<WebhookSigner {self.scheme.slug if hasattr(self, '_watches') else 'refused'}>"


def _maker(scheme: WebhookScheme, key_id: str, ring: Keyring) -> HeaderMaker:
    """Check the keys, and return what signs with them.

    Raises:
        InvalidKey: A key does not fit the scheme.
        ConfigurationError: The scheme's deliveries cannot be signed here.
    """
    if check_keys(scheme, {key_id: ring}) and scheme.secret.is_chosen:
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
    keys = hmac_keys(ring, scheme.secret, signature.algorithm)
    return SignatureMaker(scheme, signature, keys)


def _bytes_of(body: object) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if not isinstance(body, str):
        raise ConfigurationError(
            "body= must be the bytes that are sent; write an object once, with"
            " json.dumps(event).encode(), and sign and send the result"
        )
    try:
        return body.encode()
    except UnicodeEncodeError:
        pass  # its message quotes the body
    raise ConfigurationError("body= is not valid Unicode text; give the bytes that are sent")


def _check_texts(**given: object) -> None:
    for name, value in given.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"{name}= must be text")
